"""What an audit has read: frozen values, taken once; the rules look at nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from iluvatar_bench.containerd.daemon.versions import Release
from iluvatar_bench.containerd.services.images import ImageRecord
from iluvatar_bench.containerd.values import (
    ContainerRecord,
    LeaseInfo,
    Resource,
    SnapshotInfo,
    SnapshotKind,
    TaskInfo,
)
from iluvatar_bench.host.kernel.shims import Shim
from iluvatar_bench.host.kernel.socket_peers import SocketPeer
from iluvatar_bench.profiles.collector import Collector


@dataclass(frozen=True, slots=True, order=True)
class SnapshotId:
    """A snapshot within a namespace."""

    snapshotter: str
    name: str

    def __str__(self) -> str:
        return f"{self.snapshotter}:{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldLease:
    """A lease and what it holds."""

    info: LeaseInfo
    resources: tuple[Resource, ...] = ()

    def expired(self, now: datetime) -> bool:
        """Whether its time is over; it holds nothing from then on."""
        return self.info.expires_at is not None and self.info.expires_at < now

    def snapshots(self) -> tuple[SnapshotId, ...]:
        """The snapshots among what it holds."""
        return tuple(
            SnapshotId(resource.type.partition("/")[2], resource.id)
            for resource in self.resources
            if resource.type.startswith("snapshots/")
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class NamespaceState:
    """One containerd namespace.

    Records, snapshots and tasks are those that were there at the beginning of the reading *and*
    at its end; leases those that were there at either.
    """

    name: str
    containerd: Release | None = None
    """The version whose collector it is; None where that is not known."""
    records: Mapping[str, ContainerRecord] = field(default_factory=dict)
    tasks: Mapping[str, TaskInfo] = field(default_factory=dict)
    snapshots: Mapping[SnapshotId, SnapshotInfo] = field(default_factory=dict)
    leases: tuple[HeldLease, ...] = ()
    passing_records: tuple[ContainerRecord, ...] = ()
    """Records that came or went while the reading went on: they hold their snapshots, no more."""
    passing_snapshots: frozenset[SnapshotId] = frozenset()
    """Snapshots that came or went meanwhile."""
    images: tuple[ImageRecord, ...] = ()
    content: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Labels by digest."""
    top_snapshots: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Image name to the chain ID of its top layer, for each platform whose content is here."""
    image_documents: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Image name to the digests of its indexes, manifests and configurations that are here."""
    upper_directories: Mapping[SnapshotId, str] = field(default_factory=dict)
    """Where writes to an active snapshot go: of those that no record names, and of those whose
    container runs."""
    view_directories: Mapping[SnapshotId, tuple[str, ...]] = field(default_factory=dict)
    """What a view shows, topmost first: of those that no record names."""
    silent_tasks: frozenset[str] = frozenset()
    """Tasks that are listed as running and whose shim, asked again, gave no answer."""

    def active(self) -> dict[SnapshotId, SnapshotInfo]:
        """The snapshots that containers write to or look at: active ones and views."""
        kinds = (SnapshotKind.ACTIVE, SnapshotKind.VIEW)
        return {id: info for id, info in self.snapshots.items() if info.kind in kinds}


@dataclass(frozen=True, slots=True, kw_only=True)
class RootMount:
    """The root file system of a container, as the kernel has it mounted.

    ``upper_exists`` is None where that could not be looked at.
    """

    mount_point: str
    upper_directory: str | None
    upper_exists: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HostNetworkNamespace:
    """A named network namespace of this host; ``in_use``: some process lives in it.

    None where not all processes could be looked at.
    """

    path: Path
    in_use: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressLease:
    """An address that the CNI plugin ``host-local`` keeps reserved, and for which container."""

    network: str
    address: str
    container_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HostState:
    """What the host shows of this containerd.

    ``shims`` and ``root_mounts`` are None where they could not be looked at, which is never read
    as *there are none*. ``foreign_shims`` serve other containerds of this host.
    """

    shims: tuple[Shim, ...] | None = None
    foreign_shims: tuple[Shim, ...] = ()
    strays: tuple[Shim, ...] = ()
    """Shims without a record and without a living container, then and a second later."""
    daemon: int | None = None
    """The PID of the process that listens at the socket."""
    root_mounts: Mapping[tuple[str, str], RootMount] | None = None
    """By containerd namespace and container."""
    bundle_mounts: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """Where shims have mounted a root file system, by containerd namespace and container."""
    mounted: frozenset[tuple[str, SnapshotId]] | None = None
    """Of the snapshots that no record names, those that are mounted anywhere on this host, by
    containerd namespace; None where not every mount could be looked at."""
    cgroups: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """The cgroup that the kernel names for the first process of a task that runs."""
    network_namespaces: tuple[HostNetworkNamespace, ...] = ()
    addresses: tuple[AddressLease, ...] = ()
    peers: tuple[SocketPeer, ...] = ()
    """The processes that are connected to the daemon, as far as they can be seen."""
    runtimes: Mapping[str, str] = field(default_factory=dict)
    """What each OCI runtime that a record names prints as its version, by program."""

    def root_mount(self, namespace: str, container_id: str) -> RootMount | None:
        """A container's root mount, where it is known."""
        return (self.root_mounts or {}).get((namespace, container_id))


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class DaemonState:
    """One containerd and its host at one moment.

    It has no long form: ``asyncio.run`` has its task's result written out whenever it ends
    (CPython 3.11, asyncio/runners.py, through signal.getsignal), which took half of an audit.

    ``collector`` is None where the daemon's configuration could not be read. ``complete`` tells
    whether all namespaces were read: without that, nobody can say what on the host is nobody's.
    """

    address: Path
    version: str
    taken_at: datetime
    namespaces: tuple[NamespaceState, ...]
    host: HostState = HostState()
    collector: Collector | None = None
    complete: bool = True
    remarks: tuple[str, ...] = ()
    """What could not be read, and why."""
