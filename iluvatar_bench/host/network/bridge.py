"""Linux bridges, made and removed with iproute2, and what of a host's addresses is taken.

The bridge is ours to make, not the CNI plugin's. With its ``isGateway`` the plugin would give the
bridge the same address, but it would also switch on ``net.ipv4.ip_forward``, for the whole host and
for good (seen: plugins 1.1.1; ``ip.EnableForward`` in main/bridge/bridge.go). Containers here have
a route to the bridge and to each other, and none to the outside.
"""

from __future__ import annotations

import json
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from ipaddress import IPv4Interface, IPv4Network
from pathlib import Path
from typing import Any

from iluvatar_bench.errors import InsufficientPrivilege, MissingProgram, NetworkError

_INTERFACES = Path("/sys/class/net")


def create_bridge(name: str, address: IPv4Interface) -> None:
    """Make a bridge with the address, and set it up.

    Raises:
        MissingProgram: iproute2 is not installed.
        NetworkError: the kernel refused.
    """
    # With an address of its own making a bridge takes the lowest of its ports' and changes it as
    # ports come and go; what its neighbours remember is then wrong until they ask again.
    # https://github.com/containernetworking/plugins/blob/v1.1.1/plugins/main/bridge/bridge.go#L227
    mac = ":".join(("02", *(f"{byte:02x}" for byte in secrets.token_bytes(5))))
    _ip_batch(
        f"link add name {name} address {mac} type bridge",
        f"address add {address} broadcast + dev {name}",
        f"link set dev {name} up",
    )


def remove_bridge(name: str) -> None:
    """Remove a bridge; interfaces that are its ports stay, without it. Safe to repeat.

    Raises:
        MissingProgram, NetworkError: as for :func:`create`.
    """
    if exists_bridge(name):
        _ip_batch(f"link delete dev {name} type bridge")


def forget_neighbour(name: str, address: str) -> None:
    """Drop what the host remembers of the address's former holder on the bridge.

    An address that is handed out again belongs to another interface with another MAC; until the
    host's neighbour entry expires (seconds to a minute, arp(7)) its packets would still go to the
    old one, and connections time out.

    Raises:
        MissingProgram, NetworkError: as for :func:`create`.
    """
    _run("-4", "neigh", "flush", "to", address, "dev", name)


def exists_bridge(name: str) -> bool:
    """Whether there is an interface of that name."""
    return (_INTERFACES / name).exists()


def ports(name: str) -> tuple[str, ...]:
    """The interfaces that are ports of the bridge; empty where there is no such bridge."""
    folder = _INTERFACES / name / "brif"
    try:
        return tuple(sorted(entry.name for entry in folder.iterdir()))
    except FileNotFoundError:
        return ()


def addresses(name: str) -> tuple[IPv4Interface, ...]:
    """The IPv4 addresses of an interface."""
    return tuple(found for device, found in _all_addresses() if device == name)


def overlap(subnet: IPv4Network, *, apart_from: str) -> str | None:
    """What on this host already uses a part of the subnet, in words; None: nothing does.

    Looks at the addresses and the routes of all interfaces but one.
    """
    for device, address in _all_addresses():
        if device != apart_from and address.network.overlaps(subnet):
            return f"address {address} of {device}"
    for route in _ip_json("route", "show", "table", "all"):
        used_by = route.get("dev")
        # Default routes overlap everything and reserve nothing; so do blackholes and the like.
        if route["dst"] == "default" or used_by in (None, apart_from):
            continue
        if IPv4Network(route["dst"]).overlaps(subnet):
            return f"route {route['dst']} through {used_by}"
    return None


def _all_addresses() -> Iterator[tuple[str, IPv4Interface]]:
    for link in _ip_json("address", "show"):
        for entry in link.get("addr_info", ()):
            yield link["ifname"], IPv4Interface(f"{entry['local']}/{entry['prefixlen']}")


def _ip_json(*arguments: str) -> list[dict[str, Any]]:
    output = _run("-4", "-json", *arguments)
    # iproute2 prints empty objects for what a family filter leaves out.
    return [entry for entry in json.loads(output or "[]") if entry]


def _ip_batch(*commands: str) -> None:
    _run("-batch", "-", said="\n".join(commands))


def _run(*arguments: str, said: str = "") -> str:
    program = shutil.which("ip")
    if program is None:
        raise MissingProgram("ip is not installed; on Debian or Ubuntu: apt-get install iproute2")
    done = subprocess.run(
        [program, *arguments], input=said, capture_output=True, text=True, check=False
    )
    if done.returncode == 0:
        return done.stdout
    what = said.splitlines()[0] if said else " ".join(arguments)
    if "Operation not permitted" in done.stderr:
        raise InsufficientPrivilege("container networks need root: run it as root")
    raise NetworkError(f"ip {what}: {' '.join(done.stderr.split())}")
