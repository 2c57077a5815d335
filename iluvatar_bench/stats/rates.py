"""How often something failed, and how sure that number is.

A rate never stands alone: it carries its count, its total and an interval. Zero failures in 40
trials does not mean "never"; it means "at 95 % confidence, below 7.2 %".
"""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass
from typing import Any, Literal, get_args

import pandas as pd
import scipy

from iluvatar_bench.bugs.taxonomy import BugClass, Mechanism
from iluvatar_bench.records import Outcome, UnknownClass
from iluvatar_bench.stats._checks import check_confidence, check_counts
from iluvatar_bench.stats.accounting import outcome_counts

IntervalMethod = Literal["wilson", "clopper_pearson"]

FAILURE_RATE_COLUMNS = (
    "profile",
    "kind",
    "bug_class",
    "count",
    "trials",
    "rate",
    "low",
    "high",
    "upper_bound_if_zero",
    "mechanisms",
)
"""The columns of :func:`failure_rates`, in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """``count`` of ``total`` trials, with a two-sided interval; made by :func:`rate`.

    ``estimate`` is count / total, NaN when ``total`` is 0. ``low`` and ``high`` bound it at
    ``confidence``; with no trials they are 0 and 1. ``upper_if_zero`` is the one-sided bound of
    :func:`zero_failure_upper_bound` when ``count`` is 0, else ``None``.
    """

    count: int
    total: int
    estimate: float
    low: float
    high: float
    upper_if_zero: float | None
    confidence: float
    method: IntervalMethod

    @property
    def half_width(self) -> float:
        """Half the interval's length: 0.5 with no trials. What sequential stopping looks at."""
        return (self.high - self.low) / 2


def rate(
    count: int, total: int, *, method: IntervalMethod = "wilson", confidence: float = 0.95
) -> Rate:
    """A binomial rate with its two-sided interval.

    ``wilson`` is the score interval (Wilson, JASA 22, 1927): with z the normal quantile of
    1 - alpha/2 and p = count / total::

        (p + z²/2n ± z sqrt(p(1-p)/n + z²/4n²)) / (1 + z²/n)

    Its coverage is close to nominal on average, also at rates near 0 and 1 and for small n,
    which is why Brown, Cai and DasGupta (Statistical Science 16, 2001) recommend it.
    ``clopper_pearson`` (Biometrika 26, 1934) takes beta quantiles; its coverage is never below
    nominal, and often well above. The quantiles are scipy's, and not its ``binomtest``, which takes
    five times as long because it computes a p-value first.

    Edges: 0 of n has ``low`` exactly 0; n of n has ``high`` exactly 1; 0 of 0 has estimate NaN
    and the interval [0, 1].

    Args:
        count: trials that showed the thing counted, 0 to ``total``.
        total: all trials.
        method: which interval.
        confidence: of the two-sided interval and of the one-sided bound alike, in (0, 1).

    Raises:
        TypeError: count or total is not an integer.
        ValueError: count outside 0 to total, an unknown method, confidence not in (0, 1).
    """
    count, total = check_counts(count, total)
    if method not in get_args(IntervalMethod):
        raise ValueError(f"no interval method {method!r}; one of {get_args(IntervalMethod)}")
    check_confidence(confidence)
    low, high = 0.0, 1.0
    if total > 0:
        interval = _wilson if method == "wilson" else _clopper_pearson
        bounds = interval(count, total, (1 - confidence) / 2)
        # Both intervals touch 0 and 1 exactly in theory; rounding would leave 1e-17 there.
        low = 0.0 if count == 0 else bounds[0]
        high = 1.0 if count == total else bounds[1]
    return Rate(
        count=count,
        total=total,
        estimate=count / total if total > 0 else math.nan,
        low=low,
        high=high,
        upper_if_zero=(
            zero_failure_upper_bound(total, confidence=confidence) if count == 0 else None
        ),
        confidence=confidence,
        method=method,
    )


def _wilson(count: int, total: int, tail: float) -> tuple[float, float]:
    z, p = float(-scipy.special.ndtri(tail)), count / total
    middle = p + z**2 / (2 * total)
    reach = z * math.sqrt(p * (1 - p) / total + z**2 / (4 * total**2))
    scale = 1 + z**2 / total
    return (middle - reach) / scale, (middle + reach) / scale


def _clopper_pearson(count: int, total: int, tail: float) -> tuple[float, float]:
    # NaN where a parameter is 0: at 0 of n below and at n of n above.
    others = total - count
    low = scipy.special.betaincinv(count, others + 1, tail)
    high = scipy.special.betainccinv(count + 1, others, tail)
    return float(low), float(high)


