"""The trials of a run folder: from their table, or from their journal where there is none yet."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd

from iluvatar_bench.errors import UsageError
from iluvatar_bench.host.journal import segments_of
from iluvatar_bench.records.frames import trials_frame
from iluvatar_bench.records.trial_table import TrialTable
from iluvatar_bench.runs.journaled_trials import JournaledTrials
from iluvatar_bench.runs.parquet_trials import ParquetTrials
from iluvatar_bench.runs.store import RunFolder, has_table, read_manifest

LARGE_JOURNAL_BYTES = 64 * 2**20
"""Some 10,000 trials: from there on a journal is not read into memory."""


def load_trials(path: Path) -> tuple[dict[str, Any], TrialTable]:
    """The manifest and the trials of a run folder, which are read as they are asked for.

    The journal serves where a run was cut off. A run that ended before its first trial has a table
    without rows.

    Raises:
        UsageError: it is no run folder, it is damaged, or another schema's.
    """
    folder = RunFolder(path)
    manifest = read_manifest(path)
    if has_table(path, "trials", folder.trials):
        try:
            return manifest, TrialTable(ParquetTrials(path / "trials.parquet"))
        except UsageError:
            if not folder.trials.path.exists():
                raise
    try:
        return manifest, _journaled(folder)
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f"the trials in {path} cannot be read: {error}") from error


def _journaled(folder: RunFolder) -> TrialTable:
    journal = folder.trials
    size = journal.path.stat().st_size if journal.path.exists() else 0
    # That of an observation may be in several parts, and its trials come in no other order.
    if size < LARGE_JOURNAL_BYTES or segments_of(journal.path):
        return TrialTable.of(trials_frame(folder.journal()))
    with TemporaryDirectory(prefix="iluvatar-bench-") as scratch:
        table = Path(scratch) / "trials.parquet"
        JournaledTrials(journal).write_table(table)
        # It is read as long as somebody asks, though its name goes now.
        return TrialTable(ParquetTrials(table))


def load_run(
    path: Path, *, columns: Sequence[str] | None = None
) -> tuple[dict[str, Any], pd.DataFrame]:
    """The same with the trials as a frame.

    With ``columns`` there are those that are named, where the run has them.

    Raises:
        UsageError: as :func:`load_trials`.
    """
    manifest, trials = load_trials(path)
    return manifest, trials.whole() if columns is None else trials.columns(*columns)
