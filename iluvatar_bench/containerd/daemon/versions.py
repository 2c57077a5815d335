"""What differs between containerd 1.6, 1.7 and 2.x for this client: all of it is here.

The gRPC services and the field numbers that ``_api/`` uses are the same in all of them, but for the
Transfer service, which 1.6 lacks: none of the breaking changes of 2.0 touches them
(https://github.com/containerd/containerd/blob/main/docs/containerd-2.0.md), and the tests run
against 1.6.20, 1.7.24 and 2.1.9. What is left are names of plugins, one file of the shim's, a
default of ``ctr``, what the collector does, and what runtimes do with a cgroup that is shared. What
a failure *says* in each version is the business of ``bugs/signatures.py``; what to make of a
difference, for people, is told where it is shown (``audit/versions.py``).
"""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path
from typing import NamedTuple

log = logging.getLogger(__name__)

CONFIG_VERSION = 2
"""1.x writes and reads this one; 2.x, whose own is 3, migrates it as it reads it."""

REQUIRED_PLUGINS = (
    "io.containerd.gc.v1.scheduler",
    "io.containerd.metadata.v1.bolt",
    "io.containerd.runtime.v2.task",
    "io.containerd.snapshotter.v1.native",
    "io.containerd.snapshotter.v1.overlayfs",
)
"""Named alike in every version."""

_SNAPSHOTTERS_SINCE = {
    "io.containerd.snapshotter.v1.blockfile": "1.7",
    "io.containerd.snapshotter.v1.erofs": "2.1",
}
"""Others may be left out when a containerd is built."""

_BUILD_TAGS = {
    "io.containerd.snapshotter.v1.btrfs": "no_btrfs",
    "io.containerd.snapshotter.v1.devmapper": "no_devmapper",
}
"""By these they are (containerd, BUILDING.md, 1.6 to 2.3)."""

CRI_PLUGINS = (
    "io.containerd.grpc.v1.cri",
    "io.containerd.cri.v1.images",
    "io.containerd.cri.v1.runtime",
)
"""Kubernetes' interface, under its names in 1.x and 2.x."""

RESTART_PLUGIN = "io.containerd.internal.v1.restart"
"""Starts and stops tasks as labels of their containers say."""

DISABLED_PLUGINS = (
    # Not needed, and not to be shared; a check of the CRI plugin has it.
    *CRI_PLUGINS,
    # These would use fixed paths that a system containerd uses too.
    "io.containerd.internal.v1.opt",
    RESTART_PLUGIN,
    "io.containerd.nri.v1.nri",
    "io.containerd.internal.v1.tracing",
    "io.containerd.tracing.processor.v1.otlp",
)
"""A name that a version does not know is passed over by it."""

_SHIM_FILES = ("address", "bootstrap.json")
"""Where a bundle names its shim's socket: plain text in 1.x, JSON in 2.x."""


def shim_socket(bundle: Path) -> Path | None:
    """The socket of the shim that serves a bundle; None where none is named."""
    for name in _SHIM_FILES:
        try:
            text = (bundle / name).read_text()
            address = json.loads(text).get("address", "") if name.endswith(".json") else text
        except FileNotFoundError:
            continue
        except (OSError, ValueError, AttributeError) as error:
            log.warning("%s: %s", bundle / name, error)
            continue
        if address.startswith("unix:///"):
            return Path(address.strip().removeprefix("unix://"))
    return None


def needs_release(plugin: str) -> str:
    """Which containerd has a plugin that this one lacks, to put behind that; empty if any may."""
    since, tag = _SNAPSHOTTERS_SINCE.get(plugin), _BUILD_TAGS.get(plugin)
    if since is None and tag is None:
        return ""
    which = f"which comes with {since}" if since else f"which its build left out ({tag})"
    return f", {which}; put the folder of one that has it first in PATH"


class Release(NamedTuple):
    """Major, minor and patch number of a program; it compares as one expects."""

    major: int
    minor: int
    patch: int


def release(text: str) -> Release | None:
    """The release in what containerd, its programs or an OCI runtime print as their version.

    None where there is none: a development build, say. crun leaves out a patch number of 0.
    """
    found = re.search(r"\bv?(\d+)\.(\d+)(?:\.(\d+))?", text)
    return Release(int(found[1]), int(found[2]), int(found[3] or 0)) if found else None


def pull_flags(ctr: Release | None) -> tuple[str, ...]:
    """What ``ctr images pull`` is to be told, by its release.

    From 1.7 on it can leave the pull to the daemon (the Transfer service), and from 2.0 on it does
    unless told otherwise. Asked as ctr asks it, that service takes an index without an image for
    this machine for a success and unpacks nothing (seen: 2.1.9); the client's own way refuses it,
    as 1.6 does.
    """
    return ("--local",) if ctr is not None and ctr >= (1, 7) else ()


def transfers_plain_http(containerd: Release) -> bool:
    """Whether the daemon's Transfer service can be told that a registry has no TLS: from 2.0 on.

    1.6 has no such service; that of 1.7 takes every registry to have TLS (v1.7.24,
    pkg/transfer/registry/registry.go; its registry.proto has no ``default_scheme``).
    """
    return containerd >= (2, 0)


def announces_collections(containerd: Release) -> bool:
    """Whether ``/snapshot/remove`` is published when the collector removes a snapshot.

    Before 1.7 only Snapshots.Stat and mountinfo tell.
    """
    return containerd >= (1, 7)


def rests_between_collections(containerd: Release) -> bool:
    """Whether the collector lets 245 ms pass between two collections, at the least.

    From 1.6.32 and 1.7.16 on; before, the next one may come within milliseconds.
    """
    return (1, 6, 32) <= containerd < (1, 7) or containerd >= (1, 7, 16)


def includes_drop_ins(containerd: Release | None) -> bool:
    """Whether ``/etc/containerd/conf.d`` is read without being asked for: from 2.2 on."""
    return containerd is not None and containerd >= (2, 2)


def merges_plugin_sections(containerd: Release | None) -> bool:
    """Whether an imported file changes a plugin's settings one by one: from 2.0 on.

    In 1.x it replaces the plugin's whole section (services/server/config/config.go, mergeConfig).
    """
    return containerd is not None and containerd >= (2, 0)


def refuses_shared_cgroup(runc: Release) -> bool:
    """Whether runc refuses to create a container in a cgroup that has processes: from 1.2 on.

    Seen on 1.1.5 and 1.5.1, and read in the sources of the versions between.
    """
    return runc >= (1, 2)


def ignores_unit_that_exists(runc: Release) -> bool:
    """Whether runc takes systemd's answer that a unit exists for a success: up to 1.1.5.

    The container's process then stays in the shim's cgroup (opencontainers/runc#3780, #3782; 1.0
    and 1.1.5, libcontainer/cgroups/systemd/common.go, startUnit).
    """
    return runc < (1, 1, 6)