def zero_failure_upper_bound(total: int, *, confidence: float = 0.95) -> float:
    """The highest failure rate that ``total`` trials without a failure leave plausible.

    The exact one-sided bound solves (1 - p)^n = alpha: ``p = 1 - alpha^(1/n)``. At 95 % it is
    close to the rule of three, 3/n (Hanley and Lippman-Hand, JAMA 249, 1983), which is the
    first term of its series, -ln(alpha)/n. It is smaller than the upper end of a two-sided
    interval, because all of alpha lies on one side.

    Edges: 0 trials give 1 (nothing is excluded).

    Raises:
        TypeError: total is not an integer.
        ValueError: total < 0, or confidence not in (0, 1).
    """
    total = operator.index(total)
    if total < 0:
        raise ValueError(f"total must not be negative, not {total}")
    check_confidence(confidence)
    if total == 0:
        return 1.0
    # expm1 keeps full precision where alpha^(1/n) is almost 1.
    return -math.expm1(math.log1p(-confidence) / total)


def failure_rates(
    trials: pd.DataFrame, *, method: IntervalMethod = "wilson", confidence: float = 0.95
) -> pd.DataFrame:
    """One row per profile and bug class, with rate and interval, and one per outcome.

    Every rate's denominator is *all* trials of the profile, those with outcome ``unknown``
    included: a lost answer must not make a class look more or less frequent by vanishing, and
    ``unknown`` has a row of its own, so its size is in plain sight.

    Args:
        trials: one row a trial, with ``profile``, ``outcome``, ``bug_class`` and ``mechanism``.
        method: as in :func:`rate`.
        confidence: as in :func:`rate`.

    Returns:
        A frame with the columns :data:`FAILURE_RATE_COLUMNS`; profiles in the order of their
        first trial. Within a profile the rows of ``kind`` "bug_class" come first: every member
        of ``BugClass`` in its order, zero counts included, so that two tables always align.
        Then a row of ``kind`` "unknown_class" for each member of ``UnknownClass``, which add up to
        the unknown; then three of ``kind`` "outcome", whose ``bug_class`` is ok, failed or unknown.
        ``upper_bound_if_zero`` is NaN unless count is 0. ``mechanisms`` lists the causes found
        among the row's failures, most frequent first ("snapshot_collected 9/9"); failures
        without one count as "unknown"; the text is empty where nothing failed. A frame
        without rows gives a table without rows.

    Raises:
        ValueError: a column or a profile is missing, or :func:`check_accounting` fails.
    """
    return rates_of_counts(outcome_counts([trials]), method=method, confidence=confidence)


def rates_of_counts(
    counts: pd.DataFrame, *, method: IntervalMethod = "wilson", confidence: float = 0.95
) -> pd.DataFrame:
    """The same table, of trials that were counted (:func:`outcome_counts`)."""
    rows: list[dict[str, Any]] = []
    for profile, group in counts.groupby("profile", sort=False, observed=True):
        total = int(group["count"].sum())
        failed = group["outcome"] == Outcome.FAILED
        selections = [("bug_class", str(name), group["bug_class"] == name) for name in BugClass]
        selections += [
            ("unknown_class", str(name), group["unknown_class"] == name) for name in UnknownClass
        ]
        selections += [("outcome", str(name), group["outcome"] == name) for name in Outcome]
        for kind, name, selected in selections:
            count = int(group.loc[selected, "count"].sum())
            value = rate(count, total, method=method, confidence=confidence)
            bound = value.upper_if_zero
            rows.append(
                {
                    "profile": profile,
                    "kind": kind,
                    "bug_class": name,
                    "count": value.count,
                    "trials": value.total,
                    "rate": value.estimate,
                    "low": value.low,
                    "high": value.high,
                    "upper_bound_if_zero": math.nan if bound is None else bound,
                    "mechanisms": _mechanisms_found(group[selected & failed]),
                }
            )
    return pd.DataFrame(rows, columns=list(FAILURE_RATE_COLUMNS))


def _mechanisms_found(counts: pd.DataFrame) -> str:
    """The text "snapshot_collected 8/9; unknown 1/9", ties in alphabetical order."""
    found: dict[str, int] = {}
    for value, count in zip(counts["mechanism"], counts["count"], strict=True):
        name = str(Mechanism.UNKNOWN) if pd.isna(value) else str(value)
        found[name] = found.get(name, 0) + int(count)
    total = sum(found.values())
    ordered = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    return "; ".join(f"{name} {count}/{total}" for name, count in ordered)
