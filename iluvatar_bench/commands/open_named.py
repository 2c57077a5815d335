"""Opening the runs that a command was given: whether they are there is answered at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from iluvatar_bench.records.run_result import RunResult


def open_named(names: Sequence[str]) -> list[RunResult]:
    """The runs of these names, each found before any is opened, which takes pandas.

    Raises:
        UsageError: one is no run, or is damaged.
    """
    from iluvatar_bench.runs import find_run

    folders = [find_run(name) for name in names]
    from iluvatar_bench.runs import open_run

    return [open_run(folder) for folder in folders]
