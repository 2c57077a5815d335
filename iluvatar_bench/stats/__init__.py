"""What the counts and the times mean: rates with intervals, comparisons, survival. Pure."""

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
    "FAILURE_RATE_COLUMNS",
    "IntervalMethod",
    "Rate",
    "check_accounting",
    "failure_rates",
    "rate",
    "zero_failure_upper_bound",
]
