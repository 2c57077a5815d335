"""Whether a run's host was busy with other things, from its manifest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

STOLEN_SHARE = 0.02
"""From this share of stolen time on a host counts as noisy."""

LOAD_PER_CPU = 0.5
"""From this load a processor, before a run began, a host counts as noisy."""


def noise_caveat(manifest: Mapping[str, Any]) -> str:
    """What to keep in mind of the host; empty where it was quiet, or nobody looked."""
    noise = manifest.get("noise")
    if not noise:
        return ""
    cpus = (manifest.get("host") or {}).get("cpus") or 1
    load, others = noise["before"].get("load"), noise["before"].get("containerds")
    stolen = noise["between"].get("stolen", 0.0)
    told = []
    if load is not None and load / cpus >= LOAD_PER_CPU:
        told.append(f"a load of {load:.1f} on {cpus} processors before it began")
    if stolen >= STOLEN_SHARE:
        told.append(f"{100 * stolen:.0f} % of the time stolen by the hypervisor")
    if told and others:
        told.append(f"{others} other containerd(s) running")
    return f"the host was busy with other things: {', '.join(told)}" if told else ""
