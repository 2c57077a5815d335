"""How long each call to containerd takes, and how much of the time is spent outside of all calls.

A connection that notes its calls takes the place of the usual one for a measurement: what is
measured is the same code that runs everywhere else.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from iluvatar_bench.containerd.channel import Channel
from iluvatar_bench.containerd.client import Client
from iluvatar_bench.containerd.daemon.private import Node

WAIT = "Tasks.Wait"
START = "Tasks.Start"


@dataclass(frozen=True, slots=True)
class TimedCall:
    """One call: ``began`` and ``ended`` are seconds on the clock of ``time.perf_counter``."""

    operation: str
    subject: str
    began: float
    ended: float

    @property
    def ms(self) -> float:
        """How long it took, milliseconds."""
        return 1000 * (self.ended - self.began)


class TimedChannel(Channel):
    """A connection that notes each call that has one answer, whatever that was."""

    def __init__(self, address: Path, *, namespace: str) -> None:
        super().__init__(address, namespace=namespace)
        self.noted: list[TimedCall] = []

    async def call(
        self, method: Any, request: Any, *, operation: str, subject: str = "", **options: Any
    ) -> Any:
        """One request, one answer, as of a usual connection."""
        began = time.perf_counter()
        try:
            return await super().call(
                method, request, operation=operation, subject=subject, **options
            )
        finally:
            self.noted.append(TimedCall(operation, subject, began, time.perf_counter()))

    def taken(self) -> list[TimedCall]:
        """What was noted since this was asked last."""
        noted = list(self.noted)
        self.noted.clear()
        return noted


@asynccontextmanager
async def timed(node: Node) -> AsyncIterator[tuple[Node, TimedChannel]]:
    """The node behind a connection of its own that notes its calls."""
    channel = TimedChannel(node.address, namespace=node.client.namespace)
    async with channel:
        yield replace(node, client=Client(channel)), channel


def share_outside(calls: Iterable[TimedCall], *, began: float, ended: float) -> float:
    """The share of the time from ``began`` to ``ended`` in which nothing was awaited of containerd.

    The wait for an exit lasts as long as the container: of it counts what comes after the answer to
    the container's Start, which is the time in which its process runs.
    """
    known = list(calls)
    started = {call.subject: call.ended for call in known if call.operation == START}
    spans = sorted(
        (
            started.get(call.subject, call.ended) if call.operation == WAIT else call.began,
            call.ended,
        )
        for call in known
    )
    inside, reached = 0.0, began
    for first, last in spans:
        inside += max(0.0, min(last, ended) - max(first, reached))
        reached = max(reached, last)
    return 1 - inside / (ended - began)
