"""How much a run had planned, from the plan in its manifest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def planned_trials(plan: Mapping[str, Any]) -> int:
    """The number of trials of a plan: a list of them, or what many are drawn from."""
    trials = plan.get("trials") or ()
    return int(trials["number"]) if isinstance(trials, Mapping) else len(trials)
