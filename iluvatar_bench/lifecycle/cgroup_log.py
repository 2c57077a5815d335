"""Our own log of what we did to cgroups: a pause or an update reaches everybody in one."""

from __future__ import annotations

import time
from collections import deque

from iluvatar_bench.bugs import CgroupAction, CgroupFact

MOST_CHANGES = 10_000


class CgroupLog:
    """The last pauses, resumes and updates that containerd carried out for this client, in order.

    One log for all containers of a run.
    """

    def __init__(self) -> None:
        self._changes: deque[CgroupFact] = deque(maxlen=MOST_CHANGES)

    def note(
        self,
        container_id: str,
        *,
        cgroup: str,
        action: CgroupAction,
        memory_limit_bytes: int | None = None,
    ) -> None:
        """Note a request that was answered just now."""
        self._changes.append(
            CgroupFact(
                container_id=container_id,
                cgroup=cgroup,
                action=action,
                at=time.time(),
                memory_limit_bytes=memory_limit_bytes,
            )
        )

    def of(self, container_id: str) -> tuple[CgroupFact, ...]:
        """What was done to one container."""
        return tuple(change for change in self._changes if change.container_id == container_id)

    def of_neighbours(
        self, container_id: str, *, cgroup: str, since: float
    ) -> tuple[CgroupFact, ...]:
        """What was done to others in this cgroup, or in one above it, after ``since``.

        Also the last pause of each before that, which may last, and every update, which does.
        """
        found = [
            change
            for change in self._changes
            if change.container_id != container_id and f"{cgroup}/".startswith(f"{change.cgroup}/")
        ]
        last = {c.container_id: c for c in found if c.at < since}
        return tuple(
            change
            for change in found
            if change.at >= since
            or change.action is CgroupAction.UPDATE
            or change is last[change.container_id]
        )
