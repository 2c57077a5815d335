"""Two profiles against each other, class by class, with one verdict each."""

from __future__ import annotations

from enum import StrEnum

import numpy as np
import pandas as pd

from iluvatar_bench.records import Outcome
from iluvatar_bench.stats.difference import rate_difference
from iluvatar_bench.stats.multiplicity import holm
from iluvatar_bench.stats.rates import failure_rates

COMPARISON_COLUMNS = (
    "kind",
    "bug_class",
    "baseline_count",
    "baseline_trials",
    "baseline_rate",
    "candidate_count",
    "candidate_trials",
    "candidate_rate",
    "difference",
    "low",
    "high",
    "p_value",
    "p_holm",
    "verdict",
)
"""The columns of :func:`compare_profiles`, in order."""


class Verdict(StrEnum):
    """What a comparison has shown of the candidate, at the chosen alpha."""

    BETTER = "better"
    WORSE = "worse"
    NO_DIFFERENCE_SHOWN = "no difference shown"
    """Not the same as "no difference": look at the interval for what is still possible."""


def compare_profiles(
    baseline: pd.DataFrame,
    candidate: pd.DataFrame,
    *,
    alpha: float = 0.05,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Each bug class, the failures together and the lost answers: candidate minus baseline.

    Intervals and p-values are those of :func:`rate_difference`. Holm's correction runs over
    all rows whose thing happened at least once on either side. The others cannot be
    significant whatever the truth: with both margins fixed, as Fisher's test has them, p is 1.
    So leaving them out keeps the error rate (Tarone, Biometrics 46, 1990), and a taxonomy with
    more classes does not blunt the comparison. Comparing a profile with itself therefore shows
    *any* difference with a probability of at most ``alpha``.

    A trial has one class, so classes compete: where a fix removes early failures, later ones
    can become more frequent. Read a "worse" beside the row of all failures.

    Args:
        baseline: trials of one side, one row each, with ``outcome`` and ``bug_class``.
        candidate: trials of the other side, likewise.
        alpha: a verdict needs ``p_holm`` at or below it.
        confidence: of the intervals, which are per row and not corrected.

    Returns:
        A frame with the columns :data:`COMPARISON_COLUMNS`: every bug class in its order
        (``kind`` "bug_class"), the reasons of unknown outcomes (``kind`` "unknown_class"), then
        ``failed`` and ``unknown`` (``kind`` "outcome"). ``p_holm`` is NaN for rows outside the
        family: those that never happened, and the reasons, which are judged together as unknown.

    Raises:
        ValueError: a column is missing, the accounting does not hold, a side has no trials,
            or alpha or confidence is not in (0, 1).
    """
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must lie between 0 and 1, not {alpha}")
    sides = {
        "baseline": _counts(baseline, "baseline"),
        "candidate": _counts(candidate, "candidate"),
    }
    table = sides["baseline"].join(sides["candidate"][["candidate_count", "candidate_trials"]])
    columns = ["baseline_count", "baseline_trials", "candidate_count", "candidate_trials"]
    found = [
        rate_difference(*counts, confidence=confidence) for counts in table[columns].to_numpy()
    ]
    table = table.reset_index().assign(
        baseline_rate=[value.baseline.estimate for value in found],
        candidate_rate=[value.candidate.estimate for value in found],
        difference=[value.estimate for value in found],
        low=[value.low for value in found],
        high=[value.high for value in found],
        p_value=[value.p_value for value in found],
    )
    happened = (table["baseline_count"] + table["candidate_count"]) > 0
    happened &= table["kind"] != "unknown_class"
    table["p_holm"] = holm(table["p_value"].where(happened, np.nan).to_numpy())
    table["verdict"] = [
        str(_verdict(p, difference, alpha))
        for p, difference in zip(table["p_holm"], table["difference"], strict=True)
    ]
    return table[list(COMPARISON_COLUMNS)]


def overall_verdict(table: pd.DataFrame) -> Verdict:
    """One verdict for a table of :func:`compare_profiles`: what a gate looks at.

    Worse, if all failures together or the lost answers are worse: answers that get lost must not
    buy a good verdict. Otherwise better, if the failures together are better. Otherwise worse, if
    any class is: a shift between classes that leaves the total where it was still is news. A
    class that rises while the total falls does not make the whole worse, because classes compete.

    Every "worse" here is one of the table's, so the chance of a false alarm is at most ``alpha``.

    Raises:
        KeyError: the table lacks a column, or the rows of the outcomes.
    """
    verdicts = table.set_index("bug_class")["verdict"]
    total, lost = verdicts[str(Outcome.FAILED)], verdicts[str(Outcome.UNKNOWN)]
    if Verdict.WORSE in (total, lost):
        return Verdict.WORSE
    if total == Verdict.BETTER:
        return Verdict.BETTER
    if (verdicts == Verdict.WORSE).any():
        return Verdict.WORSE
    return Verdict.BETTER if (verdicts == Verdict.BETTER).any() else Verdict.NO_DIFFERENCE_SHOWN


def _counts(trials: pd.DataFrame, side: str) -> pd.DataFrame:
    """Counts and totals by class, whatever the trials' profile and mechanism are called."""
    table = failure_rates(trials.assign(profile=side, mechanism=None))
    if len(table) == 0:
        raise ValueError(f"the {side} has no trials: nothing to compare")
    kept = table[table["bug_class"] != Outcome.OK].set_index("bug_class")
    return kept[["kind", "count", "trials"]].rename(
        columns={"count": f"{side}_count", "trials": f"{side}_trials"}
    )


def _verdict(p_holm: float, difference: float, alpha: float) -> Verdict:
    if not p_holm <= alpha:  # NaN as well
        return Verdict.NO_DIFFERENCE_SHOWN
    return Verdict.WORSE if difference > 0 else Verdict.BETTER
