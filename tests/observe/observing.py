"""The command ``observe`` as a process of its own, beside the one that populates the daemon."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from tests.support.command import PROGRAM

OPEN_METRICS = {"Accept": "application/openmetrics-text; version=1.0.0"}

READY_SECONDS = 60.0
END_SECONDS = 60.0

_NOTED = {
    "task": "the task of iluvatar-bench/{} is watched\n",
    "snapshot": "the snapshot iluvatar-bench/{} is known\n",
    "end": "the end of iluvatar-bench/{} has been looked at\n",
}
"""What a verbose observer says of the namespace that these tests are in."""


@dataclass(slots=True)
class Observing:
    """A running ``observe --json``: every document that it has printed so far."""

    process: asyncio.subprocess.Process
    documents: list[dict[str, Any]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)
    over: bool = False
    """Whether all that it will ever print has been taken up: its process may have ended before."""

    def of_kind(self, kind: str) -> list[dict[str, Any]]:
        """The documents of one kind, in their order."""
        return [document for document in self.documents if document["kind"] == kind]

    @property
    def trials(self) -> dict[str, dict[str, Any]]:
        """The trials so far, by container; a container that comes twice fails the test."""
        found = self.of_kind("trial")
        names = [trial["container"].partition("/")[2] for trial in found]
        assert len(names) == len(set(names)), "a container was counted twice"
        return dict(zip(names, found, strict=True))

    async def wait_for(self, kind: str, count: int = 1, *, seconds: float = READY_SECONDS) -> None:
        """Return when so many documents of a kind have come."""
        async with asyncio.timeout(seconds):
            while len(self.of_kind(kind)) < count:
                if self.over:
                    raise AssertionError("".join(self.errors) or "observe ended before its time")
                self.news.clear()
                await self.news.wait()

    async def notes(self, *notes: str) -> None:
        """Return when it has noted all of this: an observer is as slow as its host.

        ``task``, ``snapshot`` or ``end``, a space, and the container or snapshot that it is of.
        """
        words = {_NOTED[what].format(name) for what, name in map(str.split, notes)}
        async with asyncio.timeout(READY_SECONDS):
            while unseen := {one for one in words if not any(one in x for x in self.errors)}:
                assert not self.over, f"it ended, and has not noted {unseen}"
                self.news.clear()
                await self.news.wait()

    async def scrape(self) -> str:
        """What a Prometheus gets of it now."""
        (ready,) = self.of_kind("ready")
        async with httpx.AsyncClient() as scraper:
            return (await scraper.get(ready["metrics"], headers=OPEN_METRICS)).text

    async def end(self) -> dict[str, Any]:
        """Ask it to end, as Ctrl-C does; its last document."""
        self.process.send_signal(signal.SIGINT)
        async with asyncio.timeout(END_SECONDS):
            assert await self.process.wait() == 0, "".join(self.errors)
        await self.wait_for("end")
        return self.of_kind("end")[0]

    async def kill(self) -> None:
        """End it at once, as the host may."""
        self.process.kill()
        await self.process.wait()

    async def read(self) -> None:
        """Take up what it prints."""
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.documents.append(json.loads(line))
            self.news.set()
        self.over = True
        self.news.set()

    async def read_errors(self) -> None:
        """Take up what it says on its other stream."""
        assert self.process.stderr is not None
        async for line in self.process.stderr:
            self.errors.append(line.decode())
            self.news.set()


@asynccontextmanager
async def observing(
    address: Path, out: Path, *options: str, by: Sequence[str] = ()
) -> AsyncIterator[Observing]:
    """``observe`` for the length of the block, which begins once it watches.

    ``by`` is a program, with its arguments, that is to run it in its own place.
    """
    process = await asyncio.create_subprocess_exec(
        *by,
        *PROGRAM,
        *("--verbose", "observe"),
        *("--address", str(address), "--out", str(out), "--json", *options),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    observing = Observing(process)
    readers = [asyncio.create_task(observing.read()), asyncio.create_task(observing.read_errors())]
    try:
        await observing.wait_for("ready")
        yield observing
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        await asyncio.wait(readers)


def values(scraped: str, name: str) -> dict[tuple[str, ...], float]:
    """The samples of one series, by the values of their labels in the order of their names."""
    return {
        tuple(value for _, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(scraped)
        for sample in family.samples
        if sample.name == name
    }
