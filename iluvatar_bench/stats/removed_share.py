"""How much of a rate goes away with a level: a lower bound, not a point."""

from __future__ import annotations

import itertools
import math

import scipy

from iluvatar_bench.stats._checks import check_confidence, check_counts


def removed_share_bound(
    level_count: int,
    level_total: int,
    reference_count: int,
    reference_total: int,
    *,
    confidence: float = 0.95,
) -> float:
    """The one-sided lower bound of 1 - (rate at the reference) / (rate at the level).

    Given their sum, the share of the events that fell on the reference is binomial with
    pi = r w / (1 + r w), r the ratio of the rates and w that of the trials. Its upper bound of
    Clopper and Pearson (Biometrika 26, 1934) turns into one of r (Przyborowski and Wilenski,
    Biometrika 31, 1940). Exact for rare events; for frequent ones it is conservative, because
    binomial counts vary less than Poisson ones.

    16 events against 0 in equally many trials bound it at 79 %, 32 against 0 at 90 %.

    Edges: without an event, or without trials on a side, nothing is known: -inf.

    Args:
        level_count: events at the suspect level. Containers that one event took count once.
        level_total: trials at it.
        reference_count: events at the reference level.
        reference_total: trials at it.
        confidence: of the one-sided bound.

    Returns:
        At most 1; below 0 where it may be that the reference has more.

    Raises:
        TypeError: a count or total is not an integer.
        ValueError: a count outside 0 to its total, or confidence not in (0, 1).
    """
    level_count, level_total = check_counts(level_count, level_total)
    reference_count, reference_total = check_counts(reference_count, reference_total)
    check_confidence(confidence)
    if level_count == 0 or min(level_total, reference_total) == 0:
        return -math.inf
    on_reference = float(scipy.special.betaincinv(reference_count + 1, level_count, confidence))
    ratio = on_reference / (1 - on_reference) * level_total / reference_total
    return 1 - ratio


def events_to_bound(share: float, *, confidence: float = 0.95) -> int:
    """How many events against none, in equally many trials, bound the share at ``share``.

    32 for 0.9: the smallest n with 1 - u/(1 - u) >= share, u = 1 - (1 - confidence)^(1/n).

    Raises:
        ValueError: share or confidence not in (0, 1).
    """
    if not 0 < share < 1:
        raise ValueError(f"share must lie between 0 and 1, not {share}")
    check_confidence(confidence)
    # u/(1 - u) <= 1 - share  <=>  (1 - confidence)^(1/n) >= 1/(2 - share)
    exact = math.log1p(-confidence) / -math.log(2 - share)
    return math.ceil(exact * (1 - 1e-12))


def visible_share(events: int, *, alpha: float = 0.05, power: float = 0.9) -> float:
    """The smallest removed share that so many events show with probability ``power``.

    Of equally many trials at both levels an event falls on the suspect one with the probability
    1/(2 - s), if the reference removes the share s. The exact two-sided sign test sees it where at
    least c events do, c being the first number with 2 P(Binomial(events, 1/2) >= c) <= alpha.

    Returns:
        A share above 0; inf where so few events can show none, and NaN without an event.

    Raises:
        ValueError: a negative number, or alpha or power not in (0, 1).
    """
    if events < 0:
        raise ValueError(f"events must not be negative, not {events}")
    if not (0 < alpha < 1 and 0 < power < 1):
        raise ValueError(f"power and alpha must lie between 0 and 1, not {power} and {alpha}")
    if events == 0:
        return math.nan
    critical = int(scipy.stats.binom.isf(alpha / 2, events, 0.5)) + 1
    if critical > events:
        return math.inf
    on_level = float(scipy.special.betaincinv(critical, events - critical + 1, power))
    return 2 - 1 / on_level


def events_to_see(share: float, *, alpha: float = 0.05, power: float = 0.9) -> int:
    """How many events show that the reference removes ``share``, with probability ``power``.

    The first number at which :func:`visible_share` has come down to it.

    Raises:
        ValueError: a share not in (0, 1), or as :func:`visible_share`.
    """
    if not 0 < share < 1:
        raise ValueError(f"share must lie between 0 and 1, not {share}")
    return next(
        events
        for events in itertools.count(1)
        if visible_share(events, alpha=alpha, power=power) <= share
    )
