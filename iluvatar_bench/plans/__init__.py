"""Workloads as seeded, pure data: which container is created, kept and removed, and when."""

from iluvatar_bench.plans.arrivals import Arrival, ArrivalProcess
from iluvatar_bench.plans.azure_2019 import parse_azure
from iluvatar_bench.plans.blocked import BlockedPlan, BlockedTrial, blocked
from iluvatar_bench.plans.burstiness import Burstiness, burstiness, index_of_dispersion
from iluvatar_bench.plans.churn import ChurnPlan, PooledFunction, churn
from iluvatar_bench.plans.cold_start import ColdStartPlan, PlannedTrial, cold_start
from iluvatar_bench.plans.function_choice import (
    ChoiceRule,
    PublicFunction,
    choose_functions,
    spread,
)
from iluvatar_bench.plans.function_facts import (
    FunctionFacts,
    FunctionKey,
    metadata_of,
    parse_durations,
    parse_memory,
)
from iluvatar_bench.plans.keep_alive import KeepAlivePool
from iluvatar_bench.plans.public_traces import parse_azure_2021, parse_huawei
from iluvatar_bench.plans.stand_in import stand_in
from iluvatar_bench.plans.trace import (
    TakenTrace,
    TracedFunction,
    TracedInvocation,
    parse_metadata,
    parse_trace,
    replay,
    taken_whole,
    trace_form,
)
from iluvatar_bench.plans.trace_window import DEFAULT_WINDOW, TraceWindow

__all__ = [
    "DEFAULT_WINDOW",
    "Arrival",
    "ArrivalProcess",
    "BlockedPlan",
    "BlockedTrial",
    "Burstiness",
    "ChoiceRule",
    "ChurnPlan",
    "ColdStartPlan",
    "FunctionFacts",
    "FunctionKey",
    "KeepAlivePool",
    "PlannedTrial",
    "PooledFunction",
    "PublicFunction",
    "TakenTrace",
    "TraceWindow",
    "TracedFunction",
    "TracedInvocation",
    "blocked",
    "burstiness",
    "choose_functions",
    "churn",
    "cold_start",
    "index_of_dispersion",
    "metadata_of",
    "parse_azure",
    "parse_azure_2021",
    "parse_durations",
    "parse_huawei",
    "parse_memory",
    "parse_metadata",
    "parse_trace",
    "replay",
    "spread",
    "stand_in",
    "taken_whole",
    "trace_form",
]
