"""Faults of containerd and runtimes that are known by their version, and that bear on a run. Pure.

Each was read in the sources or issues that it names, or seen (docs/hosts.md).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from iluvatar_bench.containerd.daemon.versions import (
    ignores_unit_that_exists,
    refuses_shared_cgroup,
    release,
    rests_between_collections,
)


@dataclass(frozen=True, slots=True)
class KnownBug:
    """A name, what happens, what is without it, and where that can be read up.

    ``cgroups``: the mode that a host's cgroups have where it happens; empty: on every host.
    """

    name: str
    what: str
    remedy: str
    source: str
    cgroups: str = ""


def containerd_bugs(version_text: str) -> tuple[KnownBug, ...]:
    """Those of the containerd that prints this as its version; none of an unknown one."""
    return tuple(_containerd(version_text))


def _containerd(version_text: str) -> Iterator[KnownBug]:
    version = release(version_text)
    if version is None:
        return
    if version < (1, 6, 37) or (1, 7) <= version < (1, 7, 23):
        yield KnownBug(
            "pull and collector",
            "a pull can lose what it has fetched to a collection",
            "containerd 1.6.37, 1.7.23 or 2.0",
            "containerd/containerd release notes of 1.6.37 and 1.7.23",
        )
    if not rests_between_collections(version):
        yield KnownBug(
            "restless collector",
            "the collector may run again within milliseconds",
            "containerd 1.6.32 or 1.7.16",
            "containerd gc/scheduler/scheduler.go",
        )


def runtime_bugs(version_text: str) -> tuple[KnownBug, ...]:
    """Those of the OCI runtime that prints this as its version; none of an unknown one."""
    return tuple(_runtime(version_text))


def _runtime(version_text: str) -> Iterator[KnownBug]:
    version = release(version_text)
    if version is None:
        return
    if "crun" in version_text:
        yield KnownBug(
            "hybrid cgroups",
            "it refuses a host with hybrid cgroups",
            "runc there, or cgroup version 2 alone",
            "seen on crun 1.8.1 and 1.21",
            cgroups="hybrid",
        )
        yield KnownBug(
            "shared cgroup",
            "Kill(all) and Delete in a shared cgroup end the neighbours",
            "a cgroup of its own for each container",
            "seen on crun 1.8 and 1.21",
        )
        return
    if "runc" not in version_text:
        return
    if ignores_unit_that_exists(version):
        yield KnownBug(
            "unit that exists",
            "with the systemd driver a container whose unit exists stays in its shim's cgroup",
            "runc 1.1.6, or a cgroup of its own for each container",
            "opencontainers/runc#3780",
        )
    if not refuses_shared_cgroup(version):
        yield KnownBug(
            "shared cgroup",
            "Kill(all) in a shared cgroup ends the neighbours",
            "a cgroup of its own for each container; runc 1.2 refuses a shared one",
            "opencontainers/runc#3132",
        )
