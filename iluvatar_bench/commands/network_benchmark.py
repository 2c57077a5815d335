"""``network-benchmark``: what networks cost of themselves."""

from __future__ import annotations

from typing import Annotated

import typer

from iluvatar_bench.commands.options import Bridge, Plugins, Subnet, network_settings


def network_benchmark(
    count: Annotated[int, typer.Option(min=2, max=5000, help="how often each is done")] = 400,
    subnet: Subnet = None,
    bridge: Bridge = None,
    plugins: Plugins = None,
) -> None:
    """What namespaces, the warm pool and invocations cost of themselves: median and p99 in ms."""
    from iluvatar_bench.benchmarks.network import print_benchmark

    print_benchmark(count, network_settings(subnet, bridge, plugins))
