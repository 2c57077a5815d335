"""Which containers are in one cgroup, or in one below another's: as the kernel says, or as asked.

Of two containers that both run, the kernel's word counts alone: a relative path lies below
containerd's own cgroup, and an empty one is made by the runtime. Where one of them does not run
(yet), what their specs ask for is compared.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from iluvatar_bench.audit.read.spec_view import asked_cgroup
from iluvatar_bench.audit.rules.namespace_view import NamespaceView
from iluvatar_bench.containerd.values import ContainerRecord

Member = tuple[NamespaceView, ContainerRecord]
"""A container with its namespace."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CgroupGroups:
    """The containers of each cgroup that several are in, and of each that lies below another's.

    ``upper`` has the containers above, by the path of those below.
    """

    shared: Mapping[str, tuple[Member, ...]]
    nested: Mapping[str, tuple[Member, ...]]
    upper: Mapping[str, tuple[Member, ...]]

    def neighbours(self) -> frozenset[str]:
        """The names of all containers that are not alone in their cgroup."""
        groups = (*self.shared.values(), *self.nested.values(), *self.upper.values())
        return frozenset(view.title(record.id) for group in groups for view, record in group)


def above(path: str) -> list[str]:
    """The cgroups that this one lies in; none where it is a unit of systemd's, and no path."""
    if not path.startswith("/"):
        return []
    parts = path.strip("/").split("/")
    return ["/".join(("", *parts[:n])) or "/" for n in range(len(parts))] if parts[0] else []


def group_cgroups(views: Iterable[NamespaceView]) -> CgroupGroups:
    """Every container, whatever its containerd namespace: cgroups are the host's."""
    asked: dict[str, list[Member]] = defaultdict(list)
    real: dict[str, list[Member]] = defaultdict(list)
    seen: set[tuple[str, str]] = set()
    for view in views:
        for record in view.state.records.values():
            path = asked_cgroup(record)
            kernels = view.host.cgroups.get((view.state.name, record.id))
            if kernels is not None:
                real[kernels].append((view, record))
                seen.add((view.state.name, record.id))
            if path is not None:
                asked[path].append((view, record))
    search = _Search(asked=asked, real=real, seen=seen)
    return CgroupGroups(shared=search.shared(), nested=search.below(), upper=search.above())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Search:
    asked: Mapping[str, list[Member]]
    real: Mapping[str, list[Member]]
    seen: set[tuple[str, str]]
    """The containers that run, and of which the kernel tells."""

    def shared(self) -> dict[str, tuple[Member, ...]]:
        found = {path: tuple(group) for path, group in self.real.items() if len(group) > 1}
        told = {_name(member) for group in found.values() for member in group}
        for path, group in self.asked.items():
            names = {_name(member) for member in group}
            if len(group) > 1 and not names <= self.seen and not names <= told:
                found[path] = tuple(group)
        return found

    def below(self) -> dict[str, tuple[Member, ...]]:
        return {path: lower for path, (lower, _) in self._nested().items()}

    def above(self) -> dict[str, tuple[Member, ...]]:
        return {path: upper for path, (_, upper) in self._nested().items()}

    def _nested(self) -> dict[str, tuple[tuple[Member, ...], tuple[Member, ...]]]:
        found = {}
        for groups, by_kernel in ((self.asked, False), (self.real, True)):
            for path, lower in groups.items():
                upper = [member for above_it in above(path) for member in groups.get(above_it, ())]
                if not by_kernel:
                    # Where both run, the kernel's word counts.
                    some_wait = {_name(m) for m in (*lower, *upper)} - self.seen
                    upper = upper if some_wait else []
                if upper:
                    found[path] = (tuple(lower), tuple(upper))
        return found


def _name(member: Member) -> tuple[str, str]:
    view, record = member
    return view.state.name, record.id
