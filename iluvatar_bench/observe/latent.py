"""Damage that nobody has noticed yet: a running container whose snapshot is gone."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from iluvatar_bench.errors import ContainerdError
from iluvatar_bench.observe.follower import Follower
from iluvatar_bench.observe.life import ObservedLife

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class LatentDamage:
    """A snapshot that was lost under a running container. ``at``: seconds since the epoch."""

    at: float
    container: str
    client: str
    snapshot: str | None
    upper_directory: str

    def __str__(self) -> str:
        when = datetime.fromtimestamp(self.at, UTC).strftime("%H:%M:%S")
        return (
            f"{when} {self.container} ({self.client}) runs without its snapshot "
            f"{self.snapshot or ''}: {self.upper_directory} is gone, and no client removed it"
        )

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready values."""
        return {
            "at": datetime.fromtimestamp(self.at, UTC).isoformat(),
            "latent": "snapshot_collected",
            "container": self.container,
            "client": self.client,
            "snapshot": self.snapshot,
            "upper_directory": self.upper_directory,
        }


async def look_at_snapshots(follower: Follower, on_latent: Callable[[LatentDamage], None]) -> None:
    """One look at every running container: is the directory there that it writes to?

    That costs a stat(2) each. Only where one is gone is containerd asked.
    """
    for life in list(follower.lives.values()):
        upper = _upper(life)
        if upper is None or Path(upper).is_dir() or not await _lost(follower, life):
            continue
        life.snapshot_lost_at = time.time()
        damage = LatentDamage(
            at=life.snapshot_lost_at,
            container=life.name,
            client=life.client,
            snapshot=life.snapshot.key if life.snapshot is not None else None,
            upper_directory=upper,
        )
        follower.folder.alarm(damage.as_dict())
        on_latent(damage)


def _upper(life: ObservedLife) -> str | None:
    """Where a running container writes to; None where that is not known, or known to be gone."""
    task = life.task
    if task is None or task.died_at is not None or life.snapshot_lost_at is not None:
        return None
    mounted = next((m.upper_directory for m in task.mounts if m.upper_directory), None)
    known = life.snapshot.upper_directory if life.snapshot is not None else None
    return mounted or known


async def _lost(follower: Follower, life: ObservedLife) -> bool:
    """Whether containerd has lost the snapshot, and no client was seen to remove it."""
    snapshot = life.snapshot
    if follower.snapshots.removal_seen(life) is True:
        return False
    if snapshot is None or not snapshot.snapshotter:
        # Nobody has named it: the directory of a mounted file system is gone all the same.
        return True
    client = follower.under(life.namespace)
    try:
        return not await client.snapshots(snapshot.snapshotter).exists(snapshot.key)
    except ContainerdError as error:
        log.debug("%s", error)
        return False
