"""One client: a connection and the services on it."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from iluvatar_bench.containerd.channel import CONNECT_SECONDS, Channel
from iluvatar_bench.containerd.services.containers import Containers
from iluvatar_bench.containerd.services.content import Content
from iluvatar_bench.containerd.services.diff import Diff
from iluvatar_bench.containerd.services.events import Events
from iluvatar_bench.containerd.services.images import Images
from iluvatar_bench.containerd.services.leases import Leases
from iluvatar_bench.containerd.services.namespaces import Namespaces
from iluvatar_bench.containerd.services.snapshots import Snapshots
from iluvatar_bench.containerd.services.tasks import Tasks
from iluvatar_bench.containerd.services.version import Introspection
from iluvatar_bench.errors import NotConnected, UnusablePath

NAMESPACE = "iluvatar-bench"
"""The containerd namespace of our own, on private daemons and existing ones alike."""

_RETRY_SECONDS = 0.05


class Client:
    """Every service of one containerd under one containerd namespace."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.introspection = Introspection(channel)
        self.namespaces = Namespaces(channel)
        self.containers = Containers(channel)
        self.tasks = Tasks(channel)
        self.leases = Leases(channel)
        self.images = Images(channel)
        self.content = Content(channel)
        self.diff = Diff(channel)
        self.events = Events(channel)
        self._snapshots = Snapshots(channel, "")

    @property
    def namespace(self) -> str:
        """The containerd namespace every request is made under."""
        return self.channel.namespace

    def under(self, namespace: str) -> Client:
        """The same connection under another namespace; it is closed with this one."""
        return Client(self.channel.under(namespace))

    def snapshots(self, snapshotter: str) -> Snapshots:
        """The snapshots of one snapshotter."""
        return self._snapshots.of(snapshotter)


@asynccontextmanager
async def connect(
    address: Path, *, namespace: str = NAMESPACE, seconds: float = CONNECT_SECONDS
) -> AsyncIterator[Client]:
    """A client for the containerd that listens at ``address``; the namespace is made if needed.

    ``seconds`` is how long a daemon that listens may take until its first answer.

    Raises:
        UnusablePath: there is no socket, or it may not be used.
        Unreachable: the socket is there and nothing listens (a stale socket), or no containerd.
        DeadlineExceeded: the daemon did not answer in time: it is stopped, or has too much to do.
    """
    async with connect_unchanged(address, namespace=namespace, seconds=seconds) as client:
        await client.namespaces.ensure(namespace)
        yield client


@asynccontextmanager
async def connect_unchanged(
    address: Path, *, namespace: str, seconds: float = CONNECT_SECONDS
) -> AsyncIterator[Client]:
    """The same, without making the namespace: nothing is written to the daemon.

    Raises:
        UnusablePath, Unreachable, DeadlineExceeded: as :func:`connect`.
    """
    try:
        if not address.is_socket():
            raise UnusablePath(
                f"{address} is {'no socket' if address.exists() else 'not there'}; "
                "name the socket of a running containerd"
            )
    except PermissionError as error:
        raise UnusablePath(f"no permission to use {address}; run as root") from error
    if not os.access(address, os.R_OK | os.W_OK, effective_ids=True):
        raise UnusablePath(f"no permission to use {address}; run as root")
    async with Channel(address, namespace=namespace) as channel:
        client = Client(channel)
        await _first_answer(client, seconds)
        yield client


async def _first_answer(client: Client, seconds: float) -> None:
    """Return once the daemon has said what it is.

    A connection that something behind the socket did not take is tried again: the queue of a busy
    daemon may have been full, or one that ends may have given way to the next.
    """
    deadline = time.monotonic() + seconds
    left = seconds
    while True:
        try:
            await client.introspection.version(seconds=left, of_seconds=seconds)
            return
        except NotConnected:
            if time.monotonic() + _RETRY_SECONDS > deadline:
                raise
            await asyncio.sleep(_RETRY_SECONDS)
            left = max(deadline - time.monotonic(), _RETRY_SECONDS)
