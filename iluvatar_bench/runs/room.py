"""Whether a private containerd has room to go on: where it has none, every container would fail."""

from __future__ import annotations

from iluvatar_bench.containerd.daemon.private import Node
from iluvatar_bench.errors import ContainerdError, DiskFull
from iluvatar_bench.host.full_disk import NO_SPACE, disk_full, has_room
from iluvatar_bench.records import Outcome, Trial


def require_room(node: Node, trial: Trial) -> None:
    """Refuse to go on after a trial that did not go well, if there is no room for another.

    The trial itself is counted as it went, with the disk as its mechanism where that is proven. One
    whose neighbours filled the disk for a while is followed by others, and so is one on a
    containerd that is not ours: where that one keeps its things is not known.

    Raises:
        DiskFull: nothing more can be made on this node.
    """
    if trial.outcome is Outcome.OK or node.collector is None:
        return
    for path in (node.scratch, node.address.parent):
        if not has_room(path):
            raise disk_full(path, f"trial {trial.trial}: {trial.error}")


def told_as_full(node: Node, error: ContainerdError) -> DiskFull | None:
    """A full disk of containerd, where it refused for that; None for any other refusal."""
    if NO_SPACE not in error.detail.lower():
        return None
    return DiskFull(
        f"the disk of the containerd at {node.address} is full: make room where it keeps its "
        f"images and snapshots ({error})"
    )
