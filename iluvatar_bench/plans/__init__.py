"""Workloads as seeded, pure data: which container is created, kept and removed, and when."""

from iluvatar_bench.plans.cold_start import ColdStartPlan, PlannedTrial, cold_start

__all__ = ["ColdStartPlan", "PlannedTrial", "cold_start"]
