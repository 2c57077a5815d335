"""Reads what the host shows of a containerd: shims, root mounts, cgroups, networks, runtimes.

Files and ``/proc`` are read, runtimes are asked for their version; nothing is changed.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from iluvatar_bench.audit.read.host_networks import HostPlaces, NetworkReader
from iluvatar_bench.audit.read.root_mounts import ContainerName, root_reader
from iluvatar_bench.audit.read.state import HostState
from iluvatar_bench.containerd.daemon.config import DaemonConfig
from iluvatar_bench.containerd.values import ContainerRecord, TaskInfo, TaskState
from iluvatar_bench.host.facts import program_version
from iluvatar_bench.host.kernel.listener import Listener
from iluvatar_bench.host.kernel.processes import cgroup_of_process, environment, shares_our_pids
from iluvatar_bench.host.kernel.shims import same_socket, visible_shims
from iluvatar_bench.host.kernel.socket_peers import socket_peers


@dataclass(frozen=True, slots=True, kw_only=True)
class HostSubject:
    """Whose side of the host is read: the daemon, and what it says that it has."""

    address: Path
    listener: Listener | None
    config: DaemonConfig | None
    records: Mapping[ContainerName, ContainerRecord]
    tasks: Mapping[ContainerName, TaskInfo]


def runtime_program(record: ContainerRecord) -> str | None:
    """The OCI runtime of a record; None for runtimes that are not of runc's kind."""
    if record.runtime_binary:
        return record.runtime_binary
    is_runc = ".runc." in record.runtime or record.runtime == "io.containerd.runtime.v1.linux"
    return "runc" if is_runc else None


def read_host(subject: HostSubject, *, places: HostPlaces, remarks: list[str]) -> HostState:
    """The host's side; what could not be looked at is None, with a remark saying why."""
    shims = visible_shims()
    ours = tuple(shim for shim in shims if same_socket(shim.address, subject.address))
    programs = {p for record in subject.records.values() if (p := runtime_program(record))}
    listener, config = subject.listener, subject.config
    search_path = environment(listener.pid).get("PATH") if listener else None
    networks = NetworkReader(places, remarks)
    state = HostState(
        foreign_shims=tuple(shim for shim in shims if shim not in ours),
        network_namespaces=networks.namespaces(),
        addresses=networks.addresses(),
        peers=socket_peers(subject.address.resolve()),
        runtimes={p: _version(p, search_path) for p in sorted(programs)},
    )
    if listener is None:
        remarks.append("shims and mounts are not judged: run the audit as root on the same host")
        return state
    tasks = subject.tasks if shares_our_pids(listener.pid) else {}
    if subject.tasks and not tasks:
        remarks.append("the tasks' processes are not looked at: their PIDs are not ours")
    state = replace(state, daemon=listener.pid, shims=ours, cgroups=_cgroups(tasks))
    reader = root_reader(
        listener.pid,
        state=config.state if config else None,
        bundles=(shim.bundle for shim in ours),
    )
    if reader is None:
        remarks.append("mounts are not judged: the daemon's may not be read; run the audit as root")
        return state
    return replace(
        state,
        root_mounts=reader.roots(subject.records, tasks),
        bundle_mounts={name: entry.mount_point for name, entry in reader.bundles().items()},
    )


def _cgroups(tasks: Mapping[ContainerName, TaskInfo]) -> dict[ContainerName, str]:
    """What the kernel says, of those whose process runs."""
    live = (TaskState.RUNNING, TaskState.CREATED, TaskState.PAUSED, TaskState.PAUSING)
    return {
        name: cgroup
        for name, task in tasks.items()
        if task.pid and task.state in live and (cgroup := cgroup_of_process(task.pid))
    }


def _version(program: str, search_path: str | None) -> str:
    """What the runtime that the daemon would find says; empty where it says nothing."""
    path = shutil.which(program, path=search_path) or shutil.which(program)
    return (program_version(path, "--version") or "") if path else ""
