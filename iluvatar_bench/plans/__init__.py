"""Workloads as seeded, pure data: which container is created, kept and removed, and when."""

from iluvatar_bench.plans.arrivals import Arrival, ArrivalProcess
from iluvatar_bench.plans.blocked import BlockedPlan, BlockedTrial, blocked
from iluvatar_bench.plans.churn import ChurnPlan, PooledFunction, churn
from iluvatar_bench.plans.cold_start import ColdStartPlan, PlannedTrial, cold_start
from iluvatar_bench.plans.keep_alive import KeepAlivePool
from iluvatar_bench.plans.public_traces import parse_azure_2021, parse_huawei
from iluvatar_bench.plans.stand_in import stand_in
from iluvatar_bench.plans.trace import (
    TracedFunction,
    TracedInvocation,
    parse_azure,
    parse_metadata,
    parse_trace,
    replay,
    trace_form,
)

__all__ = [
    "Arrival",
    "ArrivalProcess",
    "BlockedPlan",
    "BlockedTrial",
    "ChurnPlan",
    "ColdStartPlan",
    "KeepAlivePool",
    "PlannedTrial",
    "PooledFunction",
    "TracedFunction",
    "TracedInvocation",
    "blocked",
    "churn",
    "cold_start",
    "parse_azure",
    "parse_azure_2021",
    "parse_huawei",
    "parse_metadata",
    "parse_trace",
    "replay",
    "stand_in",
    "trace_form",
]
