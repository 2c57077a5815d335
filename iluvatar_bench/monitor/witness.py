"""The kernel as witness: who sent which signal to whom, from tracefs.

Where it cannot be had there is one remark saying why, and everything goes on with what containerd
and this client's own log tell.
"""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from typing import Any

from iluvatar_bench.bugs.signals import SignalFact, VictimFact
from iluvatar_bench.host.kernel import kill_reader
from iluvatar_bench.host.kernel.ancestry import Served
from iluvatar_bench.host.kernel.trace_instance import remove_abandoned_instances

log = logging.getLogger(__name__)

MOST_SIGNALS_KEPT = 20_000
"""Of the last signals on the whole host: minutes of a workload that kills fifty times a second."""

OPEN_SECONDS = 20.0
SYNC_SECONDS = 5.0
_END_SECONDS = 5.0

NOT_WANTED = "the kernel's witness was not asked for"

_SLACK_SECONDS = 0.05
"""A container's process began when its number was given out; /proc rounds that to 10 ms."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Testimony:
    """What the witness says of one container, whole up to the moment it was asked.

    ``signals`` are those to its process, to its shim, and to whatever a runtime had made for it;
    ``victims`` are all of the host that the kernel killed for want of memory meanwhile. ``lost``
    counts signals of the whole host that were lost: then there may have been others.
    """

    signals: tuple[SignalFact, ...]
    victims: tuple[VictimFact, ...]
    lost: int
    shim_ended_at: float | None = None


class Witness:
    """What the kernel recorded since the opening, of the whole host.

    ``remark`` says why it does not see, or sees no more; None while it does. ``heard`` counts the
    signals, ``lost`` those that were lost.
    """

    def __init__(self, remark: str | None = None, *, most_signals: int = MOST_SIGNALS_KEPT) -> None:
        self.remark = remark
        self.signals: deque[SignalFact] = deque(maxlen=most_signals)
        self.victims: deque[VictimFact] = deque(maxlen=most_signals)
        self.heard = 0
        self.lost = 0
        self.opened_at = time.time()
        self._writer: asyncio.StreamWriter | None = None
        self._asked: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._number = 0

    @property
    def sees(self) -> bool:
        """Whether it has seen everything since the opening, but what ``lost`` counts."""
        return self.remark is None

    def as_dict(self) -> dict[str, Any]:
        """How well it saw, for a manifest."""
        return {
            "sees": self.sees,
            "remark": self.remark,
            "signals": self.heard,
            "lost": self.lost,
        }

    async def testimony(
        self,
        container_id: str,
        *,
        pid: int | None,
        shim_pid: int | None,
        since: float,
        served: Served | None = None,
    ) -> Testimony | None:
        """What it says of a container whose life began at ``since``; None where it does not see.

        Signals of before are another process's that had the same number, and those to a container
        of the same name under another shim are another containerd's. ``served`` says whose the
        container is: with it the shims that began for it count too. Where Tasks.Create failed
        nobody else knows of one, nor of the process that it made.
        """
        answer = await self._sync(shim_pid, served)
        if answer is None or since < self.opened_at:
            return None
        since -= _SLACK_SECONDS
        numbers = {pid, shim_pid} - {None}
        shims = numbers | set(answer["shims"])
        return Testimony(
            signals=tuple(
                fact
                for fact in self.signals
                if fact.at >= since
                and (
                    fact.pid in numbers
                    or (fact.container_id == container_id and fact.shim in shims)
                )
            ),
            victims=tuple(victim for victim in self.victims if victim.at >= since),
            lost=self.lost,
            shim_ended_at=answer["ended_at"],
        )

    async def _sync(self, pid: int | None, served: Served | None) -> dict[str, Any] | None:
        """Return when everything that the kernel recorded so far is here."""
        if not self.sees or self._writer is None:
            return None
        self._number += 1
        number = self._number
        answered: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._asked[number] = answered
        try:
            asked = {"number": number, "pid": pid, "served": served and asdict(served)}
            self._writer.write(json.dumps(asked).encode() + b"\n")
            async with asyncio.timeout(SYNC_SECONDS):
                return await answered
        except (TimeoutError, ConnectionError) as error:
            log.warning("the kernel's witness does not answer: %s", error or type(error).__name__)
            return None
        finally:
            self._asked.pop(number, None)

    def _take(self, document: dict[str, Any]) -> None:
        match document.pop("kind"):
            case "signal":
                self.heard += 1
                self.signals.append(SignalFact.from_dict(document))
            case "victim":
                self.victims.append(VictimFact(**document))
            case "synced":
                self.lost = document["lost"]
                answered = self._asked.get(document["number"])
                if answered is not None and not answered.done():
                    answered.set_result(document)

    def _fail(self, why: str) -> None:
        self.remark = why
        for answered in self._asked.values():
            if not answered.done():
                answered.set_exception(ConnectionError(why))
        log.warning("%s", why)

    async def _follow(self, reader: asyncio.StreamReader) -> None:
        """Take up what the reader says until it has ended."""
        try:
            while line := await reader.readline():
                self._take(json.loads(line))
        except OSError as error:
            log.debug("%s", error)
        except (ValueError, TypeError, KeyError) as error:
            self._fail(f"the kernel's witness cannot be understood: {error}")
            return
        self._fail("the kernel's witness ended before its time: nothing is seen from here on")


@asynccontextmanager
async def open_witness(
    *, wanted: bool = True, most_signals: int = MOST_SIGNALS_KEPT
) -> AsyncIterator[Witness]:
    """A witness for the length of the block; never an error: one that does not see says why.

    It remembers the last ``most_signals`` of the host; one takes about a kilobyte.
    """
    if not wanted:
        yield Witness(NOT_WANTED)
        return
    ours, theirs = socket.socketpair()
    with theirs:
        try:
            process = _start(theirs)
        except OSError as error:
            ours.close()
            yield _blind(f"the kernel's witness cannot be started: {error}")
            return
    reader, writer = await asyncio.open_connection(sock=ours)
    follower: asyncio.Task[None] | None = None
    try:
        witness = await _opened(reader, most_signals)
        if witness.sees:
            witness._writer = writer
            follower = asyncio.create_task(witness._follow(reader))
        yield witness
    finally:
        if follower is not None:
            follower.cancel()
            await asyncio.wait((follower,))
        # The reader removes its traces at the end of the socket, and ends.
        writer.close()
        await asyncio.to_thread(_await_end, process)


async def _opened(reader: asyncio.StreamReader, most_signals: int) -> Witness:
    try:
        async with asyncio.timeout(OPEN_SECONDS):
            first = json.loads(await reader.readline() or b"{}")
    except (TimeoutError, OSError, ValueError) as error:
        return _blind(f"the kernel's witness did not begin: {error or type(error).__name__}")
    if first.get("kind") == "ready":
        return Witness(most_signals=most_signals)
    return _blind(str(first.get("why") or "the kernel's witness ended as it began"))


def _blind(why: str) -> Witness:
    log.warning("no witness of kills: %s; what is said of them rests on times alone", why)
    return Witness(why)


def _start(theirs: socket.socket) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-P", "-m", kill_reader.__name__, str(theirs.fileno())],
        pass_fds=(theirs.fileno(),),
        stdin=subprocess.DEVNULL,
        # Whoever reads the owner's output to its end does not wait for the reader's.
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        start_new_session=True,
    )


def _await_end(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        log.warning("the reader %d of the kernel's witness did not end; killing it", process.pid)
        process.kill()
        process.wait()
    if process.returncode != 0:
        # Killed from outside: what it had stands on the host without an owner.
        for problem in remove_abandoned_instances():
            log.warning("left behind: %s", problem)
