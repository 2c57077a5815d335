"""The phases of a container's life, as figures and live panels show them. No matplotlib."""

from __future__ import annotations

PHASES = {
    "create": ("create_ms", "prepare_ms", "task_create_ms", "start_ms"),
    "start-up": ("ready_ms",),
    "alive": ("alive_ms",),
    "remove": ("kill_ms", "delete_ms"),
}
"""Phases of a life in their order, and the steps that make each up.

The first invocation is part of ``alive_ms``."""

PHASE_COLOURS = {
    "create": "#e69f00",
    "start-up": "#56b4e9",
    "alive": "#0072b2",
    "remove": "#b3b3b3",
}
"""On a screen of either kind: Okabe's and Ito's, as in the figures, and a grey that both show."""

FAILED_COLOUR = "#d55e00"

PHASE_OF_STEP = {
    "submitted": "create",
    "network": "create",
    "unpack": "create",
    "invoke": "alive",
    **{step.removesuffix("_ms"): phase for phase, steps in PHASES.items() for step in steps},
}
"""The phase that a step which begins belongs to, by the step's name."""
