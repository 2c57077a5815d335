"""The one thing that this package changes, and only when asked: leases for what is exposed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from iluvatar_bench.audit.fix_plan import HOLD_LABEL, Exposed
from iluvatar_bench.audit.read.state_reader import open_reader
from iluvatar_bench.containerd.client import Client
from iluvatar_bench.containerd.values import Resource
from iluvatar_bench.errors import NotFound

HOLD_SECONDS = 24 * 3600.0
"""How long a hold lasts that nobody undoes: long enough for a day at work, and not for ever."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldLease:
    """A lease that was made: what it holds, and what was collected before it could."""

    namespace: str
    lease: str
    held: tuple[Exposed, ...]
    lost: tuple[Exposed, ...]

    def __str__(self) -> str:
        held = ", ".join(str(one.snapshot) for one in self.held) or "nothing"
        lost = ", ".join(str(one.snapshot) for one in self.lost)
        gone = f"; collected meanwhile: {lost}" if lost else ""
        return f"{self.namespace}: lease {self.lease} holds {held}{gone}"


async def apply_hold(
    address: Path, exposed: Sequence[Exposed], *, seconds: float = HOLD_SECONDS
) -> tuple[HoldLease, ...]:
    """Hold the snapshots by one lease for each containerd namespace; it expires by itself.

    Raises:
        UnusablePath, Unreachable: as for an audit.
        ContainerdError: containerd did not do it; a lease that was made meanwhile stays, and is
            listed by the next plan.
    """
    spaces: dict[str, list[Exposed]] = defaultdict(list)
    for one in exposed:
        spaces[one.namespace].append(one)
    async with open_reader(address) as client:
        return tuple(
            [await _held(client.under(name), own, seconds) for name, own in spaces.items()]
        )


async def _held(client: Client, exposed: Sequence[Exposed], seconds: float) -> HoldLease:
    lease = f"iluvatar-bench-hold-{datetime.now(UTC):%Y%m%dT%H%M%S%f}"
    await client.leases.create(lease, expires_in_seconds=seconds, labels={HOLD_LABEL: "audit"})
    for one in exposed:
        kind = f"snapshots/{one.snapshot.snapshotter}"
        await client.leases.add(lease, Resource(kind, one.snapshot.name))
    # A lease may hold what is not there (any more): only a look tells.
    there = [one for one in exposed if await _is_there(client, one)]
    lost = [one for one in exposed if one not in there]
    return HoldLease(namespace=client.namespace, lease=lease, held=tuple(there), lost=tuple(lost))


async def _is_there(client: Client, one: Exposed) -> bool:
    try:
        await client.snapshots(one.snapshot.snapshotter).stat(one.snapshot.name)
    except NotFound:
        return False
    return True


async def undo_holds(address: Path, holds: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    """Delete leases of earlier plans, by namespace and id; what they held goes its way again.

    Returns:
        those that were there.
    """
    undone = []
    async with open_reader(address) as client:
        for namespace, lease in holds:
            try:
                await client.under(namespace).leases.delete(lease)
            except NotFound:
                continue
            undone.append(f"{namespace}: lease {lease}")
    return tuple(undone)
