"""Reads what the host shows of a containerd: shims, root mounts, networks, runtimes.

Files and ``/proc`` are read, runtimes are asked for their version; nothing is changed.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from iluvatar_bench.audit.read.state import AddressLease, HostNetworkNamespace, HostState, RootMount
from iluvatar_bench.containerd.daemon.config import DaemonConfig
from iluvatar_bench.containerd.values import ContainerRecord
from iluvatar_bench.host.facts import program_version
from iluvatar_bench.host.kernel.listener import Listener
from iluvatar_bench.host.kernel.mounts import MountEntry, read_mountinfo
from iluvatar_bench.host.kernel.processes import all_pids, environment
from iluvatar_bench.host.kernel.shims import Shim, same_socket, visible_shims

_BUNDLE = re.compile(r"/io\.containerd\.runtime\.v2\.task/([^/]+)/([^/]+)/rootfs$")

_NOT_AN_ADDRESS = re.compile(r"^(lock|last_reserved_ip\..*)$")
"""What ``host-local`` keeps beside its reservations."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostPlaces:
    """Where named network namespaces and reserved addresses are, by the tools' own conventions."""

    network_namespaces: tuple[Path, ...] = (Path("/run/netns"),)
    addresses: tuple[Path, ...] = (Path("/var/lib/cni/networks"),)


CONVENTIONAL_PLACES = HostPlaces()


def runtime_program(record: ContainerRecord) -> str | None:
    """The OCI runtime of a record; None for runtimes that are not of runc's kind."""
    if record.runtime_binary:
        return record.runtime_binary
    is_runc = ".runc." in record.runtime or record.runtime == "io.containerd.runtime.v1.linux"
    return "runc" if is_runc else None


def read_host(
    address: Path,
    listener: Listener | None,
    config: DaemonConfig | None,
    records: Iterable[ContainerRecord],
    *,
    places: HostPlaces,
    remarks: list[str],
) -> HostState:
    """The host's side; what could not be looked at is None, with a remark saying why."""
    shims = visible_shims()
    ours = tuple(shim for shim in shims if same_socket(shim.address, address))
    programs = {program for record in records if (program := runtime_program(record))}
    search_path = environment(listener.pid).get("PATH") if listener else None
    if listener is None:
        remarks.append("shims and mounts are not judged: run the audit as root on the same host")
    return HostState(
        shims=ours if listener else None,
        foreign_shims=tuple(shim for shim in shims if shim not in ours),
        root_mounts=_root_mounts(listener, config, ours) if listener else None,
        network_namespaces=tuple(_network_namespaces(places.network_namespaces)),
        addresses=tuple(_addresses(places.addresses)),
        runtimes={p: _version(p, search_path) for p in sorted(programs)},
    )


def _version(program: str, search_path: str | None) -> str:
    """What the runtime that the daemon would find says; empty where it says nothing."""
    path = shutil.which(program, path=search_path) or shutil.which(program)
    return (program_version(path, "--version") or "") if path else ""


def _root_mounts(
    listener: Listener, config: DaemonConfig | None, shims: Sequence[Shim]
) -> dict[tuple[str, str], RootMount]:
    states = {s.bundle.parents[2] for s in shims if s.bundle and len(s.bundle.parents) > 2}
    if config is not None:
        states.add(config.state.resolve())
    found = {}
    for entry in read_mountinfo(listener.pid):
        match = _BUNDLE.search(entry.mount_point)
        if match and Path(entry.mount_point).parents[3] in states:
            found[match.group(1), match.group(2)] = _root_mount(entry, listener)
    return found


def _root_mount(entry: MountEntry, listener: Listener) -> RootMount:
    upper = entry.upper_directory
    exists: bool | None = None
    if entry.root_deleted:
        exists = False
    elif upper is not None and entry.fs_type == "overlay":
        # Through the daemon's own root: it may live in another mount namespace.
        seen = Path(f"/proc/{listener.pid}/root") / upper.lstrip("/")
        exists = _is_there(seen)
    elif upper is not None:
        exists = True
    return RootMount(mount_point=entry.mount_point, upper_directory=upper, upper_exists=exists)


def _is_there(directory: Path) -> bool | None:
    try:
        directory.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return None
    return True


def _network_namespaces(folders: Iterable[Path]) -> Iterator[HostNetworkNamespace]:
    names = [path for folder in folders for path in _entries(folder)]
    inhabited = set(_inhabited()) if names else set()
    for path in names:
        try:
            yield HostNetworkNamespace(path=path, in_use=path.stat().st_ino in inhabited)
        except OSError:
            continue


def _inhabited() -> Iterator[int]:
    """The inodes of the network namespaces in which processes live."""
    for pid in all_pids():
        try:
            yield Path(f"/proc/{pid}/ns/net").stat().st_ino
        except OSError:
            continue


def _addresses(folders: Iterable[Path]) -> Iterator[AddressLease]:
    for folder in folders:
        for network in _entries(folder):
            for file in _entries(network):
                if _NOT_AN_ADDRESS.match(file.name):
                    continue
                try:
                    lines = file.read_text(errors="replace").split()
                except OSError:
                    continue
                holder = lines[0] if lines else ""
                yield AddressLease(network=network.name, address=file.name, container_id=holder)


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []
