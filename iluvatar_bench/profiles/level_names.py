"""The levels of the factors that have many. Pure."""

from __future__ import annotations

from typing import Literal, get_args

SnapshotLevel = Literal[
    "none",
    "container",
    "lease",
    "record_late",
    "lease_short",
    "lease_pruned",
    "parent_unheld",
]

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
