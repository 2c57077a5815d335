"""Whose containers these are, and which habits they show: factors and levels of a profile.

A client signs its records with labels of its own, or at least names them all alike.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from iluvatar_bench.audit.read.spec_view import (
    cgroup_is_relative,
    cgroup_of,
    is_unit,
    namespaces,
    needs_snapshot,
    number,
    section,
)
from iluvatar_bench.audit.read.state import HeldLease, SnapshotId
from iluvatar_bench.audit.rules.cgroup_groups import Member
from iluvatar_bench.audit.rules.cgroup_paths import is_of_example
from iluvatar_bench.audit.rules.context import Context, NamespaceView
from iluvatar_bench.audit.rules.references import (
    held_by_lease_alone,
    lease_is_short,
    on_unheld_parents,
)
from iluvatar_bench.containerd.daemon.place import PLACE_LABEL
from iluvatar_bench.containerd.values import ContainerRecord
from iluvatar_bench.profiles.profile import PRESETS, Profile, factor_levels, factor_names

_SIGNATURES = {
    PLACE_LABEL: "iluvatar-bench",
    "io.cri-containerd.kind": "kubernetes",
    "nerdctl/namespace": "nerdctl",
    "com.docker/engine.bundle.path": "docker",
}
"""Labels that a known client puts on every record."""

_OWNER_LABEL = "owner"
"""The label by which the Iluvatar worker, and others, sign: its value is the client's name."""

_VARYING = re.compile(
    r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?=[0-9a-f]*\d)[0-9a-f]{6,}|\d+", re.IGNORECASE
)
"""What differs from one id of a client to the next: UUIDs, hashes, counters."""

_MOST_MEMORY_MIB, _MOST_CPUS = 1 << 20, 1024
"""Limits beyond a profile's own bounds are as good as none."""

DECIDING = ("snapshot_reference", "cgroup", "removal")
"""The factors that tell the presets apart and leave traces."""


_HELD = ("container", "lease")
"""Levels of ``snapshot_reference`` with which the record holds the snapshot all along."""

_ALIKE = (_HELD, ("shared", "relative", "nested", "example"))
"""Levels that come to the same when a client is compared with the presets."""

_OR_ELSE: Mapping[tuple[str, str | int | float], tuple[str, ...]] = {
    ("snapshot_reference", "lease"): ("record_late",),
    ("snapshot_reference", "none"): ("lease_short", "lease_pruned"),
}
"""What leaves the same traces: a lease that is gone may have been there, or not.

The window of ``record_late`` is open for milliseconds, between Prepare and the record. An audit
within it finds ``snapshot_unreferenced``; a record that is finished shows nothing of it.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Traces:
    """What of a namespace's records takes more than the record to see: their ids."""

    shared: frozenset[str]
    nested: frozenset[str]
    on_unheld_parents: frozenset[str]
    by_lease_alone: Mapping[str, HeldLease]


