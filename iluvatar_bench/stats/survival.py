"""Time to ready and time to death, when not every container gets there while it is watched.

A container that was removed after 2 s did not live for 2 s and die: it lived for *at least* 2 s.
Leaving such trials out, or taking 2 s as the answer, makes every worker look worse or better
than it is; the Kaplan-Meier estimate takes them for what they are (censored).
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy
from numpy.typing import NDArray

from iluvatar_bench.records import Outcome
from iluvatar_bench.stats._checks import check_confidence, refuse_rows, require_columns
from iluvatar_bench.stats.exposure import DEATH_CLASSES

CURVE_COLUMNS = ("time_ms", "at_risk", "events", "censored", "survival", "low", "high")
"""The columns of :attr:`SurvivalCurve.table`, in order."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SurvivalCurve:
    """The share still without the event over time; made by :func:`survival_curve`.

    ``table`` has one row per distinct time, 0 included: those at risk just before it, the
    events and the censored at it, and the curve from it on with its pointwise interval. The
    ``median_ms`` is the first time at which at most half are without the event, inf if that
    was never seen, with an interval of the same kind. All three are NaN with no trials.
    ``excluded`` trials could not be placed on the time axis; they are in no other number.
    """

    table: pd.DataFrame
    total: int
    events: int
    censored: int
    excluded: int
    median_ms: float
    median_low_ms: float
    median_high_ms: float
    confidence: float

    def survival_at(self, time_ms: float) -> float:
        """The curve's value at a time: NaN before 0, and with no trials."""
        row = int(np.searchsorted(self.table["time_ms"], time_ms, side="right")) - 1
        return math.nan if row < 0 else float(self.table["survival"].iloc[row])


def survival_curve(
    durations_ms: Sequence[float] | NDArray[np.float64],
    observed: Sequence[bool] | NDArray[np.bool_],
    *,
    confidence: float = 0.95,
    excluded: int = 0,
) -> SurvivalCurve:
    """The Kaplan-Meier estimate (JASA 53, 1958), from scipy.

    With d events among n at risk at each event time, S(t) is the product of (1 - d/n) over the
    times up to t. The interval is Greenwood's on the log(-log S) scale (Kalbfleisch and
    Prentice 1980; R's ``conf.type = "log-log"``), with two amendments where that formula
    degenerates to a point:

    * before the first event, with n still at risk at t: low is (alpha/2)^(1/n), the
      Clopper-Pearson bound for n of n. Forty containers that never died do not prove that
      none would.
    * once the last one at risk had its event: low is 0, and high stays what it was.

    The median's interval inverts the band (Brookmeyer and Crowley, Biometrics 38, 1982).

    Edges: no trials give a table without rows and NaN medians.

    Args:
        durations_ms: shape (n,), each finite and not negative.
        observed: shape (n,); True if the event was seen at that time, False if watching ended.
        confidence: of the band and of the median's interval.
        excluded: trials that the caller had to leave out, passed through for the record.

    Raises:
        ValueError: different shapes, NaN, infinite or negative durations, bad confidence.
    """
    check_confidence(confidence)
    durations = np.asarray(durations_ms, dtype=np.float64)
    seen = np.asarray(observed, dtype=np.bool_)
    if durations.ndim != 1 or durations.shape != seen.shape:
        raise ValueError(f"{durations.shape} durations do not go with {seen.shape} observed")
    if not (np.isfinite(durations) & (durations >= 0)).all():
        raise ValueError("durations must be finite and not negative; exclude what has none")
    table = _curve(durations, seen, confidence)
    return SurvivalCurve(
        table=table,
        total=len(durations),
        events=int(seen.sum()),
        censored=int((~seen).sum()),
        excluded=excluded,
        median_ms=_first_at_half(table, "survival"),
        median_low_ms=_first_at_half(table, "low"),
        median_high_ms=_first_at_half(table, "high"),
        confidence=confidence,
    )


def time_to_death(trials: pd.DataFrame, *, confidence: float = 0.95) -> SurvivalCurve:
    """How long ready containers live: the event is a death, a Kill of ours censors.

    Args:
        trials: one row a trial, with ``bug_class`` and ``alive_ms`` (from ready to the first
            Kill or the death). Trials without ``alive_ms`` never were ready: excluded.
        confidence: as in :func:`survival_curve`.

    Raises:
        ValueError: a column is missing, or an ``alive_ms`` is negative.
    """
    require_columns(trials, ("bug_class", "alive_ms"))
    ready = trials[trials["alive_ms"].notna()]
    return survival_curve(
        ready["alive_ms"].to_numpy(dtype=np.float64),
        ready["bug_class"].isin(list(DEATH_CLASSES)).to_numpy(),
        confidence=confidence,
        excluded=len(trials) - len(ready),
    )


