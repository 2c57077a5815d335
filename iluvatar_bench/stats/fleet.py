"""From a measured rate to a fleet: failures a day, and whether a fix is seen in a day's counts."""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy
from numpy.typing import NDArray

from iluvatar_bench.bugs.taxonomy import BugClass
from iluvatar_bench.records import Outcome
from iluvatar_bench.stats._checks import check_probability, require_columns
from iluvatar_bench.stats.event_rate import EventRate, event_rate
from iluvatar_bench.stats.failure_events import event_sizes

FLEET_COLUMNS = (
    "failure",
    "events",
    "failures",
    "starts",
    "events_per_million",
    "events_per_day",
    "events_low",
    "events_high",
    "failures_per_day",
    "failures_low",
    "failures_high",
    "day_without",
    "fix_seen",
    "fix_seen_low",
    "fix_seen_high",
)
"""The columns of :func:`fleet_days`, in order."""

ANY_FAILURE = "any failure"
"""What the first row of :func:`fleet_days` is called."""

MOST_EVENTS = 1e6
"""Of this many events nobody asks whether a fix will be seen in them."""

_SECONDS_PER_DAY = 86_400
_REACH = 7.0
"""Counts so many standard deviations away weigh less than 1e-11."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """So many workers, each of which starts so many containers a second, day and night.

    Raises:
        TypeError: workers is not an integer.
        ValueError: no worker, or no finite rate above 0.
    """

    workers: int
    starts_per_second: float

    def __post_init__(self) -> None:
        if operator.index(self.workers) < 1:
            raise ValueError(f"a fleet has at least one worker, not {self.workers}")
        if not (math.isfinite(self.starts_per_second) and self.starts_per_second > 0):
            raise ValueError(
                f"starts a second must be finite and above 0, not {self.starts_per_second}"
            )

    @property
    def starts_per_day(self) -> float:
        """Of all workers."""
        return self.workers * self.starts_per_second * _SECONDS_PER_DAY


def failure_groups(trials: pd.DataFrame) -> dict[str, list[int]]:
    """Of these trials the sizes of the events that made containers fail, by what failed.

    First any failure, then each bug class that came, last the answers that were lost
    (``unknown``), which are neither failures nor ok, one by one. One event may be in several
    classes: a Kill that took a container before it was ready and another after.

    Args:
        trials: of one run: ``outcome``, ``bug_class``, ``mechanism``, ``evidence``,
            ``submitted_at``, ``spans`` (see ``failure_events.event_sizes``).

    Raises:
        ValueError: a column is missing.
    """
    require_columns(trials, ("outcome", "bug_class", "mechanism", "evidence"))
    failed = trials[trials["outcome"].eq(Outcome.FAILED)]
    groups = {ANY_FAILURE: event_sizes(failed)}
    for name in BugClass:
        mine = failed[failed["bug_class"].eq(name)]
        if len(mine):
            groups[str(name)] = event_sizes(mine)
    lost = int(trials["outcome"].eq(Outcome.UNKNOWN).sum())
    if lost:
        groups[str(Outcome.UNKNOWN)] = [1] * lost
    return groups


def fleet_days(
    groups: Mapping[str, Sequence[int]],
    starts: int,
    fleet: Fleet,
    *,
    remaining: float = 0.0,
    alpha: float = 0.05,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """What a day of the fleet looks like if its starts fail as these did.

    What was measured on one host at one hour is taken to hold on all of them all day: the intervals
    know of chance, and of nothing else.

    Args:
        groups: containers of each event, by what failed (:func:`failure_groups`).
        starts: all that were measured.
        fleet: what it is carried over to.
        remaining: the share of events that a fix leaves, for ``fix_seen``.
        alpha: of the test that sees it.
        confidence: of the intervals.

    Returns:
        A row a group, columns :data:`FLEET_COLUMNS`: counts; events in a million starts; events and
        failed containers a day with their bounds; chance of a day without any; and chance that the
        day after a fix shows fewer than the day before, at the estimate and at both bounds of the
        events (:func:`chance_fix_is_seen`; above a million events a day, at least this). Without
        starts the estimates are NaN.

    Raises:
        TypeError: starts is not an integer.
        ValueError: more failures than starts, remaining outside 0..1, alpha or confidence not in
            (0, 1).
    """
    rows = []
    for name, sizes in groups.items():
        rate = event_rate(sizes, starts, confidence=confidence)
        rows.append((name, *_day(rate, fleet, remaining, alpha)))
    return pd.DataFrame(rows, columns=list(FLEET_COLUMNS))


def _day(rate: EventRate, fleet: Fleet, remaining: float, alpha: float) -> tuple[float, ...]:
    day = fleet.starts_per_day
    events = [day * share for share in (rate.per_start, rate.low, rate.high)]
    failures = [
        day * share for share in (rate.failures_per_start, rate.failures_low, rate.failures_high)
    ]
    seen = [
        count
        if math.isnan(count)
        else chance_fix_is_seen(min(count, MOST_EVENTS), remaining=remaining, alpha=alpha)
        for count in events
    ]
    counts = (rate.events, rate.failures, rate.starts, 1e6 * rate.per_start)
    return (*counts, *events, *failures, math.exp(-events[0]), *seen)


def chance_fix_is_seen(
    events_per_day: float,
    *,
    remaining: float = 0.0,
    days_before: float = 1.0,
    days_after: float = 1.0,
    alpha: float = 0.05,
) -> float:
    """How likely the days after a fix show significantly fewer events than those before.

    The test: given the total, the events after are binomial if nothing changed (Przyborowski and
    Wilenski, Biometrika 31, 1940); fewer is seen if the chance of so few or fewer is at most
    ``alpha`` (one-sided, since a fix was made). Its exact power is the sum over both Poisson counts
    of the days; no normal approximation.

    Edges: no events, or none removed, give what false alarms there are, at most ``alpha``. Against
    one day before, at 5 %, 5 events against none are the fewest that are seen at all.

    Args:
        events_per_day: failure events, not containers: those that one event took are one
            observation.
        remaining: the share of events that the fix leaves, 0 for all gone.
        days_before: how long events were counted before it.
        days_after: and after it.
        alpha: accepted chance of seeing a fix that does nothing.

    Raises:
        ValueError: events negative, not finite or above :data:`MOST_EVENTS` in the time looked at,
            remaining outside 0..1, days not above 0, alpha not in (0, 1).
    """
    check_probability("remaining", remaining)
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must lie between 0 and 1, not {alpha}")
    if not (min(days_before, days_after) > 0 and math.isfinite(days_before + days_after)):
        raise ValueError(f"days must be above 0, not {days_before} and {days_after}")
    before, after = events_per_day * days_before, events_per_day * remaining * days_after
    if not (events_per_day >= 0 and max(before, after) <= MOST_EVENTS):
        raise ValueError(f"events must lie in 0..{MOST_EVENTS:g}, not {events_per_day} a day")
    counts = _probable(after)
    needed = _fewest_before(counts, days_after / (days_before + days_after), alpha)
    weights = scipy.stats.poisson.pmf(counts, after)
    seen = weights * scipy.stats.poisson.sf(needed - 1, before)
    return min(1.0, float(seen.sum()))


def _probable(mean: float) -> NDArray[np.int64]:
    reach = _REACH * math.sqrt(mean) + 40
    return np.arange(max(0, math.floor(mean - reach)), math.ceil(mean + reach) + 1)


def _fewest_before(after: NDArray[np.int64], share: float, alpha: float) -> NDArray[np.int64]:
    """For each count after, the fewest before it beside which it is significantly few."""

    def few(before: NDArray[np.int64]) -> NDArray[np.bool_]:
        rejected: NDArray[np.bool_] = scipy.special.bdtr(after, after + before, share) <= alpha
        return rejected

    enough = np.ones_like(after)
    while not (found := few(enough)).all():
        enough = np.where(found, enough, 2 * enough)
    too_few = np.zeros_like(after)
    while (enough - too_few > 1).any():
        middle = (too_few + enough) // 2
        found = few(middle)
        enough, too_few = np.where(found, middle, enough), np.where(found, too_few, middle)
    return enough
