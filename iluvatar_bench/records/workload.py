"""What was run, as its command is called; from a run's manifest. Light to import."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

WORKLOADS = ("cold-start", "churn", "trace")
"""What ``run`` and ``repeat`` make."""

_STUDIES = {"design": "root-cause", "ab": "ab", "clean": "blame"}
"""Keys of a manifest that no other kind of run has."""


def workload_of(manifest: Mapping[str, Any]) -> str:
    """One of :data:`WORKLOADS`, a study's command, or ``observed``."""
    study = next((name for key, name in _STUDIES.items() if key in manifest), None)
    plan = manifest.get("plan")
    kind = plan.get("kind") if isinstance(plan, Mapping) else None
    return study or str(kind or WORKLOADS[0])
