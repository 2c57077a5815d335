"""Workloads as seeded, pure data: which container is created, kept and removed, and when."""

from iluvatar_bench.plans.blocked import BlockedPlan, BlockedTrial, blocked
from iluvatar_bench.plans.cold_start import ColdStartPlan, PlannedTrial, cold_start

__all__ = [
    "BlockedPlan",
    "BlockedTrial",
    "ColdStartPlan",
    "PlannedTrial",
    "blocked",
    "cold_start",
]
