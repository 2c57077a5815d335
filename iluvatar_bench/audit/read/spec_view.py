"""Reads single facts out of an OCI runtime spec that anybody may have written.

Field names: https://github.com/opencontainers/runtime-spec (config.md, config-linux.md). A part
that has not the form it should have reads as one that is not there.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from typing import Any

from iluvatar_bench.containerd.values import ContainerRecord


def section(spec: Mapping[str, Any], *path: str) -> Mapping[str, Any]:
    """The object below these names; empty where there is none."""
    found: Any = spec
    for name in path:
        # A spec comes from JSON: asking for a dict is ten times as fast as for any mapping.
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


def text(spec: Mapping[str, Any], *path: str) -> str:
    """The text below these names; empty where there is none."""
    found = section(spec, *path[:-1]).get(path[-1])
    return found if isinstance(found, str) else ""


def number(spec: Mapping[str, Any], *path: str) -> int:
    """The whole number below these names; 0 where there is none."""
    found = section(spec, *path[:-1]).get(path[-1])
    return found if isinstance(found, int) else 0


def namespaces(spec: Mapping[str, Any], kind: str) -> tuple[Mapping[str, Any], ...]:
    """The entries of ``linux.namespaces`` of one type."""
    listed = section(spec, "linux").get("namespaces")
    entries = listed if isinstance(listed, list) else []
    return tuple(e for e in entries if isinstance(e, dict) and e.get("type") == kind)


def needs_snapshot(record: ContainerRecord) -> bool:
    """Whether the container's root file system comes from a snapshot.

    A spec whose root is an absolute path brings its own: Docker's with its own storage drivers,
    and ``ctr run --rootfs``.
    """
    path = text(record.spec, "root", "path")
    return bool(path) and not path.startswith("/")


def cgroup_of(record: ContainerRecord) -> str | None:
    """The spec's cgroup in one spelling; None where the runtime makes one by the container's id."""
    path = text(record.spec, "linux", "cgroupsPath")
    if not path or ":" in path:
        # slice:prefix:name of the systemd driver is no path.
        return path or None
    return posixpath.normpath(f"/{path.lstrip('/')}")


def asked_cgroup(record: ContainerRecord) -> str | None:
    """The same, and what runc makes where the spec names none: the container's id as a path.

    That is the same in every containerd namespace (runc 1.1.5, libcontainer/cgroups/fs/paths.go,
    innerPath; seen). None for what is not runc's kind, or no spec.
    """
    named = cgroup_of(record)
    if named is not None or not section(record.spec, "linux"):
        return named
    return (
        f"/{record.id}"
        if ".runc." in record.runtime or record.runtime.endswith(".v1.linux")
        else None
    )


def cgroup_is_relative(record: ContainerRecord) -> bool:
    """Whether the spec's cgroup is a path without a slash in front.

    :func:`cgroup_of` takes it for one with it, which is so where containerd is in the root cgroup.
    """
    path = text(record.spec, "linux", "cgroupsPath")
    return bool(path) and not path.startswith("/") and ":" not in path


def is_unit(cgroup: str) -> bool:
    """Whether a ``cgroupsPath`` is ``slice:prefix:name``, of which systemd makes the cgroup."""
    return ":" in cgroup


def unit_of(cgroup: str) -> str:
    """The unit that a runtime asks systemd for (runc 1.1.5, libcontainer/cgroups/systemd/common.go,
    getUnitName; crun 1.8, src/libcrun/cgroup-systemd.c, get_systemd_scope_and_slice)."""
    _, _, unit = cgroup.partition(":")
    _, _, name = unit.partition(":")
    return name if name.endswith(".slice") else f"{unit.replace(':', '-', 1)}.scope"


def has_own_pid_namespace(record: ContainerRecord) -> bool:
    """Whether the spec asks for a new PID namespace."""
    return any(not entry.get("path") for entry in namespaces(record.spec, "pid"))


def sandbox_of(record: ContainerRecord | None) -> str:
    """The pod sandbox that Kubernetes notes on its containers; empty elsewhere."""
    if record is None:
        return ""
    return text(record.spec, "annotations", "io.kubernetes.cri.sandbox-id")
