"""The trials of one cell as a part of the dataset: columns of the same types in every part. Pure.

A column in which one run has no value would be of no type in its part, and whoever reads the
dataset as one table would stumble over it; so would he over whole numbers that are floating in the
parts with a gap.
"""

from __future__ import annotations

import io
from collections import Counter
from dataclasses import dataclass, field
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq

from iluvatar_bench.batch.sweep.sweep_cells import AXES, SweepCell
from iluvatar_bench.count_words import count_of
from iluvatar_bench.profiles import Profile
from iluvatar_bench.records import Outcome
from iluvatar_bench.records.schema import INTEGER, NUMBER, TIME, TRIALS, YES_NO

_TYPES = {
    INTEGER: pa.int64(),
    NUMBER: pa.float64(),
    TIME: pa.timestamp("us", tz="UTC"),
    YES_NO: pa.bool_(),
}
"""Text and JSON are what is left."""

_FACTOR_TYPES: dict[object, pa.DataType] = {int: pa.int64(), float: pa.float64()}


def part_path(cell: SweepCell) -> str:
    """Where a cell's part lies below the dataset: a folder for each axis, as Hive names them."""
    folders = (f"{axis}={quote(str(value), safe='')}" for axis, value in cell.axes.items())
    return "/".join((*folders, f"{cell.id}.parquet"))


def trial_part(trials: bytes, cell: SweepCell, *, host: str) -> bytes:
    """A run's ``trials.parquet`` as a part: with ``cell`` and ``host``, without what its folders
    say."""
    table = pq.read_table(io.BytesIO(trials))
    table = table.drop_columns([name for name in AXES if name in table.column_names])
    columns = {
        "cell": pa.array([cell.id] * table.num_rows, pa.string()),
        "host": pa.array([host] * table.num_rows, pa.string()),
        **{name: table[name].cast(_type_of(name)) for name in table.column_names},
    }
    sink = io.BytesIO()
    # Without pandas' own notes, which are of the run's frame and hold for this table no more.
    pq.write_table(pa.table(columns).replace_schema_metadata(None), sink)
    return sink.getvalue()


@dataclass(frozen=True, slots=True)
class TrialCounts:
    """How trials ended; ``classes`` counts the failed ones of each bug class."""

    trials: int = 0
    ok: int = 0
    failed: int = 0
    unknown: int = 0
    classes: Counter[str] = field(default_factory=Counter)

    def __add__(self, other: TrialCounts) -> TrialCounts:
        return TrialCounts(
            self.trials + other.trials,
            self.ok + other.ok,
            self.failed + other.failed,
            self.unknown + other.unknown,
            self.classes + other.classes,
        )

    def told(self) -> str:
        """In a line for people."""
        if self.ok == self.trials:
            return f"{count_of(self.trials, 'trial')}, all ok"
        parts = [f"{number} {name}" for name, number in sorted(self.classes.items())]
        parts += [f"{self.unknown} unknown"] if self.unknown else []
        not_ok = self.trials - self.ok
        return f"{count_of(self.trials, 'trial')}, {not_ok} not ok: {', '.join(parts)}"


def counts_of(trials: bytes) -> TrialCounts:
    """How the trials of a run's ``trials.parquet`` ended."""
    table = pq.read_table(io.BytesIO(trials), columns=["outcome", "bug_class"]).to_pydict()
    outcomes = Counter(table["outcome"])
    classes = Counter(name for name in table["bug_class"] if name)
    ok, failed, unknown = (outcomes[one] for one in (Outcome.OK, Outcome.FAILED, Outcome.UNKNOWN))
    return TrialCounts(outcomes.total(), ok, failed, unknown, classes)


def _type_of(column: str) -> pa.DataType:
    if column in Profile.model_fields:
        return _FACTOR_TYPES.get(Profile.model_fields[column].annotation, pa.string())
    described = TRIALS.columns.get(column)
    return pa.string() if described is None else _TYPES.get(described.type, pa.string())
