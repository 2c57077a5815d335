"""Two sides beside each other, class by class: described, with intervals that know of clusters.

Nothing is judged here. Trials of two runs are not exchangeable: one event takes several of them,
and rates drift between runs. What may be judged is in :mod:`iluvatar_bench.stats.paired_blocks`
(randomised blocks) and :mod:`iluvatar_bench.stats.replicates` (replicated runs).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import pandas as pd

from iluvatar_bench.bugs.taxonomy import BugClass
from iluvatar_bench.records import Outcome, UnknownClass
from iluvatar_bench.records.frames import with_unknown_class
from iluvatar_bench.stats._checks import check_confidence
from iluvatar_bench.stats.accounting import check_accounting
from iluvatar_bench.stats.failure_events import (
    EVENT_EVIDENCE,
    EventBook,
    between_runs_rate,
    clustered_rate,
    sizes_of,
)

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
"""The columns of every table of two sides, in order."""

EVENT_COLUMNS = (
    "baseline_events",
    "baseline_low",
    "baseline_high",
    "candidate_events",
    "candidate_low",
    "candidate_high",
)
"""What :func:`describe_sides` adds: events beside containers, a rate's widened interval."""

COMPARED = ("outcome", "bug_class", "unknown_class", *EVENT_EVIDENCE)
"""The columns of trials that a comparison looks at."""


class Verdict(StrEnum):
    """What a comparison has shown of the candidate, at the chosen alpha."""

    BETTER = "better"
    WORSE = "worse"
    NO_DIFFERENCE_SHOWN = "no difference shown"
    """Not the same as "no difference": look at the interval for what is still possible."""
    DESCRIBED = "described"
    """Nothing was judged: the data are not of a kind that allows it."""


def describe_sides(
    baseline: Sequence[pd.DataFrame],
    candidate: Sequence[pd.DataFrame],
    *,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Each bug class, the failures together and the lost answers: candidate minus baseline.

    Of one run a side the interval of a rate is widened by the design effect of its clusters
    (:func:`clustered_rate`); of several by what was measured between them too, whichever is wider
    (:func:`between_runs_rate`). The interval of the difference is Newcombe's hybrid
    (Statistics in Medicine 17, 1998, method 10) of those of the two rates.

    A trial has one class, so classes compete: where a fix removes early failures, later ones
    can become more frequent. Read a class beside the row of all failures.

    Args:
        baseline: the trials of each run of one side, one row each, with ``outcome`` and
            ``bug_class``; where they have ``mechanism`` and ``evidence``, events are counted, else
            each failure is one.
        candidate: those of the other side, likewise.
        confidence: of the intervals, which are per row and not corrected.

    Returns:
        A frame with the columns :data:`COMPARISON_COLUMNS` and :data:`EVENT_COLUMNS`: every bug
        class in its order (``kind`` "bug_class"), the reasons of unknown outcomes (``kind``
        "unknown_class"), then ``failed`` and ``unknown`` (``kind`` "outcome"). No row has a p, and
        every verdict is *described*.

    Raises:
        ValueError: a column is missing, the accounting does not hold, a side has no trials, or
            confidence is not in (0, 1).
    """
    counted = ([count_run([trials]) for trials in runs] for runs in (baseline, candidate))
    return describe_counted(*counted, confidence=confidence)


@dataclass(frozen=True, slots=True, eq=False)
class CountedRun:
    """What a comparison knows of a run; made by :func:`count_run`.

    ``not_ok`` has a row for each trial that was not ok: its outcome, its class or its reason, and
    its event (``failure_events.EventBook.marks``).
    """

    trials: int
    not_ok: pd.DataFrame


def count_run(parts: Iterable[pd.DataFrame]) -> CountedRun:
    """Count the trials of one run, some rows at a time, with the columns :data:`COMPARED`.

    Raises:
        ValueError: a column is missing, or the accounting does not hold.
    """
    book, total, kept = EventBook(), 0, []
    for part in parts:
        check_accounting(part)
        total += len(part)
        chosen = with_unknown_class(part[part["outcome"] != Outcome.OK])
        named = chosen[["outcome", "bug_class", "unknown_class"]]
        kept.append(pd.concat([named, book.marks(chosen)], axis=1))
    return CountedRun(total, pd.concat(kept) if kept else pd.DataFrame())


def describe_counted(
    baseline: Sequence[CountedRun], candidate: Sequence[CountedRun], *, confidence: float = 0.95
) -> pd.DataFrame:
    """The frame of :func:`describe_sides`, of runs that were counted.

    Raises:
        ValueError: a side has no trials, or confidence is not in (0, 1).
    """
    check_confidence(confidence)
    sides = {"baseline": baseline, "candidate": candidate}
    for side, runs in sides.items():
        if not runs or any(run.trials == 0 for run in runs):
            raise ValueError(f"the {side} has no trials: nothing to compare")
    selections = [("bug_class", "bug_class", str(name)) for name in BugClass]
    selections += [("unknown_class", "unknown_class", str(name)) for name in UnknownClass]
    selections += [("outcome", "outcome", str(o)) for o in (Outcome.FAILED, Outcome.UNKNOWN)]
    rows = []
    for kind, column, name in selections:
        row: dict[str, Any] = {"kind": kind, "bug_class": name}
        for side, runs in sides.items():
            chosen = [run.not_ok[run.not_ok[column] == name] for run in runs]
            totals = [run.trials for run in runs]
            row |= {f"{side}_{key}": v for key, v in _side(chosen, totals, confidence).items()}
        rows.append(row | _difference(row))
    return pd.DataFrame(rows)[[*COMPARISON_COLUMNS, *EVENT_COLUMNS]]


def _side(
    chosen: Sequence[pd.DataFrame], totals: Sequence[int], confidence: float
) -> dict[str, float]:
    sizes = [size for marks in chosen for size in sizes_of(marks)]
    found = clustered_rate(sizes, sum(totals), confidence=confidence)
    low, high = found.low, found.high
    if len(chosen) > 1:
        _, *bounds = between_runs_rate([len(c) for c in chosen], totals, confidence=confidence)
        low, high = min(low, bounds[0]), max(high, bounds[1])
    return {
        "count": found.count,
        "trials": found.total,
        "rate": found.count / found.total,
        "events": found.events,
        "low": low,
        "high": high,
    }


def _difference(row: dict[str, Any]) -> dict[str, Any]:
    one, other = row["baseline_rate"], row["candidate_rate"]
    difference = other - one
    below = math.hypot(other - row["candidate_low"], row["baseline_high"] - one)
    above = math.hypot(row["candidate_high"] - other, one - row["baseline_low"])
    return {
        "difference": difference,
        "low": max(-1.0, difference - below),
        "high": min(1.0, difference + above),
        "p_value": np.nan,
        "p_holm": np.nan,
        "verdict": str(Verdict.DESCRIBED),
    }
