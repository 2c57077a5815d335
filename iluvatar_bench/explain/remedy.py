"""From a mechanism to the change of profile that prevents it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from iluvatar_bench.bugs.mechanism_guide import MECHANISM_GUIDES
from iluvatar_bench.bugs.taxonomy import Mechanism
from iluvatar_bench.explain.case import Remedy

_CHANGES: Mapping[Mechanism, tuple[str, str, tuple[str, ...]]] = {
    Mechanism.RESTART_RACE: ("restart", "none", ("none",)),
    Mechanism.SNAPSHOT_COLLECTED: ("snapshot_reference", "lease", ("lease", "container")),
    **dict.fromkeys(
        (
            Mechanism.COLLATERAL_KILL,
            Mechanism.CGROUP_OCCUPIED,
            Mechanism.CGROUP_REMOVED,
            Mechanism.CGROUP_NOT_JOINED,
            Mechanism.NEIGHBOUR_PAUSED,
            Mechanism.NEIGHBOUR_UPDATED,
        ),
        ("cgroup", "own", ("own",)),
    ),
}
"""Factor, the level to set, the levels that are good already."""

_BETTER_LEVEL: Mapping[Mechanism, tuple[tuple[str, str, str], ...]] = {
    Mechanism.PARENT_COLLECTED: (
        ("snapshot_reference", "parent_unheld", "lease"),
        ("image_end", "pruned_unheld", "pruned_held"),
        ("image_end", "expired_unheld", "expired_held"),
    ),
}
"""Factor, one level of it, and the level to set instead: under any other level nothing is wrong."""

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


def remedy(mechanism: str | None, factors: Mapping[str, Any]) -> Remedy:
    """What would have prevented a failure of this mechanism under these factors.

    A mechanism this program does not know, or whose factor was right already, has no settings.
    """
    try:
        known = Mechanism(mechanism or "")
    except ValueError:
        known = Mechanism.UNKNOWN
    if known in _CHANGES:
        factor, level, good = _CHANGES[known]
        if factors.get(factor) in good:
            return Remedy(
                text=f"The profile has {factor}={factors[factor]} already: this failure needs "
                "another explanation; keep the run folder."
            )
        said = _OF_LEVEL.get(str(factors.get(factor)), MECHANISM_GUIDES[known].fix)
        return Remedy(text=said, settings=(f"{factor}={level}",))
    for factor, level, better in _BETTER_LEVEL.get(known, ()):
        if factors.get(factor) == level:
            said = _OF_LEVEL.get(level, MECHANISM_GUIDES[known].fix)
            return Remedy(text=said, settings=(f"{factor}={better}",))
    return Remedy(text=MECHANISM_GUIDES[known].fix)
