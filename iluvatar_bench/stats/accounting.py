"""The books of a run: each trial has one outcome and one reason, and how many have which."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from iluvatar_bench.bugs.taxonomy import BugClass
from iluvatar_bench.records import Outcome, UnknownClass
from iluvatar_bench.records.frames import with_unknown_class
from iluvatar_bench.stats._checks import refuse_missing, refuse_rows, require_columns

COUNTED = ("profile", "outcome", "bug_class", "unknown_class", "mechanism")
"""What trials are counted by, and all that rates are computed from."""


def check_accounting(trials: pd.DataFrame) -> None:
    """Hold the identity: trials = ok + failed + unknown, and failed = the sum over bug classes.

    That is: every row has one of the three outcomes, every failed row exactly one known bug
    class, and no other row has a class. Likewise an unknown row has a known reason, and no other
    has one, in trials with ``unknown_class`` (earlier versions have no such column).

    Args:
        trials: one row a trial, with at least ``outcome`` and ``bug_class``; a missing class is
            None or NaN. An empty frame passes.

    Raises:
        ValueError: a column is missing or the identity does not hold; the message names the
            first rows at fault by their index.
    """
    require_columns(trials, ("outcome", "bug_class"))
    outcome = trials["outcome"]
    refuse_rows(
        trials, ~outcome.isin(list(Outcome)), "an outcome that is none of ok|failed|unknown"
    )
    failed = outcome == Outcome.FAILED
    classed = trials["bug_class"].notna()
    refuse_rows(trials, failed & ~classed, "a failure without a bug class")
    refuse_rows(trials, classed & ~failed, "a bug class without a failure")
    refuse_rows(
        trials, classed & ~trials["bug_class"].isin(list(BugClass)), "a bug class that nobody knows"
    )
    if "unknown_class" in trials.columns:
        unknown, reason = outcome == Outcome.UNKNOWN, trials["unknown_class"]
        wrong = unknown & ~reason.isin(list(UnknownClass))
        refuse_rows(trials, wrong, "an unknown outcome without a known reason")
        refuse_rows(trials, reason.notna() & ~unknown, "a known outcome that is said to be unknown")


def outcome_counts(parts: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """How many trials there are of each profile, outcome, class, reason and mechanism.

    Args:
        parts: the trials, some rows at a time, with the columns :data:`COUNTED` (but for
            ``unknown_class``, which runs of earlier versions have not).

    Returns:
        A frame with the columns :data:`COUNTED` and ``count``, a row for each combination that
        came, in the order of their first trials.

    Raises:
        ValueError: a column or a profile is missing, or :func:`check_accounting` fails.
    """
    counted = [_counts_of(part) for part in parts]
    if not counted:
        return pd.DataFrame(columns=[*COUNTED, "count"])
    return _together(pd.concat(counted, ignore_index=True))


def _counts_of(part: pd.DataFrame) -> pd.DataFrame:
    require_columns(part, ("profile", "mechanism", "outcome", "bug_class"))
    counts = _together(with_unknown_class(part).assign(count=1))
    try:
        _check(counts)
    except ValueError:
        # A few combinations are soon looked through; it is the rows that a message has to name.
        _check(part)
        raise
    return counts


def _check(trials: pd.DataFrame) -> None:
    check_accounting(trials)
    refuse_missing(trials, ["profile"])


def _together(rows: pd.DataFrame) -> pd.DataFrame:
    """One row for each combination, with the sum of its counts."""
    groups = rows.groupby(list(COUNTED), sort=False, observed=True, dropna=False)
    return groups["count"].sum().reset_index()
