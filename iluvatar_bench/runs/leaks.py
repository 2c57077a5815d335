"""Leaks: what is on the node before a run and after it, by name.

Of the networks those that wait in a warm pool are left out: they outlive the trials on purpose.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from iluvatar_bench.containerd.daemon.private import Node
from iluvatar_bench.containerd.values import SnapshotKind
from iluvatar_bench.host.kernel import cgroups
from iluvatar_bench.host.kernel.cgroup_names import SHIMS, all_parents
from iluvatar_bench.host.network.network_pool import NetworkPool


@dataclass(frozen=True, slots=True)
class Inventory:
    """Names of what exists on the node, in its namespace, its cgroup and its scratch folder."""

    containers: tuple[str, ...]
    tasks: tuple[str, ...]
    leases: tuple[str, ...]
    active_snapshots: tuple[str, ...]
    cgroups: tuple[str, ...]
    folders: tuple[str, ...]
    namespaces: tuple[str, ...] = ()
    veths: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()

    def beyond(self, before: Inventory) -> dict[str, list[str]]:
        """What is here and was not in before, by kind; kinds without any are left out."""
        earlier = asdict(before)
        new = {
            kind: sorted(set(names) - set(earlier[kind])) for kind, names in asdict(self).items()
        }
        return {kind: names for kind, names in new.items() if names}


async def take_inventory(
    node: Node, *, snapshotters: Sequence[str], pools: Sequence[NetworkPool] = ()
) -> Inventory:
    """The inventory at this moment, between trials. Changes nothing.

    Raises:
        ContainerdError: containerd did not answer.
    """
    client = node.client
    snapshots = [s for name in snapshotters for s in await client.snapshots(name).list()]
    groups = [c for p in all_parents(node.cgroup_parent) for c in cgroups.children(p)]
    networks = [holding for pool in pools for holding in await pool.outstanding()]
    return Inventory(
        containers=tuple(record.id for record in await client.containers.list()),
        tasks=tuple(task.container_id for task in await client.tasks.list()),
        leases=await client.leases.list(),
        active_snapshots=tuple(s.name for s in snapshots if s.kind is SnapshotKind.ACTIVE),
        # That of the shims is the place's own, and goes with it.
        cgroups=tuple(group for group in groups if group != SHIMS),
        folders=tuple(path.name for path in node.scratch.iterdir()),
        namespaces=tuple(h.name for h in networks if h.kind == "namespaces"),
        veths=tuple(h.name for h in networks if h.kind == "veths"),
        addresses=tuple(f"{h.name} of {h.attachment}" for h in networks if h.kind == "addresses"),
    )
