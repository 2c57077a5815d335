"""One run of the client under test, through a proxy of its own."""

from __future__ import annotations

import itertools
import secrets
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from iluvatar_bench.clients.check.client_command import ClientCommand, Ended, fill, run_process
from iluvatar_bench.clients.check.made import Made, made_by
from iluvatar_bench.clients.check.positions import Order
from iluvatar_bench.containerd.daemon.private import Node
from iluvatar_bench.containerd.proxy.hook import CallHook
from iluvatar_bench.containerd.proxy.serve import Proxy, open_proxy
from iluvatar_bench.errors import ClientFails
from iluvatar_bench.records.call import Call

_SHELL_SECONDS = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Workbench:
    """What all runs of a check share."""

    node: Node
    command: ClientCommand
    image: str
    sockets: Path
    """A folder with a short path, for the sockets of the proxies."""
    folder: Path
    """For what the processes print."""
    token: str = field(default_factory=lambda: secrets.token_hex(3))
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def fresh_id(self) -> str:
        """A container name that no run had."""
        return f"check-{self.token}-{next(self.numbers)}"

    async def collect(self) -> None:
        """Force a collection."""
        await self.node.client.leases.force_collection()

    async def restart(self) -> None:
        """Stop the daemon and start it anew; it answers then."""
        assert self.node.restart is not None
        await self.node.restart()

    async def setup_once(self) -> None:
        """The setup that is not for each run.

        Raises:
            ClientFails: it ended with another status than 0.
        """
        line = self.command.setup
        if line is not None and "{id}" not in line:
            await self._shell(line, self.values("", self.node.address), "setup", "--setup")

    async def setup_each(self, container_id: str) -> None:
        """The setup of one run; see :meth:`setup_once`."""
        line = self.command.setup
        if line is not None and "{id}" in line:
            values = self.values(container_id, self.node.address)
            await self._shell(line, values, f"{container_id}-setup", "--setup")

    async def assertion(self, container_id: str) -> bool | None:
        """Whether the container did its work; None where nothing says so."""
        line = self.command.assertion
        if line is None:
            return None
        values = self.values(container_id, self.node.address)
        ended = await self._run(["sh", "-c", fill(line, values)], values, f"{container_id}-assert")
        return ended.status == 0

    async def _shell(self, line: str, values: dict[str, str], name: str, option: str) -> None:
        ended = await self._run(["sh", "-c", fill(line, values)], values, name)
        if ended.status != 0:
            how = "did not end" if ended.status is None else f"ended with status {ended.status}"
            raise ClientFails(f"{option} {how}: {ended.output or 'it printed nothing'}")

    async def _run(self, argv: list[str], values: dict[str, str], name: str) -> Ended:
        return await run_process(
            argv,
            env=client_environment(values),
            folder=self.folder / name,
            seconds=_SHELL_SECONDS,
        )

    def values(self, container_id: str, address: Path) -> dict[str, str]:
        """What the placeholders stand for in one run."""
        return {
            "id": container_id,
            "address": str(address),
            "namespace": self.command.namespace,
            "image": self.image,
            "stdout": str(self.folder / container_id / "stdout"),
            "python": sys.executable,
        }


class ClientRun:
    """One run: its name, its proxy, its process and its calls."""

    def __init__(self, bench: Workbench, label: str, container_id: str, order: Order) -> None:
        self.bench = bench
        self.label = label
        self.id = container_id
        self.order = order
        self.calls: list[Call] = []
        self.proxy: Proxy
        self.group: int | None = None
        """The process group of the client, while it runs."""
        self.ended: Ended | None = None
        self.asserted: bool | None = None

    def made(self) -> Made:
        """What the calls so far have made."""
        self.proxy.recorder.flush()
        made = made_by(self.order.keys(self.calls, self.id))
        made.namespaces.setdefault(self.bench.command.namespace)
        return made

    async def execute(self, *, more_seconds: float = 0.0) -> Ended:
        """Run the command to its end, or to its deadline; then ask the assertion.

        Raises:
            UsageError: it cannot be started.
            ClientFails: the setup failed.
        """
        command = self.bench.command
        await self.bench.setup_each(self.id)
        values = self.bench.values(self.id, self.proxy.listen)
        self.ended = await run_process(
            [fill(word, values) for word in command.argv],
            env=client_environment(values),
            folder=self.bench.folder / self.id,
            seconds=command.timeout_seconds + more_seconds,
            on_start=self._started,
        )
        self.group = None
        if self.ended.status == 0:
            self.asserted = await self.bench.assertion(self.id)
        return self.ended

    def _started(self, group: int) -> None:
        self.group = group


def client_environment(values: dict[str, str]) -> dict[str, str]:
    """Where containerd's own tools, and clients that follow them, look for the daemon."""
    return {
        "CONTAINERD_ADDRESS": values["address"],
        "CONTAINERD_NAMESPACE": values["namespace"],
    }


@asynccontextmanager
async def open_client_run(
    bench: Workbench,
    label: str,
    order: Order,
    *,
    container_id: str | None = None,
    hook: CallHook | None = None,
) -> AsyncIterator[ClientRun]:
    """A run whose proxy listens for the length of the block."""
    run = ClientRun(bench, label, container_id or bench.fresh_id(), order)
    listen = bench.sockets / f"{next(bench.numbers)}.sock"
    async with open_proxy(
        listen, upstream=bench.node.address, sink=run.calls.append, hook=hook
    ) as proxy:
        run.proxy = proxy
        yield run
