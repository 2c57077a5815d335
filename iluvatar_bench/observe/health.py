"""How the observed node and the observer itself are now: what lies about, and what is not seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

if TYPE_CHECKING:
    from iluvatar_bench.observe.life import ObservedLife

ORPHAN_SECONDS = 60.0
"""What nobody has come for after so long is left over."""


class Orphan(StrEnum):
    """What a client has left lying about."""

    ENDED = "ended"
    """A container whose process has ended, and whose record is still there."""
    NEVER_STARTED = "never_started"
    """A container's record without a task."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeHealth:
    """One look; counts are of this moment, but for those that are said to be since the beginning.

    ``at`` is seconds since the epoch. ``latent`` are running containers without their snapshot, by
    client; ``orphans`` by client and kind. ``snapshots_left`` are snapshots on the disk whose
    container is gone, ``leases`` those that are there, ``leases_expired`` those of them that hold
    nothing any more. Since the beginning: ``collections`` that removed a snapshot's directory,
    ``gaps``, ``signals_lost``, ``not_followed``, ``dropped_segments``, ``cpu_seconds``.
    """

    at: float
    connected: bool
    gaps: int
    containers: int
    running: int
    latent: Mapping[str, int]
    orphans: Mapping[tuple[str, Orphan], int]
    snapshots_left: int
    leases: int
    leases_expired: int
    collections: int | None
    witness_sees: bool
    signals_lost: int
    not_followed: int
    dropped_segments: int
    writable: bool
    rss_bytes: int
    cpu_seconds: float

    def as_row(self) -> dict[str, Any]:
        """A row of the journal ``health``: without the clients' names."""
        row = asdict(self)
        row["at"] = datetime.fromtimestamp(self.at, UTC).isoformat()
        row["latent"] = sum(self.latent.values())
        del row["orphans"]
        for kind in Orphan:
            row[kind] = sum(n for (_, one), n in self.orphans.items() if one is kind)
        return row


def latent_by_client(lives: Iterable[ObservedLife]) -> dict[str, int]:
    """Containers that run without their snapshot."""
    return dict(
        Counter(
            life.client for life in lives if life.snapshot_lost_at is not None and is_running(life)
        )
    )


def orphans_by_client(
    lives: Iterable[ObservedLife], *, now: float
) -> dict[tuple[str, Orphan], int]:
    """Containers that nobody has come for since :data:`ORPHAN_SECONDS`."""
    found = ((life.client, _orphaned(life, now)) for life in lives)
    return dict(Counter((client, kind) for client, kind in found if kind is not None))


def is_running(life: ObservedLife) -> bool:
    """Whether its process is there."""
    return life.task is not None and life.task.died_at is None and life.task.exit is None


def _orphaned(life: ObservedLife, now: float) -> Orphan | None:
    task = life.task
    if task is None:
        return Orphan.NEVER_STARTED if now - life.created_at > ORPHAN_SECONDS else None
    ended = task.exited_at
    return Orphan.ENDED if ended is not None and now - ended > ORPHAN_SECONDS else None


class OwnCost:
    """What the observer takes, with the reader of the kernel's record and whatever else it runs."""

    def __init__(self) -> None:
        self._process = psutil.Process()

    def rss_and_cpu(self) -> tuple[int, float]:
        """Resident bytes now, and seconds of processor time; not of children that have ended."""
        rss, cpu = 0, 0.0
        for process in (self._process, *self._children()):
            with suppress(psutil.Error), process.oneshot():
                rss += process.memory_info().rss
                times = process.cpu_times()
                cpu += times.user + times.system
        return rss, cpu

    def _children(self) -> Iterator[psutil.Process]:
        """As the kernel lists them (proc(5)): psutil would read the whole of /proc."""
        for told in Path("/proc/self/task").glob("*/children"):
            with suppress(OSError, psutil.Error):
                yield from map(psutil.Process, map(int, told.read_text().split()))
