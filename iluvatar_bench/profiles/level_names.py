"""The levels of the factors that have many, or not every one of a range. Pure."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, Field

SnapshotLevel = Literal[
    "none",
    "container",
    "lease",
    "record_late",
    "lease_short",
    "lease_pruned",
    "parent_unheld",
]

SnapshotterLevel = Literal["overlayfs", "native", "btrfs", "blockfile", "erofs", "devmapper"]

CgroupLevel = Literal["shared", "own", "relative", "nested", "example"]

CollectionLevel = Literal[
    "natural",
    "quiet",
    "before_prepare",
    "after_prepare",
    "before_mount",
    "before_start",
    "during_startup",
    "after_ready",
]

FORCED_COLLECTIONS = get_args(CollectionLevel)[2:]
"""Levels of ``collection`` that force one at a named step, in the order of a container's life."""

ImageEndLevel = Literal["none", "pruned_held", "pruned_unheld", "expired_held", "expired_unheld"]


def _no_share_of_one(level: int) -> int:
    if level == 1:
        raise ValueError("it is 0, or at least 2: the kernel has no smaller weight")
    return level


CpuShares = Annotated[int, Field(ge=0, le=1 << 18), AfterValidator(_no_share_of_one)]
"""0, or 2 to 262144: cgroup version 1's own bounds, which runc's weight of version 2 is made from
(ConvertCPUSharesToCgroupV2Value; the formula that was the only one for years makes none of 1)."""
