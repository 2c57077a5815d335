"""Reproduce, measure and explain intermittent container failures on a real containerd.

``plans`` say what to do, ``profiles`` how; ``lifecycle`` does it on ``containerd``; ``monitor``
watches; ``bugs`` names what went wrong; ``runs`` keep it; ``studies`` repeat and compare; ``audit``
looks at yours; ``explain`` and ``report`` show it; ``commands`` and ``batch`` are the way in.
"""

from __future__ import annotations

import logging
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from iluvatar_bench.audit import Audit, audit_daemon
    from iluvatar_bench.bugs import (
        Attribution,
        BugClass,
        Classification,
        Evidence,
        Mechanism,
        attribute,
        classify_text,
    )
    from iluvatar_bench.explain import Autopsy, explain_trial
    from iluvatar_bench.profiles import PRESETS, Profile, resolve_profile
    from iluvatar_bench.records import Event, Outcome, Trial
    from iluvatar_bench.runs import RunResult, open_run, run_churn, run_cold_start
    from iluvatar_bench.stats import Rate, check_accounting, failure_rates, rate

# A library's log goes where its user says; without a handler Python would print its warnings, in a
# notebook in red, as if something were wrong with a run that watches containers die.
logging.getLogger(__name__).addHandler(logging.NullHandler())

__all__ = [
    "PRESETS",
    "Attribution",
    "Audit",
    "Autopsy",
    "BugClass",
    "Classification",
    "Event",
    "Evidence",
    "Mechanism",
    "Outcome",
    "Profile",
    "Rate",
    "RunResult",
    "Trial",
    "attribute",
    "audit_daemon",
    "check_accounting",
    "classify_text",
    "explain_trial",
    "failure_rates",
    "open_run",
    "rate",
    "resolve_profile",
    "run_churn",
    "run_cold_start",
]

_HOMES = ("bugs", "records", "profiles", "stats", "runs", "audit", "explain")
"""Where the public names live, cheapest import first. They are imported when first used: pandas,
scipy and gRPC take seconds, which ``iluvatar-bench --help`` must not."""


def __getattr__(name: str) -> Any:
    if name in __all__:
        for home in _HOMES:
            module = import_module(f"{__name__}.{home}")
            if hasattr(module, name):
                return getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
