"""What it takes to say "fewer than 1 in a million": starts, hosts, hours, cost, and the odds.

An upper bound on a failure rate is a claim. It stands if an experiment of n starts sees at most k
failure events, and were the rate as high as the claim, that would happen with a chance of at most
1 - confidence.
"""

from __future__ import annotations

import math
import operator
from typing import Literal, get_args

import pandas as pd
import scipy

from iluvatar_bench.stats._checks import check_confidence, check_probability
from iluvatar_bench.stats.poisson_bounds import poisson_tail_mean
from iluvatar_bench.stats.power import trials_to_exclude_rate

CountModel = Literal["binomial", "poisson"]
"""Starts that fail independently of each other; or events at a constant rate, as in clusters."""

CLAIM_COLUMNS = (
    "events_allowed",
    "starts",
    "host_hours",
    "hours",
    "cost",
    "chance",
)
"""The columns of :func:`claim_plans`, in order."""

_SECONDS_PER_HOUR = 3600.0


def starts_for_claim(
    rate: float, *, events: int = 0, confidence: float = 0.95, model: CountModel = "binomial"
) -> int:
    """The fewest starts of which ``events`` failing ones put the rate below ``rate``.

    The smallest n with P(at most k failures of n | rate) <= 1 - confidence: then the one-sided
    upper bound of Clopper and Pearson (Biometrika 26, 1934) is at most ``rate``; with
    ``model="poisson"`` that of Garwood (Biometrika 28, 1936). Without a failure it is
    :func:`~iluvatar_bench.stats.trials_to_exclude_rate`, 3/rate at 95 %; each one that is allowed
    adds about 1.5/rate. k has to be chosen before the starts are made.

    Raises:
        TypeError: events is not an integer.
        ValueError: rate not in (0, 1), events negative, confidence not in (0, 1), no such model.
    """
    events = _checked(events, confidence, model)
    if not 0 < rate < 1:
        raise ValueError(f"a claimed rate must lie between 0 and 1, not {rate}")
    if events == 0 and model == "binomial":
        # In closed form, which is exact to the last of billions of starts.
        return trials_to_exclude_rate(rate, confidence=confidence)
    mean = poisson_tail_mean(events, 1 - confidence)
    if model == "poisson":
        return max(events + 1, math.ceil(mean / rate * (1 - 1e-12)))
    # Never more than Poisson's number plus the events: bisection between what is surely too few
    # and what is surely enough.
    few, enough = events, math.ceil(mean / rate) + events + 1
    while enough - few > 1:
        middle = (few + enough) // 2
        if _at_most(events, middle, rate) <= (1 - confidence) * (1 + 1e-12):
            enough = middle
        else:
            few = middle
    return enough


def claim_bound(
    events: int, starts: int, *, confidence: float = 0.95, model: CountModel = "binomial"
) -> float:
    """The highest rate that ``events`` of ``starts`` leave plausible: the exact one-sided bound.

    Clopper and Pearson's (1934), or with ``model="poisson"`` Garwood's (1936). 1 where every start
    failed, and without any.

    Raises:
        TypeError: events or starts is not an integer.
        ValueError: events outside 0 to starts, confidence not in (0, 1), no such model.
    """
    events, starts = _checked(events, confidence, model), operator.index(starts)
    if events > starts:
        raise ValueError(f"{events} events of {starts} starts cannot be")
    if events == starts:
        return 1.0
    if model == "poisson":
        return min(1.0, poisson_tail_mean(events, 1 - confidence) / starts)
    return float(scipy.special.betainccinv(events + 1, starts - events, 1 - confidence))


def chance_of_claim(true_rate: float, *, starts: int, events: int = 0) -> float:
    """How likely ``starts`` show at most ``events`` failures if the rate is ``true_rate``.

    That is: how likely the experiment ends with the claim. Binomial, exact.

    Raises:
        TypeError: starts or events is not an integer.
        ValueError: true_rate outside 0..1, a negative number.
    """
    check_probability("true_rate", true_rate)
    starts, events = operator.index(starts), operator.index(events)
    if min(starts, events) < 0:
        raise ValueError(f"starts and events must not be negative, not {starts} and {events}")
    return _at_most(events, starts, true_rate)


def claim_plans(
    rate: float,
    *,
    true_rate: float,
    hosts: int,
    starts_per_second: float,
    price_per_host_hour: float = 0.0,
    containers_an_event: int = 1,
    most_events: int = 3,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Experiments for the claim "fewer than ``rate`` of the starts fail", a row a number of events.

    Where one event may end several containers, the claim about containers holds if events are rarer
    by that factor; the event is what is counted (Poisson).

    Args:
        rate: what is claimed, failed containers a start.
        true_rate: events a start that there really are: 0 for a fix without any.
        hosts: how many run at once.
        starts_per_second: of each host.
        price_per_host_hour: in whatever currency.
        containers_an_event: at most so many fail by one event.
        most_events: rows for 0, 1, ... so many events that are allowed.
        confidence: of the claim.

    Returns:
        Columns :data:`CLAIM_COLUMNS`: starts needed; host-hours, hours on the clock with all hosts,
        cost; ``chance`` that no more events than allowed come, so that the claim can be made.

    Raises:
        TypeError: a number of hosts, containers or events is not an integer.
        ValueError: one is too small, a rate out of range, confidence not in (0, 1).
    """
    hosts, size = operator.index(hosts), operator.index(containers_an_event)
    if hosts < 1 or size < 1 or most_events < 0:
        raise ValueError("at least one host, one container an event, and no negative events")
    if not (math.isfinite(starts_per_second) and starts_per_second > 0):
        raise ValueError(f"starts a second must be above 0, not {starts_per_second}")
    if not (math.isfinite(price_per_host_hour) and price_per_host_hour >= 0):
        raise ValueError(f"a price must not be negative, not {price_per_host_hour}")
    model: CountModel = "binomial" if size == 1 else "poisson"
    rows = []
    for events in range(most_events + 1):
        starts = starts_for_claim(rate / size, events=events, confidence=confidence, model=model)
        host_hours = starts / starts_per_second / _SECONDS_PER_HOUR
        chance = chance_of_claim(true_rate, starts=starts, events=events)
        cost = host_hours * price_per_host_hour
        rows.append((events, starts, host_hours, host_hours / hosts, cost, chance))
    return pd.DataFrame(rows, columns=list(CLAIM_COLUMNS))


def _at_most(events: int, starts: int, rate: float) -> float:
    """P(X <= events), X binomial; not by 1 - rate, which keeps few digits of a rate of 1e-12."""
    if events >= starts:
        return 1.0
    return float(scipy.special.betaincc(events + 1, starts - events, rate))


def _checked(events: int, confidence: float, model: str) -> int:
    events = operator.index(events)
    if events < 0:
        raise ValueError(f"events must not be negative, not {events}")
    check_confidence(confidence)
    if model not in get_args(CountModel):
        raise ValueError(f"no model {model!r}; one of {get_args(CountModel)}")
    return events
