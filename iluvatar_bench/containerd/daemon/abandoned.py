"""What ``clean`` and the watchdog do for places whose owner is gone.

What only some places need is loaded when one does: the watchdog begins with an empty interpreter,
on a host that may be busy.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from iluvatar_bench.containerd.daemon.place import Place, try_lock_place
from iluvatar_bench.containerd.daemon.teardown import clear_place
from iluvatar_bench.host.network.ownership import NETWORK_HOME

_PAUSE_SECONDS = 0.2


async def remove_abandoned_place(place: Place, *, log_path: Path | None = None) -> list[str]:
    """End what a place runs elsewhere, then remove the place; its log is kept at ``log_path``.

    Returns:
        what could not be removed, with the reason.
    """
    left = []
    if place.guest_of.exists():
        from iluvatar_bench.containerd.daemon.tasks_end import end_guests

        left += await end_guests(place)
    return [*left, *clear_place(place, log_path=log_path)]


async def remove_abandoned_networks() -> list[str]:
    """Remove the networks of every owner that is gone.

    Returns:
        what could not be removed, with the reason.
    """
    if not NETWORK_HOME.is_dir():
        return []
    from iluvatar_bench.host.network.network_residue import remove_abandoned

    return [*await remove_abandoned()]


def remove_abandoned_traces() -> list[str]:
    """Remove the kernel's traces of every owner that is gone.

    Returns:
        what could not be removed, with the reason.
    """
    from iluvatar_bench.host.kernel.trace_instance import remove_abandoned_instances

    return remove_abandoned_instances()


def remove_killed_proxies() -> tuple[list[str], list[str]]:
    """Remove what proxies of owners that are gone have left.

    Returns:
        their folders, and what could not be removed, with the reason.
    """
    from iluvatar_bench.containerd.proxy.own_folder import remove_abandoned_proxies

    return remove_abandoned_proxies()


async def remove_after_owner(
    place: Place, *, log_path: Path | None, lock_seconds: float, seconds: float
) -> list[str]:
    """The same, and what else owners that are gone have left, when this place's owner just died.

    What does not go at once is tried again for so many ``seconds``. For ``lock_seconds`` whoever
    holds the place's lock is waited for; a child that the owner forked may hold it for ever.

    Returns:
        what could not be removed in that time, with the reason.
    """
    deadline = time.monotonic() + seconds
    lock_deadline = time.monotonic() + lock_seconds
    while True:
        with try_lock_place(place) as held:
            if held or time.monotonic() > lock_deadline:
                left = await remove_abandoned_place(place, log_path=log_path)
                left += await remove_abandoned_networks()
                left += remove_abandoned_traces()
                left += remove_killed_proxies()[1]
                if not left or time.monotonic() > deadline:
                    return left
        await asyncio.sleep(_PAUSE_SECONDS)
