"""Container networks: attach a container, detach it, in one of three modes."""

from __future__ import annotations

import asyncio
import itertools
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from functools import partial
from typing import Protocol

from iluvatar_bench.errors import IluvatarBenchError, NetworkError, PluginMisbehaved
from iluvatar_bench.host.completion import call_to_end, finish
from iluvatar_bench.host.facts import plugin_homes
from iluvatar_bench.host.kernel import netns
from iluvatar_bench.host.network import bridge
from iluvatar_bench.host.network.attachment import (
    AddressBook,
    Attachment,
    Holding,
    NetworkMode,
    NetworkSettings,
)
from iluvatar_bench.host.network.bridge_use import BridgePlace, use_bridge
from iluvatar_bench.host.network.cni import (
    VERSIONS,
    Endpoint,
    Plugin,
    Result,
    best_version,
    find_plugins,
)
from iluvatar_bench.host.network.ownership import NAME_PREFIX, Owner, claim_owner

_LOCALHOST = "127.0.0.1"


class Network(Protocol):
    """Where containers are attached. ``book`` holds what is attached at the moment."""

    book: AddressBook

    async def attach(self) -> Attachment:
        """Make a container's network.

        A failure, or a cancellation, leaves nothing behind.

        Raises:
            NetworkError: it cannot be made.
        """

    async def detach(self, attachment: Attachment) -> None:
        """Remove it again. Safe to repeat. No request goes to it from here on.

        A cancellation takes effect when it is removed.

        Raises:
            NetworkError: it, or a part of it, cannot be removed.
        """

    async def check(self, attachment: Attachment) -> None:
        """Look whether it is still as it was made.

        Raises:
            NetworkError: it is not; the message says what is different.
        """

    def holdings(self) -> tuple[Holding, ...]:
        """What is on the host of all that this network has ever attached, whatever was detached."""


@asynccontextmanager
async def open_network(settings: NetworkSettings) -> AsyncIterator[Network]:
    """A network for the length of a block. What is attached is the caller's to detach.

    Raises:
        MissingProgram: a CNI plugin or iproute2 is not installed.
        InsufficientPrivilege: not root.
        NetworkConflict: the subnet or the bridge's name is in use by something else.
        NetworkError: the network cannot be made.
    """
    if settings.mode is NetworkMode.HOST:
        yield HostNetwork()
        return
    with ExitStack() as held:
        owner = held.enter_context(claim_owner(settings.home))
        if settings.mode is NetworkMode.LOOPBACK:
            yield LoopbackNetwork(owner, settings)
            return
        homes = plugin_homes(settings.homes)
        program, _ = find_plugins(homes, "bridge", "host-local")
        question = Plugin(program, {"cniVersion": VERSIONS[0]}, homes=homes)
        version = await best_version(question)
        config = held.enter_context(use_bridge(settings, version=version))
        plugin = Plugin(program, config, homes=homes, seconds=settings.plugin_seconds)
        yield BridgeNetwork(owner, settings, plugin)


