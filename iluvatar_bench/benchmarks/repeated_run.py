"""A run of very many trials, made of copies of the tables of one of fewer.

To record ten million trials takes two hours; to copy a million ten times, with numbers, containers
and times of their own, takes minutes, and whoever opens the copy finds the same bytes a trial.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from iluvatar_bench.benchmarks.made_trials import TRIAL_SECONDS
from iluvatar_bench.records.trial_table import TrialTable
from iluvatar_bench.runs.parquet_trials import ParquetTrials
from iluvatar_bench.stats.accounting import COUNTED, outcome_counts
from iluvatar_bench.stats.rates import rates_of_counts

TABLES = ("trials", "events", "deaths", "samples", "invocations")
_NAMES = ("container_id", "snapshot_key")


def write_repeated(run: Path, copies: int, target: Path) -> None:
    """Write a run of so many times the trials of ``run``, which has been recorded by the benchmark.

    The copies come one after the other, as row groups of the same size; what is in ``evidence`` and
    ``spans`` stays. There is no CSV of the trials.

    Raises:
        OSError: there is no room for it.
    """
    target.mkdir()
    shutil.copyfile(run / "manifest.json", target / "manifest.json")
    trials = pq.read_metadata(run / "trials.parquet").num_rows
    for name in TABLES:
        _write_copies(run / f"{name}.parquet", copies, trials, target / f"{name}.parquet")
    table = TrialTable(ParquetTrials(target / "trials.parquet"))
    rates = rates_of_counts(outcome_counts(table.parts(*COUNTED)))
    rates.to_csv(target / "failure_rates.csv", index=False)


def _write_copies(source: Path, copies: int, trials: int, target: Path) -> None:
    file = pq.ParquetFile(source)
    with pq.ParquetWriter(target, file.schema_arrow) as writer:
        for copy in range(copies):
            for group in range(file.num_row_groups):
                writer.write_table(_moved(file.read_row_group(group), copy, trials))


def _moved(rows: pa.Table, copy: int, trials: int) -> pa.Table:
    """The rows as those of the copy with this number, of so many trials each."""
    later = pa.scalar(int(1e9 * copy * trials * TRIAL_SECONDS), pa.duration("ns"))
    for at, field in enumerate(rows.schema):
        column = rows[field.name]
        if field.name in ("trial", "round"):
            column = pc.add(column, copy * trials)
        elif field.name in _NAMES:
            column = pc.replace_substring(column, "-", f"-{copy:x}-", max_replacements=1)
        elif pa.types.is_timestamp(field.type):
            column = pc.add(column, later)
        rows = rows.set_column(at, field, column.cast(field.type))
    return rows
