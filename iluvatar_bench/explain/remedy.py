"""From a mechanism to the change of profile that prevents it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from iluvatar_bench.bugs.taxonomy import Mechanism
from iluvatar_bench.explain.case import Remedy

_CHANGES: Mapping[Mechanism, tuple[tuple[str, str, tuple[str, ...]], str]] = {
    Mechanism.SNAPSHOT_COLLECTED: (
        ("snapshot_reference", "lease", ("lease", "container")),
        "Hold the snapshot by a lease (header containerd-lease of Snapshots.Prepare) until the "
        "record names it (snapshotter and snapshot_key in Containers.Create).",
    ),
    **dict.fromkeys(
        (Mechanism.COLLATERAL_KILL, Mechanism.CGROUP_OCCUPIED, Mechanism.CGROUP_REMOVED),
        (
            ("cgroup", "own", ("own",)),
            "Give each container a linux.cgroupsPath of its own in its spec.",
        ),
    ),
}
"""Factor, the level to set, the levels that are good already; and the change in words."""

_OF_LEVEL: Mapping[str, str] = {
    "record_late": "Send the header containerd-lease with Snapshots.Prepare, and delete that lease "
    "once Containers.Create has answered: the record's snapshot_key holds from there on.",
    "lease_short": "Name the snapshot in the record (snapshotter and snapshot_key in "
    "Containers.Create) before its lease expires: no lease is to last as long as a container.",
    "lease_pruned": "Name the snapshot in the record (snapshotter and snapshot_key in "
    "Containers.Create): another client may delete any lease.",
    "parent_unheld": "Set the label containerd.io/gc.ref.snapshot.<snapshotter> = chain ID of the "
    "top layer on the image's config (Content.Update) before the lease of its unpacking goes.",
    "relative": "Give each container an absolute linux.cgroupsPath of its own in its spec: a "
    "relative one is below containerd's cgroup, not below the container's.",
    "nested": "Give each container a linux.cgroupsPath of its own in its spec, beside the others' "
    "and below none of them.",
}
"""The change in words where a level has a better one than its mechanism."""

_WORDS: Mapping[Mechanism, str] = {
    Mechanism.LEASE_GONE: "Let leases last longer than their work (label containerd.io/gc.expire), "
    "and delete none but your own: no choice of the profile holds one that another client deletes.",
    Mechanism.OWN_KILL: "This client ended the container itself: end none that is still in use.",
    Mechanism.FOREIGN_KILL: "Find out why that sender did it: no choice of the profile did.",
    Mechanism.UNIT_STOPPED: "Stop no unit that containers are in; where the service of containerd "
    "itself has them, run it with KillMode=process and Delegate=yes.",
    Mechanism.RESTART_MONITOR: "Take the label containerd.io/restart.status off the container, or "
    "set it to running.",
    Mechanism.DAEMON_RESTART: "Let containerd run, or wait until it answers again and make the "
    "container anew: no choice of the profile outlasts a restart in the middle of a request.",
    Mechanism.OOM: "Give the container more memory (memory_limit_mib), or the function less to do.",
    Mechanism.SHIM_DEATH: "Find out what ended the shim: no choice of the profile did.",
    Mechanism.BRIDGE_FULL: "Remove network namespaces that are not used: a bridge has 1,023 ports.",
    Mechanism.IPAM_EXHAUSTED: "Give addresses back (CNI DEL) when containers are removed.",
    Mechanism.DISK_FULL: "Free space where containerd keeps its snapshots.",
    Mechanism.OWN_ERROR: "Mend the function: everything under it was in order.",
}


def remedy(mechanism: str | None, factors: Mapping[str, Any]) -> Remedy:
    """What would have prevented a failure of this mechanism under these factors.

    A mechanism this program does not know, or whose factor was right already, has no settings.
    """
    try:
        known = Mechanism(mechanism or "")
    except ValueError:
        known = Mechanism.UNKNOWN
    if known in _CHANGES:
        (factor, level, good), text = _CHANGES[known]
        if factors.get(factor) in good:
            return Remedy(
                text=f"The profile has {factor}={factors[factor]} already: this failure needs "
                "another explanation; keep the run folder."
            )
        said = _OF_LEVEL.get(str(factors.get(factor)), text)
        return Remedy(text=said, settings=(f"{factor}={level}",))
    text = _WORDS.get(known, "The evidence proves no cause, so no change can be promised to help.")
    return Remedy(text=text)
