"""Looks at the whole node at times: leases, what lies about, and what the observer itself takes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from iluvatar_bench.containerd.client import Client
from iluvatar_bench.errors import ContainerdError
from iluvatar_bench.host.freed_memory import give_back_freed
from iluvatar_bench.monitor import EventLog
from iluvatar_bench.observe.collection_watch import CollectionWatch
from iluvatar_bench.observe.follower import Follower
from iluvatar_bench.observe.health import (
    ORPHAN_SECONDS,
    NodeHealth,
    OwnCost,
    is_running,
    latent_by_client,
    orphans_by_client,
)
from iluvatar_bench.observe.lease_log import LeaseLog

LOOK_SECONDS = 15.0
"""How often: as a Prometheus scrapes."""

LOOKS_PER_ROW = 4
"""A row is kept once a minute."""


@dataclass(slots=True, kw_only=True)
class NodeWatch:
    """The looks at one node; ``on_look`` gets each."""

    client: Client
    follower: Follower
    events: EventLog
    collections: CollectionWatch
    leases: LeaseLog
    on_look: Callable[[NodeHealth], None]
    cost: OwnCost = field(default_factory=OwnCost)
    _looks: int = 0

    async def run(self) -> None:
        """Look again and again."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Look once, and keep what is new."""
        follower, now = self.follower, time.time()
        try:
            namespaces = follower.settings.namespaces or await self.client.namespaces.list()
        except ContainerdError:
            # It is away: what was seen last stands.
            namespaces = ()
        for row in await self.leases.look(namespaces, now=now):
            follower.folder.seen("leases", row)
        self.collections.end_old(now)
        health = self._health(now)
        if self._looks % LOOKS_PER_ROW == 0:
            follower.folder.seen("health", health.as_row())
            give_back_freed()
        self._looks += 1
        self.on_look(health)

    def _health(self, now: float) -> NodeHealth:
        follower, events = self.follower, self.events
        lives = list(follower.lives.values())
        witness = follower.examiner.witness
        rss, cpu = self.cost.rss_and_cpu()
        return NodeHealth(
            at=now,
            connected=events.connected,
            gaps=len(events.gaps),
            containers=len(lives),
            running=sum(map(is_running, lives)),
            latent=latent_by_client(lives),
            orphans=orphans_by_client(lives, now=now),
            snapshots_left=follower.snapshots.left_by(lives, before=now - ORPHAN_SECONDS),
            leases=self.leases.count,
            leases_expired=self.leases.expired,
            collections=self.collections.count,
            witness_sees=witness.sees,
            signals_lost=witness.lost,
            not_followed=follower.counts.beyond_limit,
            dropped_segments=sum(follower.folder.dropped_segments.values()),
            writable=follower.folder.broken is None,
            rss_bytes=rss,
            cpu_seconds=cpu,
        )
