"""How a container's cgroup is named: as a path (cgroupfs), or as a unit of systemd's. Pure.

runc reads an OCI spec's ``cgroupsPath`` in two ways. As a rule it is a path below every hierarchy.
With ``--systemd-cgroup`` it is ``slice:prefix:name``, and systemd makes the cgroup: the scope
``prefix-name.scope`` in that slice
(https://github.com/opencontainers/runc/blob/v1.1.5/docs/systemd.md). A dash in a slice's name is a
level of its own: ``a-b.slice`` lies in ``a.slice`` (systemd.slice(5)).

A path without a slash in front is relative to runc's own cgroup, which is the shim's, which is
containerd's unless it is told otherwise: below it in every hierarchy of version 1
(libcontainer/cgroups/fs/paths.go of runc 1.1.5, ``path``), beside it in version 2
(libcontainer/cgroups/fs2/defaultpath.go, ``_defaultDirPath``).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

UNIT_PREFIX = "iluvatar_bench"
"""In the name of every slice and scope of ours; with a dash it would be two levels."""

TOP_SLICE = f"{UNIT_PREFIX}.slice"
"""The slice that all places' slices are in: systemd loads it with the first of them."""


EXAMPLE_PATH = "kata/vfiotest"
"""The ``cgroupsPath`` of containerd/rust-extensions' client example, which workers copied
(https://github.com/containerd/rust-extensions/blob/6fb72d3/crates/client/examples/container_spec.json,
line 113, as of 2026-07-01)."""

SHIMS = "shims"
"""The cgroup of shims whose containers' paths are relative, below a place's cgroup."""


class CgroupDriver(StrEnum):
    """Who makes a container's cgroup."""

    CGROUPFS = "cgroupfs"
    """runc, with mkdir."""
    SYSTEMD = "systemd"
    """systemd, asked by runc over D-Bus; it has to be the host's init."""


@dataclass(frozen=True, slots=True)
class CgroupName:
    """One container's cgroup: what the spec says, and its path below each hierarchy.

    ``shims`` is the cgroup that its shim has to be in for that (None: whichever it is in).
    """

    spec: str
    path: str
    shims: str | None = None


def container_cgroup(driver: CgroupDriver, parent: str, name: str) -> CgroupName:
    """The cgroup ``name`` below a place's cgroup ``parent`` (``/iluvatar-bench/<place>``)."""
    if driver is CgroupDriver.CGROUPFS:
        path = f"{parent}/{name}"
        return CgroupName(path, path)
    return CgroupName(
        f"{slice_unit(parent)}:{UNIT_PREFIX}:{name}",
        f"{slice_path(parent)}/{UNIT_PREFIX}-{name}.scope",
    )


def relative_cgroup(parent: str, name: str, *, unified: bool) -> CgroupName:
    """The cgroup that a spec means with a path that has no slash in front.

    The shims get a cgroup of ours to be in, so that it lies below ``parent`` as all others do, and
    not below containerd's own.
    """
    spec = f"{parent.strip('/').replace('/', '-')}-{name}"
    shims = f"{parent}/{SHIMS}"
    return CgroupName(spec, f"{parent if unified else shims}/{spec}", shims)


def slice_path(parent: str) -> str:
    """Where the slice of a place's cgroup lies: systemd's counterpart of the path itself."""
    return f"/{TOP_SLICE}/{slice_unit(parent)}"


def all_parents(parent: str) -> tuple[str, ...]:
    """Every cgroup that containers of a place can be in, whoever made them."""
    return parent, slice_path(parent), f"{parent}/{SHIMS}"


def slice_unit(parent: str) -> str:
    """The name of that slice."""
    return f"{UNIT_PREFIX}-{parent.rpartition('/')[2]}.slice"
