"""Whose a lease or a kept snapshot is, by its form: what a known client makes and keeps on purpose.

Each form was read in the client's source; nothing but form tells whose an unlabelled lease is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from iluvatar_bench.audit.read.held import FLAT_LABEL, ROOT_LABEL
from iluvatar_bench.audit.read.state import HeldLease, NamespaceState, SnapshotId

_HEX_ID = re.compile(r"[0-9a-f]{64}")
"""How Docker and Kubernetes' interface name their containers and sandboxes."""

_CRI_VOLUMES = "/image-volumes/"


@dataclass(frozen=True, slots=True)
class Keeper:
    """A client that keeps something on purpose, and how to ask it."""

    name: str
    keeps: str
    ask: str


DOCKER = Keeper(
    "Docker's image store",
    "the layer of each of its containers, stopped ones too (moby v28.5.1, "
    "daemon/containerd/image_snapshot.go, createLayer)",
    "docker ps --all --no-trunc",
)
BUILDKIT = Keeper(
    "BuildKit",
    "its build cache (buildkit 73ed682, cache/manager.go: leases with containerd.io/gc.flat)",
    "buildctl du; docker builder du",
)
KUBERNETES = Keeper(
    "Kubernetes (CRI)",
    "the image volumes of a pod, until that is removed (containerd v2.1.9, "
    "internal/cri/server/container_image_mount.go)",
    "crictl pods --no-trunc",
)
NERDCTL = Keeper(
    "nerdctl",
    "the views of its image mounts (nerdctl 8da5040, pkg/cmd/container/run_mount.go)",
    "nerdctl ps --all",
)
CTR = Keeper(
    "perhaps ctr",
    "what `ctr snapshots prepare` or `view` made, until somebody removes it by hand (containerd "
    "v1.6.20, cmd/ctr/commands/snapshots/snapshots.go)",
    "ctr snapshots info KEY, and whoever works on this host",
)


def keeper_of_lease(lease: HeldLease, namespace: NamespaceState) -> Keeper | None:
    """The known client whose lease has this form; None where no form is known."""
    labels = lease.info.labels
    if FLAT_LABEL in labels or "buildkit/lease.temporary" in labels:
        return BUILDKIT
    if "moby/prune.images" in labels:
        return DOCKER
    id = lease.info.id
    if labels or not _HEX_ID.fullmatch(id):
        return None
    names = {snapshot.name for snapshot in lease.snapshots()}
    record = namespace.records.get(id)
    if record is not None and "io.cri-containerd.kind" in record.labels:
        return KUBERNETES
    if names and all(_CRI_VOLUMES in name for name in names):
        return KUBERNETES
    # The layer is called as the container is, the one below it the same with -init.
    return DOCKER if names and names <= {id, f"{id}-init"} else None


def keeper_of_root(snapshot: SnapshotId, labels: Mapping[str, str]) -> Keeper | None:
    """The known client that labels its snapshots so; None without the label."""
    if ROOT_LABEL not in labels:
        return None
    return NERDCTL if snapshot.name.endswith("-image-mount") else CTR
