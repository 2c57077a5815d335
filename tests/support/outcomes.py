"""What went wrong with trials that were to go well, for the message of the assertion."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from iluvatar_bench.records import Outcome, Trial


def not_ok(trials: Iterable[Trial] | pd.DataFrame) -> str:
    """The trials that are not ``ok``, a paragraph each: class, mechanism, error and evidence.

    A failure that comes once in fifty suites is only understood from what its first message says.
    """
    if not isinstance(trials, pd.DataFrame):
        trials = pd.DataFrame([trial.as_row() for trial in trials])
    columns = ["trial", "outcome", "bug_class", "unknown_class", "mechanism", "error", "evidence"]
    bad = trials[trials["outcome"] != str(Outcome.OK)]
    return "\n\n".join(str(row) for row in bad[columns].to_dict("records"))
