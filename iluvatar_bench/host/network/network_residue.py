"""What our networks hold on this host, and the removal of what killed processes left.

Everything is found by our own names, in our own folder (see ownership.py): no namespace, bridge or
address of anybody else is ever looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from iluvatar_bench.errors import IluvatarBenchError, NetworkError
from iluvatar_bench.host.facts import plugin_homes
from iluvatar_bench.host.kernel import netns
from iluvatar_bench.host.network import bridge
from iluvatar_bench.host.network.bridge_use import BridgePlace, bridge_places, remove_unused
from iluvatar_bench.host.network.cni import Endpoint, Plugin, find_plugins
from iluvatar_bench.host.network.ownership import (
    NETWORK_HOME,
    Owner,
    abandoned_owners,
    exclusive,
    owners,
    remove_owner,
)

_CONFIGURATION = TypeAdapter(dict[str, Any])


@dataclass(frozen=True, slots=True)
class NetworkHoldings:
    """What is there of ours, whether its owner is alive or not."""

    namespaces: tuple[str, ...]
    bridges: tuple[str, ...]
    bridge_ports: tuple[str, ...]
    """The host's ends of the containers' veth pairs."""
    addresses: tuple[str, ...]

    def __bool__(self) -> bool:
        return any((self.namespaces, self.bridges, self.bridge_ports, self.addresses))

    def as_dict(self) -> dict[str, list[str]]:
        """The names by kind, for a ledger."""
        return {
            "namespaces": list(self.namespaces),
            "bridges": list(self.bridges),
            "bridge_ports": list(self.bridge_ports),
            "addresses": list(self.addresses),
        }


def holdings(home: Path = NETWORK_HOME) -> NetworkHoldings:
    """Take stock. Needs no privilege beyond reading the folder; changes nothing."""
    places = bridge_places(home)
    return NetworkHoldings(
        namespaces=tuple(path.name for owner in owners(home) for path in owner.namespaces()),
        bridges=tuple(place.name for place in places if bridge.exists_bridge(place.name)),
        bridge_ports=tuple(port for place in places for port in bridge.ports(place.name)),
        addresses=tuple(str(a) for place in places for a in sorted(place.reservations())),
    )


async def remove_abandoned(
    home: Path = NETWORK_HOME, *, homes: Sequence[Path] = ()
) -> tuple[str, ...]:
    """Remove the namespaces and addresses of owners that are gone, and bridges nobody uses.

    Containers that still run in such a namespace are to be ended before: until then the kernel
    keeps the namespace, without its name.

    Returns:
        what could not be removed, with the reason; empty when nothing is left.
    """
    problems: list[str] = []
    with abandoned_owners(home) as gone:
        for owner in gone:
            left = await _give_addresses_back(owner, home, homes)
            left += _remove_namespaces(owner)
            if not left:
                with exclusive(home):
                    remove_owner(owner)
            # One of whom something is left stays, so that it is found again.
            problems += left
    if home.is_dir():
        try:
            remove_unused(home)
        except IluvatarBenchError as error:
            problems.append(str(error))
    return tuple(problems)


async def _give_addresses_back(owner: Owner, home: Path, homes: Sequence[Path]) -> list[str]:
    problems = []
    for place in bridge_places(home):
        held = [id for id in place.reservations().values() if owner.owns(id)]
        for container_id in held:
            try:
                await _delete(place, owner, container_id, plugin_homes(homes))
            except (IluvatarBenchError, OSError) as error:
                # Without it somebody else has removed the bridge meanwhile, and its addresses.
                if place.config.exists():
                    problems.append(f"address of {container_id}: {error}")
    return problems


async def _delete(
    place: BridgePlace, owner: Owner, container_id: str, homes: tuple[Path, ...]
) -> None:
    program, _ = find_plugins(homes, "bridge", "host-local")
    plugin = Plugin(program, _configuration(place), homes=homes)
    path = owner.folder / container_id
    await plugin.delete(Endpoint(container_id, path if netns.exists_namespace(path) else None))


def _configuration(place: BridgePlace) -> dict[str, Any]:
    try:
        return _CONFIGURATION.validate_json(place.config.read_bytes())
    except ValueError as error:
        raise NetworkError(f"{place.config} is torn: it holds no configuration") from error


def _remove_namespaces(owner: Owner) -> list[str]:
    problems = []
    for path in owner.namespaces():
        try:
            netns.delete(path)
        except IluvatarBenchError as error:
            problems.append(str(error))
    return problems
