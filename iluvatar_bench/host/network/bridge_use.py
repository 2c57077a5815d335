"""A bridge of ours with its address range, shared by the processes that use it at the same time.

The first one to come makes it, the last one to go removes it. What a killed process left is
replaced by the next to come. Below ``bridges/<bridge>/``: ``users`` (the lock), ``config.json``
(the CNI configuration) and ``ipam/<bridge>/`` (host-local: one file for each address given, which
holds the container's id).
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv4Interface, IPv4Network
from pathlib import Path
from typing import Any

from iluvatar_bench.errors import NetworkConflict
from iluvatar_bench.host.network import bridge
from iluvatar_bench.host.network.attachment import NetworkSettings
from iluvatar_bench.host.network.ownership import NETWORK_HOME, exclusive
from iluvatar_bench.host.shared_folders import entries


@dataclass(frozen=True, slots=True)
class BridgePlace:
    """The files of one bridge."""

    name: str
    folder: Path

    @classmethod
    def of(cls, settings: NetworkSettings) -> BridgePlace:
        """The files of the bridge that the settings name."""
        return cls(settings.bridge, settings.home / "bridges" / settings.bridge)

    @property
    def users(self) -> Path:
        """Locked, shared, by everybody who uses the bridge."""
        return self.folder / "users"

    @property
    def config(self) -> Path:
        """The CNI configuration that addresses were given with."""
        return self.folder / "config.json"

    @property
    def ipam(self) -> Path:
        """host-local's data folder."""
        return self.folder / "ipam"

    def reservations(self) -> dict[IPv4Address, str]:
        """The addresses that are given, and the ids of the containers that hold them."""
        found = {}
        for file in entries(self.ipam / self.name):
            try:
                found[IPv4Address(file.name)] = file.read_text().split()[0]
            except (FileNotFoundError, IndexError, AddressValueError):
                # Given back meanwhile, or just being given; or it is no address's.
                continue
        return found


def bridge_places(home: Path = NETWORK_HOME) -> tuple[BridgePlace, ...]:
    """Every bridge that we have made and not removed."""
    return tuple(BridgePlace(entry.name, entry) for entry in entries(home / "bridges"))


def gateway(subnet: IPv4Network) -> IPv4Interface:
    """The bridge's own address: the first of the range, which host-local leaves out."""
    return IPv4Interface(f"{subnet.network_address + 1}/{subnet.prefixlen}")


@contextmanager
def use_bridge(settings: NetworkSettings, *, version: str) -> Iterator[dict[str, Any]]:
    """A bridge for the length of a block; yields the CNI configuration for it. Blocks briefly.

    Raises:
        NetworkConflict: the subnet or the bridge's name is in use by something else.
        NetworkError: the bridge cannot be made.
        MissingProgram, InsufficientPrivilege, UnusablePath: what the host lacks.
    """
    place = BridgePlace.of(settings)
    with exclusive(settings.home):
        place.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(place.users, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            config = _enter(place, descriptor, settings, version)
        except BaseException:
            _leave(place, descriptor)
            raise
    try:
        yield config
    finally:
        with exclusive(settings.home):
            _leave(place, descriptor)


def remove_unused(home: Path = NETWORK_HOME) -> None:
    """Remove the bridges that nobody uses any more.

    Raises:
        NetworkError: one cannot be removed.
    """
    with exclusive(home):
        for place in bridge_places(home):
            _leave(place, os.open(place.users, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))


def _enter(
    place: BridgePlace, descriptor: int, settings: NetworkSettings, version: str
) -> dict[str, Any]:
    config = _configuration(place, settings, version)
    if _is_alone(descriptor):
        # What is there was left by killed processes, or is not ours: only a bridge whose
        # configuration we find is.
        if place.config.exists():
            _remove(place)
        elif bridge.exists_bridge(place.name):
            raise NetworkConflict(
                f"an interface {place.name} exists and is not ours; choose another bridge name"
            )
        _require_free(settings)
        place.config.write_text(json.dumps(config))
        bridge.create_bridge(place.name, gateway(settings.subnet))
    else:
        used = _used_subnet(place)
        if used != str(settings.subnet):
            raise NetworkConflict(
                f"bridge {place.name} is in use with subnet {used}; choose that subnet, or another "
                f"bridge name for {settings.subnet}"
            )
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    return config


def _used_subnet(place: BridgePlace) -> str:
    try:
        return str(json.loads(place.config.read_text())["ipam"]["ranges"][0][0]["subnet"])
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise NetworkConflict(
            f"bridge {place.name} is in use, and {place.config} does not say with which subnet; "
            "choose another bridge name"
        ) from error


def _leave(place: BridgePlace, descriptor: int) -> None:
    """Give the lock back; remove the bridge and the folder if nobody else holds it."""
    try:
        if _is_alone(descriptor):
            if place.config.exists():
                _remove(place)
                place.config.unlink()
            shutil.rmtree(place.folder)
    finally:
        os.close(descriptor)


def _is_alone(descriptor: int) -> bool:
    # flock(2): a change of mode is not atomic, and one that fails loses the lock held so far. Both
    # are harmless here: the folder's own lock is held, and who fails is on the way out or in.
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _remove(place: BridgePlace) -> None:
    bridge.remove_bridge(place.name)
    shutil.rmtree(place.ipam, ignore_errors=True)


def _require_free(settings: NetworkSettings) -> None:
    user = bridge.overlap(settings.subnet, apart_from=settings.bridge)
    if user is not None:
        raise NetworkConflict(
            f"subnet {settings.subnet} is in use on this host ({user}); choose another subnet"
        )


def _configuration(place: BridgePlace, settings: NetworkSettings, version: str) -> dict[str, Any]:
    """``bridge`` with ``host-local``; no gateway, masquerading or default route (see bridge.py)."""
    return {
        "cniVersion": version,
        "name": place.name,
        "type": "bridge",
        "bridge": place.name,
        "isGateway": False,
        "ipMasq": False,
        "ipam": {
            "type": "host-local",
            "dataDir": str(place.ipam),
            "ranges": [[{"subnet": str(settings.subnet)}]],
        },
    }
