"""Deaths per container-hour: a count of events over time at risk, with an exact interval.

A rate per trial hides how long each container lived; two runs with different keep-alive times
are only comparable per hour at risk.
"""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass

import pandas as pd

from iluvatar_bench.bugs.taxonomy import BugClass
from iluvatar_bench.stats._checks import check_confidence, refuse_missing, require_columns
from iluvatar_bench.stats.poisson_bounds import poisson_bounds

DEATH_CLASSES = (BugClass.PROCESS_DIED, BugClass.OOM_KILLED, BugClass.SHIM_LOST)
"""The classes in which a ready process ended though nobody asked it to."""

DEATH_RATE_COLUMNS = (
    "profile",
    "deaths",
    "container_hours",
    "per_hour",
    "low",
    "high",
    "upper_bound_if_zero",
    "deaths_before_ready",
)
"""The columns of :func:`death_rates`, in order."""

_MS_PER_HOUR = 3_600_000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DeathRate:
    """Deaths over container-hours; made by :func:`deaths_per_hour`.

    ``estimate``, ``low``, ``high`` and ``upper_if_zero`` are deaths per container-hour.
    """

    deaths: int
    container_hours: float
    estimate: float
    low: float
    high: float
    upper_if_zero: float | None
    confidence: float


def deaths_per_hour(deaths: int, container_hours: float, *, confidence: float = 0.95) -> DeathRate:
    """A Poisson rate with its exact central interval (Garwood, Biometrika 28, 1936).

    With d deaths in T hours and alpha = 1 - confidence, the bounds are gamma quantiles
    (scipy)::

        low = Gamma(d).ppf(alpha/2) / T,   high = Gamma(d + 1).isf(alpha/2) / T

    Coverage is never below nominal if the deaths are independent at a constant rate. One Kill
    that takes several containers with it makes them dependent, and the interval too short.

    Edges: no deaths have ``low`` 0 and ``upper_if_zero`` = -ln(alpha) / T, which is the rule of
    three (3 / T at 95 %) on the hour scale; no hours and no deaths have estimate NaN and the
    interval [0, inf].

    Raises:
        TypeError: deaths is not an integer.
        ValueError: deaths < 0, hours negative or not finite, deaths in no time at all,
            confidence not in (0, 1).
    """
    deaths = operator.index(deaths)
    hours = float(container_hours)
    check_confidence(confidence)
    if deaths < 0:
        raise ValueError(f"deaths must not be negative, not {deaths}")
    if not (math.isfinite(hours) and hours >= 0):
        raise ValueError(f"container_hours must be finite and not negative, not {hours}")
    if hours == 0 and deaths > 0:
        raise ValueError(f"{deaths} deaths cannot happen in 0 container-hours")
    estimate, low, high, zero_bound = math.nan, 0.0, math.inf, math.inf
    if hours > 0:
        estimate = deaths / hours
        tail = (1 - confidence) / 2
        low, high = (bound / hours for bound in poisson_bounds(deaths, tail))
        zero_bound = -math.log1p(-confidence) / hours
    return DeathRate(
        deaths=deaths,
        container_hours=hours,
        estimate=estimate,
        low=low,
        high=high,
        upper_if_zero=zero_bound if deaths == 0 else None,
        confidence=confidence,
    )


def death_rates(trials: pd.DataFrame, *, confidence: float = 0.95) -> pd.DataFrame:
    """Deaths per container-hour of each profile.

    Time at risk is ``alive_ms``, from ready to the first Kill or the death, summed over every
    trial that became ready, whatever its outcome. A death is a trial of :data:`DEATH_CLASSES`
    that had become ready; one that never did was never at risk, so it is not in the rate but
    in ``deaths_before_ready``.

    Args:
        trials: one row a trial, with ``profile``, ``bug_class`` and ``alive_ms`` (NaN where
            the process was never ready).
        confidence: of the intervals.

    Returns:
        A frame with the columns :data:`DEATH_RATE_COLUMNS`, one row a profile, in the order of
        first trials; rates per container-hour; ``upper_bound_if_zero`` is NaN after a death.

    Raises:
        ValueError: a column or a profile is missing, or an ``alive_ms`` is negative.
    """
    require_columns(trials, ("profile", "bug_class", "alive_ms"))
    refuse_missing(trials, ["profile"])
    if (trials["alive_ms"] < 0).any():
        raise ValueError("alive_ms must not be negative")
    rows = []
    for profile, group in trials.groupby("profile", sort=False, observed=True):
        ready = group["alive_ms"].notna()
        died = group["bug_class"].isin(list(DEATH_CLASSES))
        value = deaths_per_hour(
            int((died & ready).sum()),
            float(group["alive_ms"].sum()) / _MS_PER_HOUR,
            confidence=confidence,
        )
        bound = value.upper_if_zero
        rows.append(
            {
                "profile": profile,
                "deaths": value.deaths,
                "container_hours": value.container_hours,
                "per_hour": value.estimate,
                "low": value.low,
                "high": value.high,
                "upper_bound_if_zero": math.nan if bound is None else bound,
                "deaths_before_ready": int((died & ~ready).sum()),
            }
        )
    return pd.DataFrame(rows, columns=list(DEATH_RATE_COLUMNS))