def _traces(context: Context, view: NamespaceView) -> _Traces:
    def here(groups: Mapping[str, Iterable[Member]]) -> frozenset[str]:
        members = [member for group in groups.values() for member in group]
        return frozenset(record.id for of, record in members if of.state.name == view.state.name)

    return _Traces(
        shared=here(context.cgroups.shared),
        nested=here(context.cgroups.nested),
        on_unheld_parents=frozenset(on_unheld_parents(view)),
        by_lease_alone=held_by_lease_alone(view),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Habit:
    """The level that most of a client's containers show: ``seen`` of all its ``total`` ones.

    ``or_else`` are levels that would show the same: nothing that is left tells which it was.
    """

    factor: str
    level: str | int | float
    seen: int
    total: int
    or_else: tuple[str, ...] = ()

    @property
    def enough(self) -> bool:
        """Whether more than half of the client's containers show it: else it is no habit."""
        return 2 * self.seen > self.total

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready values; ``or_else`` where there is something to tell."""
        told = {"level": self.level, "seen": self.seen, "of": self.total}
        told |= {} if self.enough else {"enough": False}
        return {**told, "or_else": list(self.or_else)} if self.or_else else told


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientHabits:
    """One client of the daemon.

    ``preset`` is the nearest one; ``agrees`` names the deciding factors that are as in it. Where
    several are as near it is None, and ``near`` has them; where no deciding factor was seen in
    most containers, both say nothing.
    """

    name: str
    namespace: str
    containers: int
    habits: tuple[Habit, ...]
    preset: str | None
    agrees: tuple[str, ...]
    near: tuple[str, ...] = ()

    @property
    def base(self) -> str:
        """The preset from which a profile takes what left no trace: the nearest.

        Of several that are as near it is the one with the fewest mistakes: presets come in the
        order in which the worker mended them.
        """
        return self.near[-1] if self.near else _BLAMELESS

    def profile(self) -> Profile | None:
        """A profile of what was seen, on its :attr:`base`; None where no deciding factor was."""
        if not self.near:
            return None
        levels = {habit.factor: habit.level for habit in self.habits if habit.enough}
        plain = re.sub(r"[^A-Za-z0-9.-]+", "-", self.name).strip("-")
        document = {**PRESETS[self.base].model_dump(), **levels, "name": f"{plain}-observed"}
        return Profile.model_validate(document)

    def sources(self) -> dict[str, str]:
        """Where the level of each factor of the profile comes from: ``seen 7 of 9``, or assumed."""
        seen = {habit.factor: habit for habit in self.habits}
        return {factor: _source(seen.get(factor), self.base) for factor in factor_names()}

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready values."""
        return {
            "client": self.name,
            "namespace": self.namespace,
            "containers": self.containers,
            "habits": {habit.factor: habit.as_dict() for habit in self.habits},
            "nearest_preset": self.preset,
            "as_near": list(self.near),
            "agrees_in": list(self.agrees),
        }


_BLAMELESS = "guarded"
"""What a client is taken to be like of whom nothing is known."""


def _source(habit: Habit | None, base: str) -> str:
    if habit is None:
        return f"assumed: no trace of it, as in {base}"
    if not habit.enough:
        few = f"only {habit.seen} of {habit.total} show {habit.level}"
        return f"assumed: {few}; as in {base}"
    other = f"; or {', or '.join(habit.or_else)}: no trace tells" if habit.or_else else ""
    return f"seen {habit.seen} of {habit.total}{other}"


def id_pattern(name: str) -> str:
    """The id with what varies replaced: ``hello-64647108-00001`` gives ``hello-*``."""
    return re.sub(r"\*(?:-\*)+", "*", _VARYING.sub("*", name))


def client_of(record: ContainerRecord) -> str:
    """The client that made a record: by its signature, else by the pattern of its ids."""
    for label, client in _SIGNATURES.items():
        if label in record.labels:
            return client
    return record.labels.get(_OWNER_LABEL) or id_pattern(record.id)


def observed_clients(context: Context) -> tuple[ClientHabits, ...]:
    """Every client with its habits, the one with most containers first."""
    traces = {view.state.name: _traces(context, view) for view in context.views}
    found = [
        _habits_of(view, name, records, traces[view.state.name])
        for view in context.views
        for name, records in _by_client(view.state.records.values()).items()
    ]
    return tuple(sorted(found, key=lambda client: (-client.containers, client.name)))


def _by_client(records: Iterable[ContainerRecord]) -> Mapping[str, list[ContainerRecord]]:
    clients: dict[str, list[ContainerRecord]] = defaultdict(list)
    for record in records:
        clients[client_of(record)].append(record)
    return clients


def _habits_of(
    view: NamespaceView, name: str, records: list[ContainerRecord], traces: _Traces
) -> ClientHabits:
    levels: dict[str, list[str | int | float]] = defaultdict(list)
    for record in records:
        for factor, level in _levels(view, record, traces).items():
            levels[factor].append(level)
    total = len(records)
    habits = {factor: _most_common(factor, seen, total) for factor, seen in levels.items()}
    removal = _removal(view, records, habits)
    if removal is not None:
        habits["removal"] = removal
    near, agrees = _nearest({name: habit for name, habit in habits.items() if habit.enough})
    return ClientHabits(
        name=name,
        namespace=view.state.name,
        containers=len(records),
        habits=tuple(habits[factor] for factor in Profile.model_fields if factor in habits),
        preset=near[0] if len(near) == 1 else None,
        agrees=agrees,
        near=near,
    )


def _levels(
    view: NamespaceView, record: ContainerRecord, traces: _Traces
) -> dict[str, str | int | float]:
    """What one record shows; a factor that it does not show is left out."""
    found: dict[str, str | int | float] = {}
    snapshotter = record.snapshotter
    if record.snapshotter and record.snapshot_key:
        unheld = record.id in traces.on_unheld_parents
        found["snapshot_reference"] = "parent_unheld" if unheld else _reference(view, record)
    elif needs_snapshot(record):
        own = view.unnamed.get(record.id)
        found["snapshot_reference"] = _without_key(view, record, traces)
        snapshotter = own.snapshotter if own else ""
    if record.spec:
        found["cgroup"] = _cgroup_level(record, traces)
        if (cgroup := cgroup_of(record)) is not None:
            found["cgroup_driver"] = "systemd" if is_unit(cgroup) else "cgroupfs"
        found.update(_spec_levels(record.spec))
    if snapshotter in factor_levels("snapshotter"):
        found["snapshotter"] = snapshotter
    return found


def _without_key(view: NamespaceView, record: ContainerRecord, traces: _Traces) -> str:
    """A record that names no snapshot: who holds that one, if anybody does."""
    lease = traces.by_lease_alone.get(record.id)
    if lease is not None and (record.id not in view.unnamed or lease.expired(view.now)):
        return "lease_short" if lease_is_short(lease, view) else "lease_pruned"
    return "none" if record.id in view.unnamed else "lease"


def _cgroup_level(record: ContainerRecord, traces: _Traces) -> str:
    if is_of_example(record):
        return "example"
    if record.id in traces.shared:
        return "relative" if cgroup_is_relative(record) else "shared"
    return "nested" if record.id in traces.nested else "own"


def _reference(view: NamespaceView, record: ContainerRecord) -> str:
    """``container``: the record named the snapshot before that was made; ``lease`` otherwise.

    Whether a lease held it in between cannot be seen afterwards (``record_late`` looks the same):
    :data:`_OR_ELSE` says so.
    """
    info = view.state.snapshots.get(SnapshotId(record.snapshotter, record.snapshot_key))
    if info is None or info.created_at is None or record.created_at is None:
        return "lease"
    return "container" if record.created_at < info.created_at else "lease"


def _spec_levels(spec: Mapping[str, Any]) -> dict[str, str | int | float]:
    network = namespaces(spec, "network")
    level = "host" if not network else "bridge" if network[0].get("path") else "loopback"
    found: dict[str, str | int | float] = {"network": level}
    memory = number(spec, "linux", "resources", "memory", "limit") >> 20
    if 0 < memory <= _MOST_MEMORY_MIB:
        found["memory_limit_mib"] = memory
    quota = number(spec, "linux", "resources", "cpu", "quota")
    period = number(spec, "linux", "resources", "cpu", "period")
    if quota > 0 and period > 0 and quota / period <= _MOST_CPUS:
        found["cpus"] = quota / period
    if section(spec, "root"):
        found["read_only_root"] = "yes" if section(spec, "root").get("readonly") else "no"
    return found


def _most_common(factor: str, seen: list[str | int | float], total: int) -> Habit:
    level, count = Counter(seen).most_common(1)[0]
    or_else = _OR_ELSE.get((factor, level), ())
    return Habit(factor=factor, level=level, seen=count, total=total, or_else=or_else)


def _removal(
    view: NamespaceView, records: list[ContainerRecord], habits: Mapping[str, Habit]
) -> Habit | None:
    """Whether removed containers left their snapshots to the collector.

    Snapshots with names like the client's that belong to no record say so; that there are none
    says the opposite only of a client whose snapshots would have stayed till now.
    """
    patterns = {id_pattern(record.id) for record in records}
    told = set(view.unnamed.values())
    left = [s for s in view.loose - told if id_pattern(s.name) in patterns]
    if left:
        return Habit(factor="removal", level="worker_2022", seen=len(left), total=len(left))
    reference = habits.get("snapshot_reference")
    if reference is None or reference.level not in (*_HELD, "parent_unheld"):
        return None
    return Habit(factor="removal", level="ordered", seen=reference.seen, total=len(records))


def _nearest(habits: Mapping[str, Habit]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The presets that agree in most deciding factors, and the factors that those agree in."""
    seen = [factor for factor in DECIDING if factor in habits]
    if not seen:
        return (), ()
    agreeing = {
        name: tuple(f for f in seen if _alike(preset.factors[f], habits[f].level))
        for name, preset in PRESETS.items()
    }
    most = max(map(len, agreeing.values()))
    near = tuple(name for name, factors in agreeing.items() if len(factors) == most)
    return near, agreeing[near[0]] if len(near) == 1 else ()


def _alike(preset: str | int | float, level: str | int | float) -> bool:
    return preset == level or any(preset in same and level in same for same in _ALIKE)
