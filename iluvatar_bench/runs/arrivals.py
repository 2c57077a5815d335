"""The arrivals of a run on disk: their journal, and their table."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from iluvatar_bench.errors import UsageError
from iluvatar_bench.records.frames import arrivals_frame, with_later_columns
from iluvatar_bench.runs.store import RunFolder, read_table


def load_arrivals(path: Path) -> pd.DataFrame:
    """The arrivals of a run folder; the journal serves where a run was cut off.

    Raises:
        UsageError: an arrival stands there twice, or a failed one without a class: no count made
            from such a folder could be trusted.
    """
    journal = RunFolder(path).arrivals
    frame = read_table(path, "arrivals", journal)
    if frame is None:
        frame = arrivals_frame(journal.rows())
    frame = with_later_columns(frame)
    if frame["arrival"].duplicated().any():
        raise UsageError(f"{path}: an arrival stands in it twice")
    if (frame["outcome"].eq("failed") != frame["bug_class"].notna()).any():
        raise UsageError(f"{path}: a failed arrival has no class, or another has one")
    return frame
