"""The counting files of the host and of the containers that are watched: held while they are.

A container's are opened at the first look at it.
"""

from __future__ import annotations

import logging
import resource
from collections.abc import Mapping

from iluvatar_bench.host.kernel.cgroup_usage import cgroup_mounts
from iluvatar_bench.host.kernel.counter_text import Counted
from iluvatar_bench.host.kernel.held_counters import HeldCounters
from iluvatar_bench.host.kernel.held_host import HeldHost
from iluvatar_bench.host.kernel.held_process import HeldProcess

log = logging.getLogger(__name__)

LARGEST_SHARE = 0.5
"""Of the descriptors that this process may have: the others are for what containers need."""


class CounterFiles:
    """Reads what each container has used. Never an error: what cannot be opened is not counted.

    A container that ends before the first look at it costs nothing.
    """

    def __init__(self) -> None:
        self.host = HeldHost()
        self._mounts = cgroup_mounts()
        self._held: dict[str, HeldCounters | None] = {}
        self._descriptors = 0
        self._opened_before = 0
        self._most = LARGEST_SHARE * resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        self._told = False

    def read(self, processes: Mapping[str, HeldProcess]) -> tuple[Counted | None, ...]:
        """What each container has used so far; None for one of which that is not known."""
        for container_id, process in processes.items():
            if container_id not in self._held:
                self._held[container_id] = self._opened(process)
        held = map(self._held.__getitem__, processes)
        return tuple([None if one is None else one.read() for one in held])

    def _opened(self, process: HeldProcess) -> HeldCounters | None:
        try:
            if self._descriptors >= self._most:
                raise OSError("too many files are held for it")
            held = HeldCounters(process.pid, self._mounts, number=self._opened_before)
        except OSError as error:
            if not self._told:
                self._told = True
                log.warning("not every container's use is counted: %s", error)
            return None
        if process.ended():
            # The number may be another process's by now.
            held.close()
            return None
        self._descriptors += held.descriptors
        self._opened_before += 1
        return held

    def close(self, container_id: str) -> None:
        """Let go of a container's files; nothing happens if there are none."""
        held = self._held.pop(container_id, None)
        if held is not None:
            self._descriptors -= held.descriptors
            held.close()
