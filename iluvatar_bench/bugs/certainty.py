"""Whether a recorded verdict is proven, or merely consistent with what was seen. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from iluvatar_bench.bugs.taxonomy import Mechanism

RESTS_ON_TIMES = frozenset(
    {
        Mechanism.COLLATERAL_KILL,
        Mechanism.OWN_KILL,
        Mechanism.OOM,
        Mechanism.SHIM_DEATH,
        Mechanism.RESTART_MONITOR,
    }
)
"""What is proven by the kernel's record only; every other mechanism has a trace of its own."""

PROVEN, CONSISTENT = "proven", "consistent with the evidence, not proven"


def certainty(mechanism: str | None, stored: Mapping[str, Any]) -> str | None:
    """What may be said of a trial's mechanism; None where there is none.

    ``stored`` is the trial's evidence. Runs of versions without the kernel's witness did not say.
    """
    if mechanism is None or mechanism == Mechanism.UNKNOWN:
        return None
    proven = stored.get("proven")
    if proven is None:
        proven = mechanism not in RESTS_ON_TIMES
    return PROVEN if proven else CONSISTENT
