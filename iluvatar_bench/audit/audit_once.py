"""One audit from an address to its result."""

from __future__ import annotations

from pathlib import Path

from iluvatar_bench.audit.address import SYSTEM_SOCKET
from iluvatar_bench.audit.audit import GRACE_SECONDS, Audit, apply_rules
from iluvatar_bench.audit.read.host_networks import CONVENTIONAL_PLACES, HostPlaces
from iluvatar_bench.audit.read.state_reader import open_reader, read_state
from iluvatar_bench.containerd.channel import CONNECT_SECONDS


async def audit_daemon(
    address: Path = SYSTEM_SOCKET,
    *,
    namespace: str | None = None,
    grace_seconds: float = GRACE_SECONDS,
    places: HostPlaces = CONVENTIONAL_PLACES,
    connect_seconds: float = CONNECT_SECONDS,
) -> Audit:
    """Read a running containerd and apply_rules how its clients use it. Nothing is written to it.

    All namespaces are audited unless one is named. ``grace_seconds`` is how long something may lie
    about before it counts as left behind, ``connect_seconds`` how long the daemon may take until
    its first answer.

    Raises:
        UnusablePath: there is no socket, it may not be used, or no containerd is behind it.
        Unreachable: nothing listens there, or nothing that speaks gRPC.
        UsageError: there is no such namespace.
        ContainerdError: containerd did not answer.
    """
    async with open_reader(address, seconds=connect_seconds) as client:
        state = await read_state(client, namespace=namespace, places=places)
    return apply_rules(state, grace_seconds=grace_seconds)
