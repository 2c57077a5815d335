"""The leak ledger: what is on the node before a run and after it, by name.

Networks are not in it: they outlive the trials in a warm pool, which reports on closing what it
cannot remove.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from iluvatar_bench.containerd.daemon import Node
from iluvatar_bench.containerd.values import SnapshotKind
from iluvatar_bench.host import cgroups


@dataclass(frozen=True, slots=True)
class Ledger:
    """Names of what exists on the node, in its namespace, its cgroup and its scratch folder."""

    containers: tuple[str, ...]
    tasks: tuple[str, ...]
    leases: tuple[str, ...]
    active_snapshots: tuple[str, ...]
    cgroups: tuple[str, ...]
    folders: tuple[str, ...]

    def beyond(self, before: Ledger) -> dict[str, list[str]]:
        """What this ledger has and ``before`` had not, by kind; kinds without any are left out."""
        earlier = asdict(before)
        new = {
            kind: sorted(set(names) - set(earlier[kind])) for kind, names in asdict(self).items()
        }
        return {kind: names for kind, names in new.items() if names}


async def take_stock(node: Node, *, snapshotters: Sequence[str]) -> Ledger:
    """The ledger at this moment. Changes nothing.

    Raises:
        ContainerdError: containerd did not answer.
    """
    client = node.client
    snapshots = [s for name in snapshotters for s in await client.snapshots(name).list()]
    return Ledger(
        containers=tuple(record.id for record in await client.containers.list()),
        tasks=tuple(task.container_id for task in await client.tasks.list()),
        leases=await client.leases.list(),
        active_snapshots=tuple(s.name for s in snapshots if s.kind is SnapshotKind.ACTIVE),
        cgroups=cgroups.children(node.cgroup_parent),
        folders=tuple(path.name for path in node.scratch.iterdir()),
    )
