"""What the counts and the times mean: rates with intervals, comparisons, survival. Pure.

=========================  ==================================================================
how often                  :func:`rate`, :func:`failure_rates`, :func:`deaths_per_hour`
how long                   :func:`latency_quantiles`, :func:`time_to_ready`,
                           :func:`time_to_death`
which is worse             :func:`judge_blocks`, :func:`block_classes` (randomised),
                           :func:`compare_runs` (replicates, or described),
                           :func:`describe_sides`, :func:`rate_difference`
                           :func:`compare_blocks`, :func:`compare_observed` (blocks of time)
at any look                :func:`sign_flip_evidence`, :func:`mean_bounds`
over rounds                :func:`mean_over_rounds`, :func:`ratio_over_rounds`
what causes it             :func:`stratified_effect`, :func:`factor_effects`, :func:`holm`,
                           :func:`class_effects`, :func:`class_verdicts`,
                           :func:`removed_share_bound`, :func:`preceding`
how many trials            :func:`trials_to_see_difference`, :func:`trials_to_exclude_rate`,
                           :func:`visible_difference`, :func:`blocks_to_see`,
                           :class:`UntilPrecise`, :class:`Sprt`
past one machine           :func:`event_rate`, :func:`fleet_days`, :func:`chance_fix_is_seen`,
                           :func:`claim_plans`, :func:`starts_for_claim`
=========================  ==================================================================
"""

from iluvatar_bench.stats.accounting import check_accounting
from iluvatar_bench.stats.block_comparison import compare_blocks
from iluvatar_bench.stats.block_power import blocks_to_see, visible_difference
from iluvatar_bench.stats.class_effects import (
    Cause,
    ClassVerdict,
    at_risk,
    class_effects,
    class_verdicts,
)
from iluvatar_bench.stats.comparison import (
    COMPARISON_COLUMNS,
    EVENT_COLUMNS,
    Verdict,
    describe_sides,
)
from iluvatar_bench.stats.difference import RateDifference, rate_difference
from iluvatar_bench.stats.diminishing import Knee, knee
from iluvatar_bench.stats.effects import EFFECT_COLUMNS, EffectVerdict, factor_effects
from iluvatar_bench.stats.event_rate import EventRate, event_rate
from iluvatar_bench.stats.exposure import (
    DEATH_CLASSES,
    DEATH_RATE_COLUMNS,
    DeathRate,
    death_rates,
    deaths_per_hour,
)
from iluvatar_bench.stats.failure_events import ClusteredRate, clustered_rate, event_sizes
from iluvatar_bench.stats.fleet import (
    ANY_FAILURE,
    FLEET_COLUMNS,
    Fleet,
    chance_fix_is_seen,
    failure_groups,
    fleet_days,
)
from iluvatar_bench.stats.fleet_basis import FleetBasis, fleet_basis
from iluvatar_bench.stats.latency import (
    DEFAULT_QUANTILES,
    QUANTILE_COLUMNS,
    enough_for,
    latency_quantiles,
    step_latencies,
)
from iluvatar_bench.stats.mean_bounds import mean_bounds, mean_evidence
from iluvatar_bench.stats.multiplicity import holm
from iluvatar_bench.stats.observed_comparison import Blocks, compare_observed
from iluvatar_bench.stats.over_rounds import OverRounds, mean_over_rounds, ratio_over_rounds
from iluvatar_bench.stats.paired_blocks import (
    NOT_OK,
    BlockComparison,
    block_classes,
    block_differences,
    judge_blocks,
)
from iluvatar_bench.stats.power import (
    fisher_power,
    trials_for_half_width,
    trials_to_exclude_rate,
    trials_to_see_difference,
)
from iluvatar_bench.stats.preceding import Preceded, Predicate, preceding
from iluvatar_bench.stats.rate_claim import (
    CLAIM_COLUMNS,
    CountModel,
    chance_of_claim,
    claim_bound,
    claim_plans,
    starts_for_claim,
)
from iluvatar_bench.stats.rates import (
    FAILURE_RATE_COLUMNS,
    IntervalMethod,
    Rate,
    failure_rates,
    rate,
    zero_failure_upper_bound,
)
from iluvatar_bench.stats.removed_share import events_to_bound, removed_share_bound
from iluvatar_bench.stats.replicates import RunPermutation, permute_runs
from iluvatar_bench.stats.risk_sets import MatchedEffect, matched_effect
from iluvatar_bench.stats.run_comparison import RunComparison, compare_runs
from iluvatar_bench.stats.sign_flips import SignFlipTest, sign_flip_evidence, sign_flip_test
from iluvatar_bench.stats.sprt import Sprt, SprtCharacteristics
from iluvatar_bench.stats.steady_state import SteadyState, steady_state, warm_up_length
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
    "ANY_FAILURE",
    "CLAIM_COLUMNS",
    "COMPARISON_COLUMNS",
    "CURVE_COLUMNS",
    "DEATH_CLASSES",
    "DEATH_RATE_COLUMNS",
    "DEFAULT_QUANTILES",
    "EFFECT_COLUMNS",
    "EVENT_COLUMNS",
    "FAILURE_RATE_COLUMNS",
    "FLEET_COLUMNS",
    "NOT_OK",
    "QUANTILE_COLUMNS",
    "BlockComparison",
    "Blocks",
    "Cause",
    "ClassVerdict",
    "ClusteredRate",
    "CountModel",
    "DeathRate",
    "Decision",
    "EffectVerdict",
    "EventRate",
    "Fleet",
    "FleetBasis",
    "IntervalMethod",
    "Knee",
    "MatchedEffect",
    "OverRounds",
    "Preceded",
    "Predicate",
    "Rate",
    "RateDifference",
    "RunComparison",
    "RunPermutation",
    "SignFlipTest",
    "Sprt",
    "SprtCharacteristics",
    "SteadyState",
    "StoppingRule",
    "StratifiedEffect",
    "SurvivalCurve",
    "UntilPrecise",
    "Verdict",
    "at_risk",
    "block_classes",
    "block_differences",
    "blocks_to_see",
    "chance_fix_is_seen",
    "chance_of_claim",
    "check_accounting",
    "claim_bound",
    "claim_plans",
    "class_effects",
    "class_verdicts",
    "clustered_rate",
    "compare_blocks",
    "compare_observed",
    "compare_runs",
    "death_rates",
    "deaths_per_hour",
    "describe_sides",
    "enough_for",
    "event_rate",
    "event_sizes",
    "events_to_bound",
    "factor_effects",
    "failure_groups",
    "failure_rates",
    "fisher_power",
    "fleet_basis",
    "fleet_days",
    "holm",
    "judge_blocks",
    "knee",
    "latency_quantiles",
    "matched_effect",
    "mean_bounds",
    "mean_evidence",
    "mean_over_rounds",
    "permute_runs",
    "preceding",
    "rate",
    "rate_difference",
    "ratio_over_rounds",
    "removed_share_bound",
    "sign_flip_evidence",
    "sign_flip_test",
    "starts_for_claim",
    "steady_state",
    "step_latencies",
    "stratified_effect",
    "survival_curve",
    "time_to_death",
    "time_to_ready",
    "trials_for_half_width",
    "trials_to_exclude_rate",
    "trials_to_see_difference",
    "visible_difference",
    "warm_up_length",
    "zero_failure_upper_bound",
]
