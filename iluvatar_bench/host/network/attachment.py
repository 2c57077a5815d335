"""What a container is attached to, and the book of what this process has attached."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Network
from pathlib import Path

from iluvatar_bench.errors import AddressRefused, UsageError
from iluvatar_bench.host.kernel import netns
from iluvatar_bench.host.network.cni import PLUGIN_SECONDS
from iluvatar_bench.host.network.ownership import NAME_PREFIX, NETWORK_HOME

FUNCTION_PORT = 8080
DEFAULT_SUBNET = IPv4Network("10.10.0.0/16")

_INTERFACE_NAME = re.compile(rf"{NAME_PREFIX}[a-z0-9-]{{1,12}}")
"""Linux allows interface names of 15 characters (IFNAMSIZ)."""

_SMALLEST_PREFIX, _LARGEST_PREFIX = 8, 30
"""host-local refuses a range smaller than /30."""


class NetworkMode(StrEnum):
    """How a container is reached."""

    BRIDGE = "bridge"
    """A namespace with an address of its own, on a bridge of ours."""
    LOOPBACK = "loopback"
    """A namespace with nothing but loopback; requests are made from inside it."""
    HOST = "host"
    """No namespace: the host's loopback, with a port for each container."""
    SOCKET = "socket"
    """A unix socket in a folder; the namespace is the runtime's, with loopback only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkSettings:
    """Which network containers get.

    ``port`` is where functions listen (mode ``host`` chooses one for each instead), ``homes`` are
    the folders of the CNI plugins where they are not the usual ones.

    Raises:
        UsageError: a name or a subnet that cannot be.
    """

    mode: NetworkMode = NetworkMode.BRIDGE
    subnet: IPv4Network = DEFAULT_SUBNET
    bridge: str = f"{NAME_PREFIX}0"
    port: int = FUNCTION_PORT
    homes: tuple[Path, ...] = ()
    plugin_seconds: float = PLUGIN_SECONDS
    home: Path = NETWORK_HOME

    def __post_init__(self) -> None:
        if not _INTERFACE_NAME.fullmatch(self.bridge):
            raise UsageError(
                f"bridge name {self.bridge!r}: it must begin with {NAME_PREFIX!r}, by which what "
                "is ours is found again, and have at most 15 characters of a-z, 0-9 and -"
            )
        if not _SMALLEST_PREFIX <= self.subnet.prefixlen <= _LARGEST_PREFIX:
            raise UsageError(
                f"subnet {self.subnet}: its prefix length must be between {_SMALLEST_PREFIX} and "
                f"{_LARGEST_PREFIX}"
            )
        if not self.subnet.is_private:
            raise UsageError(f"subnet {self.subnet} is not a private range")
        if not 0 < self.port < 65536:
            raise UsageError(f"port {self.port} is not between 1 and 65535")


DEFAULT_NETWORK = NetworkSettings()


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """One container's network.

    ``address`` and ``port`` are where the function is to listen, and is reached at: from the host,
    through ``device`` and no other interface; in mode ``loopback`` from inside the namespace.
    """

    id: str
    mode: NetworkMode
    address: str
    port: int
    device: str
    namespace: Path | None = None
    """What the container's network namespace is; None: the host's, or in mode ``socket`` one that
    the runtime makes."""
    socket: Path | None = None
    """In mode ``socket``: where the function listens, alone in its folder. There ``address``,
    ``port`` and ``device`` say nothing."""


@dataclass(frozen=True, slots=True)
class Holding:
    """One thing of a network that is on the host now: of which kind, its name, whose it is.

    ``kind`` is ``namespaces``, ``veths`` (the host's end of a pair) or ``addresses``.
    """

    kind: str
    name: str
    attachment: str


class AddressBook:
    """What this process has attached and not yet detached: the only targets of requests."""

    def __init__(self) -> None:
        self._attachments: dict[str, Attachment] = {}

    def add(self, attachment: Attachment) -> None:
        """Allow requests to it from now on."""
        self._attachments[attachment.id] = attachment

    def discard(self, attachment: Attachment) -> None:
        """Allow no more requests to it. Safe to repeat."""
        self._attachments.pop(attachment.id, None)

    def require(self, attachment_id: str) -> Attachment:
        """The attachment of that id, if it is ours and its namespace exists.

        Raises:
            AddressRefused: it is not, or does not.
        """
        attachment = self._attachments.get(attachment_id)
        if attachment is None:
            raise AddressRefused(
                f"no request was sent to {attachment_id}: this process has not assigned it an "
                "address, or has given it back"
            )
        if attachment.namespace is not None and not netns.exists_namespace(attachment.namespace):
            raise AddressRefused(
                f"no request was sent to {attachment_id}: its network namespace is gone"
            )
        return attachment
