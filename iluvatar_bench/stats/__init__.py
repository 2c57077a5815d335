"""What the counts and the times mean: rates with intervals, comparisons, survival. Pure.

=========================  ==================================================================
how often                  :func:`rate`, :func:`failure_rates`, :func:`deaths_per_hour`
how long                   :func:`latency_quantiles`, :func:`time_to_ready`,
                           :func:`time_to_death`
which is worse             :func:`rate_difference`, :func:`compare_profiles`,
                           :func:`overall_verdict`, :func:`compare_runs`,
                           :func:`compare_blocks`, :func:`compare_observed`
what causes it             :func:`stratified_effect`, :func:`factor_effects`, :func:`holm`,
                           :func:`class_effects`, :func:`class_verdicts`
how many trials            :func:`trials_to_see_difference`, :func:`trials_to_exclude_rate`,
                           :class:`UntilPrecise`, :class:`Sprt`
=========================  ==================================================================
"""

from iluvatar_bench.stats.block_comparison import compare_blocks
from iluvatar_bench.stats.class_effects import (
    Cause,
    ClassVerdict,
    at_risk,
    class_effects,
    class_verdicts,
)
from iluvatar_bench.stats.comparison import (
    COMPARISON_COLUMNS,
    Verdict,
    compare_profiles,
    overall_verdict,
)
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
from iluvatar_bench.stats.observed_comparison import Blocks, compare_observed
from iluvatar_bench.stats.power import (
    fisher_power,
    trials_for_half_width,
    trials_to_exclude_rate,
    trials_to_see_difference,
)
from iluvatar_bench.stats.rates import (
    FAILURE_RATE_COLUMNS,
    IntervalMethod,
    Rate,
    check_accounting,
    failure_rates,
    rate,
    zero_failure_upper_bound,
)
from iluvatar_bench.stats.run_comparison import RunComparison, compare_runs
from iluvatar_bench.stats.sprt import Sprt, SprtCharacteristics
from iluvatar_bench.stats.stopping import Decision, StoppingRule, UntilPrecise
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
    "Blocks",
    "Cause",
    "ClassVerdict",
    "DeathRate",
    "Decision",
    "EffectVerdict",
    "IntervalMethod",
    "Rate",
    "RateDifference",
    "RunComparison",
    "Sprt",
    "SprtCharacteristics",
    "StoppingRule",
    "StratifiedEffect",
    "SurvivalCurve",
    "UntilPrecise",
    "Verdict",
    "at_risk",
    "check_accounting",
    "class_effects",
    "class_verdicts",
    "compare_blocks",
    "compare_observed",
    "compare_profiles",
    "compare_runs",
    "death_rates",
    "deaths_per_hour",
    "factor_effects",
    "failure_rates",
    "fisher_power",
    "holm",
    "latency_quantiles",
    "overall_verdict",
    "rate",
    "rate_difference",
    "step_latencies",
    "stratified_effect",
    "survival_curve",
    "time_to_death",
    "time_to_ready",
    "trials_for_half_width",
    "trials_to_exclude_rate",
    "trials_to_see_difference",
    "zero_failure_upper_bound",
]
