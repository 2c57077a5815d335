"""Reads the named network namespaces of this host, and the addresses that CNI keeps reserved."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from iluvatar_bench.audit.read.state import AddressLease, HostNetworkNamespace
from iluvatar_bench.host.kernel.processes import all_pids

_NOT_AN_ADDRESS = re.compile(r"^(lock|last_reserved_ip\..*)$")
"""What ``host-local`` keeps beside its reservations."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostPlaces:
    """Where named network namespaces and reserved addresses are, by the tools' own conventions."""

    network_namespaces: tuple[Path, ...] = (Path("/run/netns"),)
    addresses: tuple[Path, ...] = (Path("/var/lib/cni/networks"),)


CONVENTIONAL_PLACES = HostPlaces()


@dataclass(slots=True)
class NetworkReader:
    """Reads below the places; what may not be looked at is put into ``remarks``."""

    places: HostPlaces
    remarks: list[str]
    _told: set[str] = field(default_factory=set)

    def namespaces(self) -> tuple[HostNetworkNamespace, ...]:
        """The named ones. Whether one is in use is None where some process cannot be looked at."""
        names = [
            path for folder in self.places.network_namespaces for path in self._entries(folder)
        ]
        if not names:
            return ()
        inhabited = _inhabited()
        if not inhabited.complete:
            self._tell(
                "network namespaces are not judged: which processes live in them may not be seen; "
                "run the audit as root"
            )
        return tuple(self._namespaces(names, inhabited))

    def addresses(self) -> tuple[AddressLease, ...]:
        """What ``host-local`` keeps reserved."""
        return tuple(
            lease
            for folder in self.places.addresses
            for network in self._entries(folder)
            for file in self._entries(network)
            if not _NOT_AN_ADDRESS.match(file.name) and (lease := self._address(network, file))
        )

    def _namespaces(
        self, names: Iterable[Path], inhabited: _Inhabited
    ) -> Iterator[HostNetworkNamespace]:
        for path in names:
            try:
                lived_in = path.stat().st_ino in inhabited.inodes
            except OSError:
                continue
            in_use = True if lived_in else None if not inhabited.complete else False
            yield HostNetworkNamespace(path=path, in_use=in_use)

    def _address(self, network: Path, file: Path) -> AddressLease | None:
        try:
            lines = file.read_text(errors="replace").split()
        except PermissionError:
            self._tell(f"reserved addresses are not judged: {network} may not be read")
            return None
        except OSError:
            return None
        holder = lines[0] if lines else ""
        return AddressLease(network=network.name, address=file.name, container_id=holder)

    def _entries(self, folder: Path) -> list[Path]:
        try:
            return sorted(folder.iterdir())
        except PermissionError:
            self._tell(f"{folder} may not be read: what lies there is not judged")
            return []
        except OSError:
            return []

    def _tell(self, remark: str) -> None:
        if remark not in self._told:
            self._told.add(remark)
            self.remarks.append(remark)


@dataclass(frozen=True, slots=True)
class _Inhabited:
    """The inodes of the network namespaces in which processes live; whether all could be seen."""

    inodes: frozenset[int]
    complete: bool


def _inhabited() -> _Inhabited:
    inodes, complete = set(), True
    for pid in all_pids():
        try:
            inodes.add(Path(f"/proc/{pid}/ns/net").stat().st_ino)
        except PermissionError:
            # The host's init lives in the host's own, and some sandboxes let nobody look at it.
            complete = complete and pid == 1
        except OSError:
            # It has ended meanwhile, or is a thread of the kernel's that ends.
            continue
    return _Inhabited(frozenset(inodes), complete)
