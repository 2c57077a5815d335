"""Which cgroup a profile gives a container: its own, or one of the known mistakes. Pure."""

from __future__ import annotations

import re

from iluvatar_bench.host.kernel.cgroup_names import (
    EXAMPLE_PATH,
    CgroupDriver,
    CgroupName,
    container_cgroup,
    relative_cgroup,
)
from iluvatar_bench.profiles.profile import Profile

_NUMBERED = re.compile(r"-(?P<run>[^-]+)-(?P<number>\d{5,})(?:-\d+)?$")
"""The end of a trial's container id: the run's, and the trial's number."""


def chosen_cgroup(profile: Profile, *, parent: str, container_id: str, unified: bool) -> CgroupName:
    """The cgroup of a container below its place's cgroup ``parent``.

    What containers share, those of one profile share: with several profiles on one node, a
    Kill(all) under one of them must not pass for a failure under another. ``unified``: the host
    has cgroup version 2 alone.
    """
    driver = CgroupDriver(profile.cgroup_driver)
    match profile.cgroup:
        case "shared":
            name = f"shared-{profile.fingerprint}"
        case "relative":
            return relative_cgroup(parent, f"relative-{profile.fingerprint}", unified=unified)
        case "nested":
            name = _nested(container_id)
        case "example":
            # Its own is relative too; as it stands it would be outside of what is ours.
            name = f"example-{profile.fingerprint}/{EXAMPLE_PATH}"
        case "own":
            name = container_id
    return container_cgroup(driver, parent, name)


def _nested(container_id: str) -> str:
    """Trials in pairs: the cgroup of the second lies below that of the first."""
    numbered = _NUMBERED.search(container_id)
    if numbered is None:
        return container_id
    pair, second = divmod(int(numbered["number"]), 2)
    upper = f"pair-{numbered['run']}-{2 * pair:05d}"
    return f"{upper}/{container_id}" if second else upper
