"""What the counts and the times mean: rates with intervals, comparisons, survival. Pure."""

from iluvatar_bench.stats.comparison import COMPARISON_COLUMNS, Verdict, compare_profiles
from iluvatar_bench.stats.difference import RateDifference, rate_difference
from iluvatar_bench.stats.effects import EFFECT_COLUMNS, EffectVerdict, factor_effects
from iluvatar_bench.stats.exposure import (
    DEATH_CLASSES,
    DEATH_RATE_COLUMNS,
    DeathRate,
    death_rates,
    deaths_per_hour,
)
from iluvatar_bench.stats.latency import (
    DEFAULT_QUANTILES,
    QUANTILE_COLUMNS,
    latency_quantiles,
    step_latencies,
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
from iluvatar_bench.stats.stratified import StratifiedEffect, stratified_effect
from iluvatar_bench.stats.survival import (
    CURVE_COLUMNS,
    SurvivalCurve,
    survival_curve,
    time_to_death,
    time_to_ready,
)

__all__ = [
    "COMPARISON_COLUMNS",
    "CURVE_COLUMNS",
    "DEATH_CLASSES",
    "DEATH_RATE_COLUMNS",
    "DEFAULT_QUANTILES",
    "EFFECT_COLUMNS",
    "FAILURE_RATE_COLUMNS",
    "QUANTILE_COLUMNS",
    "DeathRate",
    "EffectVerdict",
    "IntervalMethod",
    "Rate",
    "RateDifference",
    "StratifiedEffect",
    "SurvivalCurve",
    "Verdict",
    "check_accounting",
    "compare_profiles",
    "death_rates",
    "deaths_per_hour",
    "factor_effects",
    "failure_rates",
    "holm",
    "latency_quantiles",
    "rate",
    "rate_difference",
    "step_latencies",
    "stratified_effect",
    "survival_curve",
    "time_to_death",
    "time_to_ready",
    "zero_failure_upper_bound",
]