class BridgeNetwork:
    """A namespace and an address on the bridge for each container."""

    def __init__(self, owner: Owner, settings: NetworkSettings, plugin: Plugin) -> None:
        self.book = AddressBook()
        self._owner = owner
        self._settings = settings
        self._plugin = plugin
        self._numbers = itertools.count()
        self._results: dict[str, Result] = {}
        self._veths: dict[str, str] = {}
        """The host's ends that plugins made, and for which attachment."""

    async def attach(self) -> Attachment:
        """See :meth:`Network.attach`."""
        path = self._owner.folder / self._owner.name(next(self._numbers))
        await call_to_end(partial(netns.create_namespace, path), undo=lambda _: netns.delete(path))
        endpoint = Endpoint(path.name, path)
        try:
            result = await self._plugin.add(endpoint)
            if not result.addresses:
                raise PluginMisbehaved(f"CNI ADD of {path.name} gave no address")
            address = str(result.addresses[0].address.ip)
            await asyncio.to_thread(bridge.forget_neighbour, self._settings.bridge, address)
        except BaseException as error:
            # Also when cancelled: a plugin ended half way has reserved an address. The CNI
            # specification wants a DEL after every failed ADD.
            for secondary in await finish(self._take_apart(endpoint)):
                error.add_note(str(secondary))
            raise
        attachment = Attachment(
            id=path.name,
            mode=NetworkMode.BRIDGE,
            address=address,
            port=self._settings.port,
            device=self._settings.bridge,
            namespace=path,
        )
        self._results[attachment.id] = result
        for interface in result.interfaces:
            if interface.sandbox is None and interface.name != self._settings.bridge:
                self._veths[interface.name] = attachment.id
        self.book.add(attachment)
        return attachment

    async def detach(self, attachment: Attachment) -> None:
        """See :meth:`Network.detach`."""
        self.book.discard(attachment)
        endpoint = Endpoint(attachment.id, attachment.namespace)
        errors = await finish(self._take_apart(endpoint))
        if errors:
            for secondary in errors[1:]:
                errors[0].add_note(str(secondary))
            raise errors[0]
        self._results.pop(attachment.id, None)

    async def check(self, attachment: Attachment) -> None:
        """See :meth:`Network.check`. Where the CNI version has no CHECK, only the namespace's."""
        self.book.require(attachment.id)
        if self._plugin.checks:
            endpoint = Endpoint(attachment.id, attachment.namespace)
            await self._plugin.check(endpoint, self._results[attachment.id])

    def holdings(self) -> tuple[Holding, ...]:
        """See :meth:`Network.holdings`. Of the bridge only what is this process's own."""
        self._veths = {name: id for name, id in self._veths.items() if bridge.exists_bridge(name)}
        place = BridgePlace.of(self._settings)
        given = sorted(place.reservations().items())
        return (
            *_namespaces_of(self._owner),
            *(Holding("veths", name, id) for name, id in self._veths.items()),
            *(Holding("addresses", str(a), id) for a, id in given if self._owner.owns(id)),
        )

    async def _take_apart(self, endpoint: Endpoint) -> list[IluvatarBenchError]:
        """DEL, then the namespace, whatever DEL said."""
        errors: list[IluvatarBenchError] = []
        try:
            await self._plugin.delete(endpoint, self._results.get(endpoint.container_id))
        except NetworkError as error:
            errors.append(error)
        assert endpoint.netns is not None
        try:
            await asyncio.to_thread(netns.delete, endpoint.netns)
        except NetworkError as error:
            errors.append(error)
        return errors


class LoopbackNetwork:
    """A namespace with nothing but loopback for each container."""

    def __init__(self, owner: Owner, settings: NetworkSettings) -> None:
        self.book = AddressBook()
        self._owner = owner
        self._settings = settings
        self._numbers = itertools.count()

    async def attach(self) -> Attachment:
        """See :meth:`Network.attach`."""
        path = self._owner.folder / self._owner.name(next(self._numbers))
        await call_to_end(partial(netns.create_namespace, path), undo=lambda _: netns.delete(path))
        attachment = Attachment(
            id=path.name,
            mode=NetworkMode.LOOPBACK,
            address=_LOCALHOST,
            port=self._settings.port,
            device="lo",
            namespace=path,
        )
        self.book.add(attachment)
        return attachment

    async def detach(self, attachment: Attachment) -> None:
        """See :meth:`Network.detach`."""
        self.book.discard(attachment)
        assert attachment.namespace is not None
        await finish(asyncio.to_thread(netns.delete, attachment.namespace))

    async def check(self, attachment: Attachment) -> None:
        """See :meth:`Network.check`."""
        self.book.require(attachment.id)

    def holdings(self) -> tuple[Holding, ...]:
        """See :meth:`Network.holdings`."""
        return _namespaces_of(self._owner)


def _namespaces_of(owner: Owner) -> tuple[Holding, ...]:
    return tuple(Holding("namespaces", path.name, path.name) for path in owner.namespaces())


class HostNetwork:
    """The host's loopback, with a port for each container."""

    def __init__(self) -> None:
        self.book = AddressBook()
        self._token = secrets.token_hex(4)
        self._numbers = itertools.count()
        self._ports: set[int] = set()

    async def attach(self) -> Attachment:
        """See :meth:`Network.attach`."""
        port = self._free_port()
        self._ports.add(port)
        attachment = Attachment(
            id=f"{NAME_PREFIX}-{self._token}-{next(self._numbers)}",
            mode=NetworkMode.HOST,
            address=_LOCALHOST,
            port=port,
            device="lo",
        )
        self.book.add(attachment)
        return attachment

    async def detach(self, attachment: Attachment) -> None:
        """See :meth:`Network.detach`."""
        self.book.discard(attachment)
        self._ports.discard(attachment.port)

    async def check(self, attachment: Attachment) -> None:
        """See :meth:`Network.check`."""
        self.book.require(attachment.id)

    def holdings(self) -> tuple[Holding, ...]:
        """See :meth:`Network.holdings`: the host's loopback is nobody's."""
        return ()

    def _free_port(self) -> int:
        """A port that is free now and that no other container of ours is about to take."""
        with ExitStack() as tried:
            # Kept open until one is found, so that the kernel does not name a port twice.
            while True:
                probe = tried.enter_context(socket.socket())
                probe.bind((_LOCALHOST, 0))
                port = int(probe.getsockname()[1])
                if port not in self._ports:
                    return port
