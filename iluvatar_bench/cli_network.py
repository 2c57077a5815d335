"""Networks on the command line: options of the commands that run containers, and their cost."""

from __future__ import annotations

from ipaddress import AddressValueError, IPv4Network, NetmaskValueError
from pathlib import Path
from typing import Annotated

import typer

from iluvatar_bench.errors import UsageError
from iluvatar_bench.host.attachment import DEFAULT_NETWORK, NetworkSettings

Subnet = Annotated[
    str | None,
    typer.Option(
        "--network-subnet", help=f"with network=bridge; default: {DEFAULT_NETWORK.subnet}"
    ),
]
Bridge = Annotated[
    str | None,
    typer.Option("--network-bridge", help=f"the bridge's name; default: {DEFAULT_NETWORK.bridge}"),
]
Plugins = Annotated[
    list[Path] | None,
    typer.Option("--cni-path", help="folder of the CNI plugins; default: CNI_PATH, or the usual"),
]
PoolSize = Annotated[
    int, typer.Option("--pool-size", min=0, max=1000, help="networks that are kept warm")
]


def network_benchmark(
    count: Annotated[int, typer.Option(min=2, max=5000, help="how often each is done")] = 400,
    subnet: Subnet = None,
    bridge: Bridge = None,
    plugins: Plugins = None,
) -> None:
    """What namespaces, the warm pool and invocations cost of themselves: median and p99 in ms."""
    from iluvatar_bench.lifecycle.network_benchmark import print_benchmark

    print_benchmark(count, network_settings(subnet, bridge, plugins))


def network_settings(
    subnet: str | None, bridge: str | None, plugins: list[Path] | None
) -> NetworkSettings:
    """The network that the options ask for.

    Raises:
        UsageError: a name or a subnet that cannot be.
    """
    return NetworkSettings(
        subnet=DEFAULT_NETWORK.subnet if subnet is None else _subnet(subnet),
        bridge=DEFAULT_NETWORK.bridge if bridge is None else bridge,
        homes=tuple(plugins or ()),
    )


def _subnet(text: str) -> IPv4Network:
    try:
        return IPv4Network(text)
    except (AddressValueError, NetmaskValueError, ValueError) as error:
        raise UsageError(
            f"--network-subnet {text}: {error}; as in {DEFAULT_NETWORK.subnet}"
        ) from error
