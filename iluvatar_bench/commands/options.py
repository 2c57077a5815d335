"""Options that several commands share, written once."""

from __future__ import annotations

import math
from ipaddress import AddressValueError, IPv4Network, NetmaskValueError
from pathlib import Path
from typing import Annotated

import typer

from iluvatar_bench.errors import UsageError
from iluvatar_bench.host.network.attachment import DEFAULT_NETWORK, NetworkSettings
from iluvatar_bench.host.socket_address import socket_path

WORSE = 3
"""The exit code of ``--fail-if-worse``: neither a failure of the program nor a bad request."""

Results = Annotated[Path, typer.Option("--out", help="folder for the run folders")]
Seed = Annotated[int, typer.Option(help="seed of the plan")]
ProfileName = Annotated[
    str, typer.Option("--profile", help="a preset, a saved profile, or a profile's file; see --set")
]
Sets = Annotated[
    list[str] | None, typer.Option("--set", metavar="FACTOR=LEVEL", help="change one factor")
]
Runtime = Annotated[
    str | None,
    typer.Option(
        "--runtime", metavar="PATH", help="the OCI runtime, as --set runtime=PATH; default: runc"
    ),
]
Address = Annotated[
    Path | None,
    typer.Option(
        parser=socket_path,
        metavar="SOCKET",
        help="socket of a running containerd; default: a private one is started",
    ),
]
Function = Annotated[str, typer.Option(help="built-in function, or its folder")]
Trials = Annotated[int, typer.Option(help="containers to cold-start")]
Concurrency = Annotated[int, typer.Option(help="containers at a time")]
AsJson = Annotated[bool, typer.Option("--json", help="for scripts")]
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


def _seconds(value: float) -> float:
    """Refused before anything is started or made."""
    if not 0 < value < math.inf:
        raise UsageError(f"--ready-seconds must be a number above 0, not {value:g}")
    return value


ReadySeconds = Annotated[
    float,
    typer.Option(
        "--ready-seconds", help="how long a started function may be silent", callback=_seconds
    ),
]


WithWitness = Annotated[
    bool,
    typer.Option("--witness/--no-witness", help="have the kernel name who sends signals"),
]

Beside = Annotated[
    list[str] | None,
    typer.Option(
        metavar="WORK",
        help="what other clients do meanwhile: import, pull, transfer, unpack, commit, prune; "
        "several times",
    ),
]

LogCollections = Annotated[
    bool,
    typer.Option(help="have the private containerd log when it collects, for the table of that"),
]


def with_runtime(settings: list[str] | None, runtime: str | None) -> list[str]:
    """The changes of a profile, with the runtime that was named."""
    return [*(settings or ()), *(() if runtime is None else (f"runtime={runtime}",))]


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
