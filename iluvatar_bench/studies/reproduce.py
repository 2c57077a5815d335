"""A run's tables made again from the rawest that is kept of it, and held against those kept.

From its journals, by what wrote the tables at the run's end; of a run that has none (a recorded
one, an observation, one that was judged anew), what is derived from its trials.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from iluvatar_bench.errors import UsageError
from iluvatar_bench.records.run_result import RunResult
from iluvatar_bench.records.run_status import IN_JOURNALS_ONLY, OBSERVED
from iluvatar_bench.runs.result import open_run
from iluvatar_bench.runs.run_tables import write_tables
from iluvatar_bench.runs.store import RunFolder
from iluvatar_bench.studies.root_cause import root_cause_of

_KEY = ["profile", "kind", "bug_class"]
"""What a row of the failure rates is of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableCheck:
    """One table that was made again: the file's name, its rows, and how it differs.

    ``differs`` is empty where it is the same; ``source`` is what it was made from.
    """

    name: str
    rows: int
    source: str
    differs: str = ""


def check_tables(folder: Path) -> tuple[TableCheck, ...]:
    """Make the tables of a run again and compare them with those in its folder, which stays as is.

    Raises:
        UsageError: it is no run folder, or it is damaged.
    """
    try:
        run = open_run(folder)
        checks = [*_derived(run)]
        if _is_journaled(run):
            checks += _journaled(folder)
    except (KeyError, TypeError, ValueError, AttributeError, OSError) as error:
        # A folder that somebody else has made holds whatever they please.
        told = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        raise UsageError(f"the tables of {folder} cannot be made again: {told}") from error
    return tuple(sorted(checks, key=lambda check: check.name))


def _is_journaled(run: RunResult) -> bool:
    """Whether the journals hold what the tables do."""
    judged_anew = bool(run.manifest.get("rejudged"))
    cut_off = run.manifest.get("status") in IN_JOURNALS_ONLY
    journal = run.folder / "journal.jsonl"
    return journal.exists() and not (judged_anew or cut_off or run.workload == OBSERVED)


def _derived(run: RunResult) -> Iterator[TableCheck]:
    """What follows from the trials alone."""
    rates = run.folder / "failure_rates.csv"
    if rates.exists():
        yield TableCheck(
            name=rates.name,
            rows=len(run.rates),
            source="trials",
            differs=_rates_differ(pd.read_csv(rates), run.rates),
        )
    table, text = run.folder / "trials.parquet", run.folder / "trials.csv"
    if table.exists() and text.exists():
        frame = pd.read_parquet(table)
        differs = "" if frame.to_csv(index=False) == text.read_text() else "other text"
        yield TableCheck(name=text.name, rows=len(frame), source="trials", differs=differs)
    effects = run.folder / "effects.csv"
    if "design" in run.manifest and effects.exists():
        # Alpha decides which intervals are drawn, and is nowhere but in its command.
        found = root_cause_of(run, alpha=0.05).effects
        yield TableCheck(
            name=effects.name,
            rows=len(found),
            source="trials",
            differs=_frames_differ(pd.read_csv(effects), _as_read(found)),
        )


def _journaled(folder: Path) -> Iterator[TableCheck]:
    """Every table that is written at a run's end, from its journals."""
    with tempfile.TemporaryDirectory(prefix="ib-tables-") as scratch:
        # Of the same name: a table has the run's id in it.
        copy = RunFolder(Path(scratch) / folder.name)
        copy.path.mkdir()
        for path in folder.glob("*.jsonl"):
            (copy.path / path.name).symlink_to(path.resolve())
        write_tables(copy)
        for made in sorted(copy.path.glob("*.parquet")):
            frame, kept = pd.read_parquet(made), folder / made.name
            there = kept.exists()
            differs = _frames_differ(pd.read_parquet(kept), frame) if there else "is missing"
            yield TableCheck(name=made.name, rows=len(frame), source="journals", differs=differs)


def _as_read(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame as it comes back from its text."""
    return pd.read_csv(io.StringIO(frame.to_csv(index=False)))


def _rates_differ(kept: pd.DataFrame, made: pd.DataFrame) -> str:
    """How the rates differ; classes that the program of then did not know are no difference."""
    if not set(_KEY) <= set(kept.columns):
        return f"other columns: {', '.join(kept.columns[:3])}, …"
    rows = _as_read(made).set_index(_KEY)
    known = rows.index.isin(kept.set_index(_KEY).index)
    if (rows.loc[~known, "count"] > 0).any():
        return "has classes that were not there"
    return _frames_differ(kept, rows[known].reset_index()[list(made.columns)])


def _frames_differ(kept: pd.DataFrame, made: pd.DataFrame) -> str:
    """How two tables differ, in words; empty if they are the same, row by row."""
    if list(kept.columns) != list(made.columns):
        return "other columns"
    if len(kept) != len(made):
        return f"{len(made)} rows, not {len(kept)}"
    try:
        pd.testing.assert_frame_equal(
            kept.reset_index(drop=True), made.reset_index(drop=True), rtol=1e-9
        )
    except AssertionError as error:
        return " ".join(str(error).split())[:200]
    return ""
