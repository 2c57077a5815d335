"""Settings of containerd's garbage collector."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Collector:
    """Settings of containerd's garbage collector (its plugin ``gc.v1.scheduler``).

    ``pause_threshold`` is the largest share of time that collections may take; 0 means a tick
    every second. ``deletion_threshold`` and ``mutation_threshold`` trigger a collection after so
    many deletes or changes (0: never). Delays are Go durations. The defaults are containerd's.
    """

    pause_threshold: float = 0.02
    deletion_threshold: int = 0
    mutation_threshold: int = 100
    schedule_delay: str = "0s"
    startup_delay: str = "100ms"


NATURAL_COLLECTOR = Collector()
"""Containerd's own defaults."""

QUIET_COLLECTOR = Collector(pause_threshold=0.0000001, mutation_threshold=0, startup_delay="24h")
"""No collection but the forced ones (CONTAINERD.md, section 1)."""
