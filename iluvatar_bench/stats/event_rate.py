"""Failures a start, by events and by containers: what a fleet's plan is made from."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from dataclasses import dataclass

from iluvatar_bench.stats._checks import check_confidence
from iluvatar_bench.stats.poisson_bounds import poisson_bounds, sum_bounds


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRate:
    """Events that made containers fail, and the containers; made by :func:`event_rate`.

    ``per_start``, ``low`` and ``high`` are events a start, the ``failures_`` ones failed containers
    a start; the bounds are two-sided at ``confidence``. The estimates are NaN without a start.
    ``largest_event`` is how many containers one event is taken to be able to end.
    """

    events: int
    failures: int
    starts: int
    per_start: float
    low: float
    high: float
    failures_per_start: float
    failures_low: float
    failures_high: float
    largest_event: int
    confidence: float


def event_rate(
    sizes: Sequence[int],
    starts: int,
    *,
    largest_event: int | None = None,
    confidence: float = 0.95,
) -> EventRate:
    """The rate of what made containers fail, where ``sizes`` containers failed by one event each.

    Events are Poisson: independent, at a constant rate a start. The interval of events is exact
    (``poisson_bounds``: Garwood 1936), that of containers widened by unequal sizes (``sum_bounds``:
    Fay and Feuer 1997). Both end at 1, since an event takes at least one start. Days differ more
    than chance does: an interval of one hour says what that hour was like.

    Args:
        sizes: shape (events,), containers of each; ``failure_events.event_sizes`` makes them.
        starts: all containers that were started, those that did not fail included.
        largest_event: how many containers the next event may take; default: the largest seen, 1 if
            none was. Say it where none was seen and failures are known to come together.
        confidence: of both intervals, in (0, 1).

    Raises:
        TypeError: starts, a size or the largest event is not an integer.
        ValueError: a size or largest event below 1, more failures than starts, a negative number of
            starts, confidence not in (0, 1).
    """
    parts = [operator.index(size) for size in sizes]
    starts = operator.index(starts)
    largest = max(parts, default=1) if largest_event is None else operator.index(largest_event)
    check_confidence(confidence)
    if min((*parts, largest)) < 1:
        raise ValueError("an event takes at least one container")
    failures = sum(parts)
    if not 0 <= failures <= starts:
        raise ValueError(f"{failures} failures of {starts} starts cannot be")
    tail = (1 - confidence) / 2
    events = poisson_bounds(len(parts), tail)
    containers = sum_bounds(parts, tail, largest=max(largest, *parts, 1))

    def a_start(value: float) -> float:
        return min(1.0, value / starts) if starts else (0.0 if value == 0 else 1.0)

    return EventRate(
        events=len(parts),
        failures=failures,
        starts=starts,
        per_start=len(parts) / starts if starts else math.nan,
        low=a_start(events[0]),
        high=a_start(events[1]),
        failures_per_start=failures / starts if starts else math.nan,
        failures_low=a_start(containers[0]),
        failures_high=a_start(containers[1]),
        largest_event=largest,
        confidence=confidence,
    )