def time_to_ready(
    trials: pd.DataFrame, *, deadline_ms: float, confidence: float = 0.95
) -> SurvivalCurve:
    """How long started processes take to be ready; 1 - S(t) is the share ready by t.

    At risk is every trial whose Tasks.Start was answered. One that became ready by the
    deadline has the event at ``ready_ms``. One that *failed* without becoming ready is
    censored at the deadline, also if its process ended early: it will never be ready, and
    taking it out at its end would say that it might have been. So the curve levels off at
    the share that never comes up. What never became ready without having failed (removed on
    purpose, or the answer was lost) has no known time: excluded.

    Args:
        trials: one row a trial, with ``outcome``, ``start_ms`` and ``ready_ms``, NaN where the
            step was not reached.
        deadline_ms: until when readiness was awaited, counted as ``ready_ms`` is.
        confidence: as in :func:`survival_curve`.

    Raises:
        ValueError: a column is missing, the deadline is not positive and finite, or a trial
            is ready without having started.
    """
    require_columns(trials, ("outcome", "start_ms", "ready_ms"))
    if not (math.isfinite(deadline_ms) and deadline_ms > 0):
        raise ValueError(f"deadline_ms must be positive and finite, not {deadline_ms}")
    started, ready = trials["start_ms"].notna(), trials["ready_ms"].notna()
    refuse_rows(trials, ready & ~started, "ready without a start")
    placed = trials[started & (ready | (trials["outcome"] == Outcome.FAILED))]
    times = placed["ready_ms"].to_numpy(dtype=np.float64)
    by_deadline = times <= deadline_ms  # False for NaN, as it must be
    return survival_curve(
        np.where(by_deadline, times, deadline_ms),
        by_deadline,
        confidence=confidence,
        excluded=len(trials) - len(placed),
    )


def _curve(
    durations: NDArray[np.float64], seen: NDArray[np.bool_], confidence: float
) -> pd.DataFrame:
    if len(durations) == 0:
        return pd.DataFrame({name: [] for name in CURVE_COLUMNS}, dtype=np.float64)
    alpha = 1 - confidence
    times = np.union1d(durations, [0.0])
    events, censored = (_counts_at(times, durations[kind]) for kind in (seen, ~seen))
    estimate = scipy.stats.ecdf(
        scipy.stats.CensoredData(durations[seen], right=durations[~seen])
    ).sf
    with warnings.catch_warnings(action="ignore", category=RuntimeWarning):
        # NaN, with a warning, before the first event and once nobody is left: amended below.
        band = estimate.confidence_interval(confidence, method="log-log")
    curve = pd.DataFrame(
        {
            "time_ms": times,
            "at_risk": len(durations) - np.searchsorted(np.sort(durations), times),
            "events": events,
            "censored": censored,
            "survival": estimate.evaluate(times),
            "low": band.low.evaluate(times),
            "high": band.high.evaluate(times),
        }
    )
    untouched = curve["events"].cumsum() == 0
    curve.loc[untouched, ["low", "high"]] = 1.0
    watched = untouched & (curve["time_ms"] > 0)
    curve.loc[watched, "low"] = (alpha / 2) ** (1 / curve.loc[watched, "at_risk"])
    # Rounding can leave the product at 1e-17 once everybody had the event.
    exhausted = (curve["at_risk"] == curve["events"]) & (curve["at_risk"] > 0)
    curve.loc[exhausted, ["survival", "low"]] = 0.0
    curve["high"] = curve["high"].mask(exhausted, curve["high"].shift(fill_value=1.0))
    return curve


def _counts_at(times: NDArray[np.float64], durations: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.bincount(np.searchsorted(times, durations), minlength=len(times))


def _first_at_half(table: pd.DataFrame, column: str) -> float:
    if len(table) == 0:
        return math.nan
    # A product like 5/6 x 4/5 x 3/4 comes out a little above the half that it is.
    reached = table.loc[table[column] <= 0.5 + 1e-12, "time_ms"]
    return float(reached.iloc[0]) if len(reached) else math.inf
