"""The tables of an observation, made from its journals a part at a time."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from iluvatar_bench.errors import UnusablePath, UsageError
from iluvatar_bench.host.full_disk import full_disk_told
from iluvatar_bench.host.journal import Journal
from iluvatar_bench.host.kernel.cgroup_usage import CgroupUsage
from iluvatar_bench.host.segments import SEGMENT_BYTES
from iluvatar_bench.host.whole_files import whole_file
from iluvatar_bench.observe.folder import ObservedFolder
from iluvatar_bench.records import Death, Event, Outcome, Sample, Trial, Way
from iluvatar_bench.records.frames import Observations, invocations_frame, trials_frame
from iluvatar_bench.records.node_frames import NODE_COLUMNS, example_row, node_frame
from iluvatar_bench.records.run_status import OBSERVED, RunStatus
from iluvatar_bench.stats import failure_rates

ROWS_AT_A_TIME = 5000

_RATE_COLUMNS = ["profile", "outcome", "bug_class", "unknown_class", "mechanism"]


def write_observed(path: Path) -> None:
    """Write the tables of an observation that has ended, and last its manifest.

    Until then, and where it fails, its journals are read.

    Raises:
        DiskFull: there is no room for them.
        UnusablePath: a table cannot be written for another reason.
        UsageError: a journal is damaged.
    """
    folder = ObservedFolder(path, segment_bytes=SEGMENT_BYTES)
    folder.manifest = json.loads((path / "manifest.json").read_text())
    folder.claim()
    try:
        with full_disk_told(path):
            _write_trials(path)
            for name, (frame, example) in _SEEN.items():
                _write(path, name, frame, example, Journal(path / f"{name}.jsonl").each_row())
            invocations_frame([]).to_parquet(path / "invocations.parquet", index=False)
        folder.write_manifest(status=RunStatus.FINISHED)
    except (OSError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, OSError):
            raise UnusablePath(
                f"cannot write the tables in {path}: {error.strerror or error}; its journals hold "
                "what had ended"
            ) from error
        raise UsageError(f"the journals in {path} cannot be read: {error}") from error
    finally:
        folder.flush_and_close()


def _write_trials(path: Path) -> None:
    def frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
        return trials_frame(Trial.from_json(row) for row in rows)

    rows = Journal(path / "journal.jsonl").each_row()
    _write_csv(path, "trials", _write(path, "trials", frame, _TRIAL.as_json(), rows))
    outcomes = pd.read_parquet(path / "trials.parquet", columns=_RATE_COLUMNS)
    with whole_file(path / "failure_rates.csv") as draft:
        failure_rates(outcomes).to_csv(draft, index=False)


def _events(rows: list[dict[str, Any]]) -> pd.DataFrame:
    return Observations(events=[Event(**row) for row in rows]).frames()["events"]


def _deaths(rows: list[dict[str, Any]]) -> pd.DataFrame:
    deaths = [Death(**{**row, "first_way": Way(row["first_way"])}) for row in rows]
    return Observations(deaths=deaths).frames()["deaths"]


def _samples(rows: list[dict[str, Any]]) -> pd.DataFrame:
    return Observations(samples=[Sample(**row) for row in rows]).frames()["samples"]


def _counters(rows: list[dict[str, Any]]) -> pd.DataFrame:
    names = ("run_id", "sampled_at", "container_id", *CgroupUsage.__dataclass_fields__)
    frame = pd.DataFrame(rows, columns=list(names))
    frame["sampled_at"] = pd.to_datetime(frame["sampled_at"], utc=True, format="ISO8601")
    for name in names[3:]:
        frame[name] = frame[name].astype("float64")
    return frame


Frame = Callable[[list[dict[str, Any]]], pd.DataFrame]

_EPOCH = "1970-01-01T00:00:00+00:00"

_TRIAL = Trial(
    run_id="",
    trial=0,
    container_id="",
    profile=OBSERVED,
    factors={"client": "", "namespace": ""},
    function="",
    submitted_at=_EPOCH,
    outcome=Outcome.OK,
)
_SAMPLE = Sample(run_id="", round=0, sampled_at=_EPOCH, container_id="", rss_bytes=0, diff_bytes=0)
_DEATH = Death(run_id="", container_id="", pid=0, first_way=Way.PIDFD, first_seen_at=_EPOCH)

_SEEN: dict[str, tuple[Frame, dict[str, Any]]] = {
    "events": (_events, Event(run_id="", timestamp=_EPOCH, topic="").as_row()),
    "deaths": (_deaths, _DEATH.as_row()),
    "samples": (_samples, _SAMPLE.as_row()),
    "counters": (_counters, {"run_id": "", "sampled_at": _EPOCH, "container_id": ""}),
    **{name: (partial(node_frame, name), example_row(name)) for name in NODE_COLUMNS},
}
"""How the rows of a journal become a frame, and a row that shows the types of its columns."""


def _write(
    path: Path, name: str, frame: Frame, example: dict[str, Any], rows: Iterable[dict[str, Any]]
) -> pa.Schema:
    """One table as Parquet: no more than a part of it is in memory at a time."""
    schema = _schema(frame([example]))
    with (
        whole_file(path / f"{name}.parquet") as draft,
        pq.ParquetWriter(draft, schema) as writer,
    ):
        for part in _parts(rows):
            table = pa.Table.from_pandas(frame(part), schema=schema, preserve_index=False)
            writer.write_table(table)
    return schema


def _write_csv(path: Path, name: str, schema: pa.Schema) -> None:
    """A table that is there as Parquet as CSV too."""
    table = pq.ParquetFile(path / f"{name}.parquet")
    with whole_file(path / f"{name}.csv") as draft:
        schema.empty_table().to_pandas().to_csv(draft, index=False)
        for batch in table.iter_batches(ROWS_AT_A_TIME):
            batch.to_pandas().to_csv(draft, mode="a", header=False, index=False)


def _schema(example: pd.DataFrame) -> pa.Schema:
    """The types of a table: a part in which a column is empty all through has the same."""
    fields = []
    for field in pa.Schema.from_pandas(example, preserve_index=False):
        kind = field.type
        if pa.types.is_null(kind):
            kind = pa.string()
        elif pa.types.is_timestamp(kind):
            kind = pa.timestamp("ns", "UTC")
        fields.append(pa.field(field.name, kind))
    return pa.schema(fields)


def _parts(rows: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    waiting = iter(rows)
    while part := list(islice(waiting, ROWS_AT_A_TIME)):
        yield part
