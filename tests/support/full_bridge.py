"""A program for a network namespace of its own: trials on a bridge without a free port.

``python -m tests.support.full_bridge LAYOUT HOME`` prints a JSON document: how many ports
the bridge took, and the two trials, one with the bridge full and one after a port was freed.
Everything it makes on the network goes with its namespace.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

from iluvatar_bench.containerd.daemon.private import private_daemon
from iluvatar_bench.containerd.oci.image_import import import_layout
from iluvatar_bench.host.network.attachment import NetworkMode, NetworkSettings
from iluvatar_bench.host.network.network_pool import open_pool
from iluvatar_bench.host.network.networks import open_network
from iluvatar_bench.lifecycle import KillLog
from iluvatar_bench.lifecycle.invocation import open_invoker
from iluvatar_bench.plans import PlannedTrial
from iluvatar_bench.profiles import resolve_profile
from iluvatar_bench.profiles.collector import QUIET_COLLECTOR
from iluvatar_bench.runs.trial import Setting, run_trial

PORTS = 1023
"""BR_MAX_PORTS of the kernel (net/bridge/br_private.h) is 1,024, and port 0 is never given."""

PROFILE = resolve_profile("guarded", ["collection=quiet", "network=bridge"])


def ip_batch(lines: list[str]) -> None:
    subprocess.run(["ip", "-batch", "-"], input="\n".join(lines), text=True, check=True)


def fill(name: str) -> None:
    """Both ends of a pair of veths are ports; they stay down, or the frames would go in circles."""
    pairs = range((PORTS + 1) // 2)
    ip_batch([f"link add ilbp{n} type veth peer name ilbq{n}" for n in pairs])
    ends = [f"ilb{side}{n}" for n in pairs for side in "pq"][:PORTS]
    ip_batch([f"link set {end} master {name}" for end in ends])


def count_ports(name: str) -> int:
    """Not by /sys, which shows the network namespace that it was mounted in."""
    shown = subprocess.run(
        ["ip", "-json", "link", "show", "master", name], text=True, check=True, capture_output=True
    )
    return len([port for port in json.loads(shown.stdout or "[]") if port])


async def main(layout: Path, home: Path) -> None:
    settings = NetworkSettings(mode=NetworkMode.BRIDGE, bridge="ilbtfull", home=home)
    async with (
        private_daemon(collector=QUIET_COLLECTOR) as node,
        open_network(settings) as network,
        open_pool(network, size=0) as pool,
        open_invoker(network.book) as invoker,
    ):
        image = await import_layout(node.client, layout, name="x", snapshotters=["overlayfs"])
        setting = Setting("test-full", node, image, PROFILE, KillLog(), pool, invoker, 60.0)
        fill(settings.bridge)
        taken = count_ports(settings.bridge)
        refused = await run_trial(setting, PlannedTrial(index=0, function="hello", hold_ms=0))
        ports_after = count_ports(settings.bridge)
        ip_batch(["link delete ilbp0"])
        again = await run_trial(setting, PlannedTrial(index=1, function="hello", hold_ms=0))
        left = [path.name for path in home.glob("owners/*/ilb-*")]
    trials = [trial.as_json() for trial in (refused, again)]
    sys.stdout.write(
        json.dumps({"taken": taken, "ports_after": ports_after, "left": left, "trials": trials})
    )


if __name__ == "__main__":
    asyncio.run(main(*map(Path, sys.argv[1:])))
