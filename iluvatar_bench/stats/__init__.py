"""What the counts and the times mean: rates with intervals, comparisons, survival. Pure."""

from iluvatar_bench.stats.difference import RateDifference, rate_difference
from iluvatar_bench.stats.exposure import (
    DEATH_CLASSES,
    DEATH_RATE_COLUMNS,
    DeathRate,
    death_rates,
    deaths_per_hour,
)
from iluvatar_bench.stats.multiplicity import holm
from iluvatar_bench.stats.rates import (
    FAILURE_RATE_COLUMNS,
    IntervalMethod,
    Rate,
    check_accounting,
    failure_rates,
    rate,
    zero_failure_upper_bound,
)

__all__ = [
    "DEATH_CLASSES",
    "DEATH_RATE_COLUMNS",
    "FAILURE_RATE_COLUMNS",
    "DeathRate",
    "IntervalMethod",
    "Rate",
    "RateDifference",
    "check_accounting",
    "death_rates",
    "deaths_per_hour",
    "failure_rates",
    "holm",
    "rate",
    "rate_difference",
    "zero_failure_upper_bound",
]
