"""Leases as they come and go. Containerd publishes nothing about them: they are listed at times."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from iluvatar_bench.containerd.values import LeaseInfo
from iluvatar_bench.errors import ContainerdError
from iluvatar_bench.observe.life import MOST_TEXT, Under
from iluvatar_bench.observe.settings import MOST_LEASES

log = logging.getLogger(__name__)

Key = tuple[str, str]
"""A namespace, and a lease's id in it."""


class LeaseChange(StrEnum):
    """What came to be known of a lease."""

    FOUND = "found"
    """It was there at the first look."""
    CREATED = "created"
    DELETED = "deleted"
    EXPIRED = "expired"
    """Its time is over: it holds nothing any more, whether it is still listed or not."""


@dataclass(slots=True)
class LeaseLog:
    """The leases of the namespaces that are looked at; at most :data:`MOST_LEASES` are remembered.

    One that came and went between two looks is not seen. ``beyond`` counts those that were too
    many in the last look; a manifest has it.
    """

    under: Under
    beyond: int = 0
    _known: dict[Key, LeaseInfo] = field(default_factory=dict)
    _expired: set[Key] = field(default_factory=set)
    _looked: set[str] = field(default_factory=set)

    @property
    def count(self) -> int:
        """Leases that are there."""
        return len(self._known)

    @property
    def expired(self) -> int:
        """Those of them whose time is over."""
        return len(self._expired)

    async def look(self, namespaces: Iterable[str], *, now: float) -> list[Mapping[str, Any]]:
        """List them; a row for each that has changed since the look before.

        A namespace that does not answer is left as it was.
        """
        rows: list[Mapping[str, Any]] = []
        self.beyond = 0
        for namespace in namespaces:
            try:
                listed = await self.under(namespace).leases.details()
            except ContainerdError as error:
                log.debug("%s", error)
                continue
            rows += self._take(namespace, listed, now)
        return rows

    def _take(
        self, namespace: str, listed: Iterable[LeaseInfo], now: float
    ) -> list[Mapping[str, Any]]:
        there = {(namespace, lease.id): lease for lease in listed}
        first = namespace not in self._looked
        self._looked.add(namespace)
        rows = []
        for key in [k for k in self._known if k[0] == namespace and k not in there]:
            lease = self._known.pop(key)
            if key not in self._expired:
                over = lease.expires_at is not None and lease.expires_at.timestamp() <= now
                change = LeaseChange.EXPIRED if over else LeaseChange.DELETED
                rows.append(_row(key, lease, change, now))
            self._expired.discard(key)
        for key, lease in there.items():
            if key not in self._known:
                if len(self._known) >= MOST_LEASES:
                    self.beyond += 1
                    continue
                self._known[key] = lease
                change = LeaseChange.FOUND if first else LeaseChange.CREATED
                rows.append(_row(key, lease, change, now))
            over = lease.expires_at is not None and lease.expires_at.timestamp() <= now
            if over and key not in self._expired:
                self._expired.add(key)
                rows.append(_row(key, lease, LeaseChange.EXPIRED, now))
        return rows


def _row(key: Key, lease: LeaseInfo, change: LeaseChange, now: float) -> Mapping[str, Any]:
    return {
        "at": datetime.fromtimestamp(now, UTC).isoformat(),
        "change": str(change),
        "namespace": key[0],
        "lease": key[1][:MOST_TEXT],
        "created_at": _text(lease.created_at),
        "expires_at": _text(lease.expires_at),
    }


def _text(when: datetime | None) -> str | None:
    return when.isoformat() if when is not None else None
