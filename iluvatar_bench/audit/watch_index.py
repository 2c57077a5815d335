"""What a watch remembers of the containers there are: enough to judge the next in constant time."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass

from iluvatar_bench.audit.clients import client_of
from iluvatar_bench.audit.read.spec_view import asked_cgroup
from iluvatar_bench.audit.rules.cgroup_groups import above
from iluvatar_bench.containerd.values import ContainerRecord
from iluvatar_bench.host.kernel.processes import cgroup_of_process

Name = tuple[str, str]
"""Containerd namespace and container."""


@dataclass(frozen=True, slots=True)
class _Known:
    client: str
    paths: frozenset[str]


class WatchIndex:
    """The containers by their cgroups, as asked and as the kernel says, in all namespaces.

    Without ``by_kernel`` the PIDs of tasks are not ours to look up.
    """

    def __init__(self, *, by_kernel: bool) -> None:
        self._by_kernel = by_kernel
        self._known: dict[Name, _Known] = {}
        self._in_cgroup: dict[str, set[Name]] = defaultdict(set)
        self._below: Counter[str] = Counter()
        self._of_client: Counter[tuple[str, str]] = Counter()

    def __len__(self) -> int:
        return len(self._known)

    def put(self, namespace: str, record: ContainerRecord) -> None:
        """Remember a container, or what has changed of it."""
        path = asked_cgroup(record)
        self._put((namespace, record.id), client_of(record), {path} if path else set())

    def started(self, namespace: str, container_id: str, pid: int) -> None:
        """Remember where the kernel has put a container that is known."""
        known = self._known.get((namespace, container_id))
        cgroup = cgroup_of_process(pid) if pid and self._by_kernel else None
        if known is not None and cgroup is not None:
            self._put((namespace, container_id), known.client, known.paths | {cgroup})

    def drop(self, namespace: str, container_id: str) -> None:
        """Forget a container."""
        name = (namespace, container_id)
        known = self._known.pop(name, None)
        if known is None:
            return
        self._of_client[namespace, known.client] -= 1
        for path in known.paths:
            self._in_cgroup[path].discard(name)
            if not self._in_cgroup[path]:
                del self._in_cgroup[path]
            for upper in above(path):
                self._below[upper] -= 1
                if not self._below[upper]:
                    del self._below[upper]

    def others_of(self, namespace: str, client: str) -> int:
        """How many containers of a client there are."""
        return self._of_client[namespace, client]

    def is_shared(self, path: str) -> bool:
        """Whether some container is in this cgroup."""
        return path in self._in_cgroup

    def is_nested(self, path: str) -> bool:
        """Whether some container is in a cgroup above this one, or in one below."""
        return self._below[path] > 0 or any(upper in self._in_cgroup for upper in above(path))

    def _put(self, name: Name, client: str, paths: set[str] | frozenset[str]) -> None:
        self.drop(*name)
        self._known[name] = _Known(client, frozenset(paths))
        self._of_client[name[0], client] += 1
        for path in paths:
            self._in_cgroup[path].add(name)
            self._below.update(above(path))
