"""Whether containerd is there: a container that nobody asked for has not failed.

While it is away no trial begins. Where it comes back within a deadline (restarted by whoever keeps
it, or continued) the run goes on; where it does not, the run ends, and what is under way is ended
with it, because its requests could wait for minutes.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from iluvatar_bench.bugs import DaemonFact
from iluvatar_bench.containerd.client import Client
from iluvatar_bench.errors import ContainerdError, DaemonLost
from iluvatar_bench.host.set_within import set_within
from iluvatar_bench.monitor import who_listens

log = logging.getLogger(__name__)

AWAY_SECONDS = 30.0
"""How long containerd may be away before a run gives it up, unless the run is told otherwise."""

PROBE_SECONDS = 5.0
"""Within which a request for the version is answered even by a busy daemon."""

PERIOD_SECONDS = 1.0
_RETRY_SECONDS = 0.1

LAST_SECONDS = 2.0
"""What is left for a removal once containerd is given up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DaemonGap:
    """A time in which containerd was away: from its last answer to its next (seconds since the
    epoch; None where there was none), and the process before and after, where it is known."""

    began_at: float
    reason: str
    ended_at: float | None = None
    pid_before: int | None = None
    pid_after: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """The gap as JSON-ready values."""
        return asdict(self)


class DaemonWatch:
    """Asks one containerd for an answer every :data:`PERIOD_SECONDS` (see :func:`follow_daemon`).

    ``gaps`` are the times in which it was away; ``lost`` is set once it was for too long.
    """

    def __init__(self, client: Client, address: Path, *, away_seconds: float) -> None:
        self.gaps: list[DaemonGap] = []
        self.lost = False
        self._client = client
        self._address = address
        self._away_seconds = away_seconds
        self._settled = asyncio.Event()
        self._suspected = asyncio.Event()
        self._limits: set[asyncio.Timeout] = set()
        self._who: DaemonFact | None = None
        self._answered_at = time.time()

    @property
    def serving(self) -> bool:
        """Whether it answered when it was asked last."""
        return self._settled.is_set() and not self.lost

    async def wait_serving(self) -> bool:
        """Wait while containerd is away; False where it is given up.

        It takes no longer than the deadline for coming back, and one probe.
        """
        await self._settled.wait()
        return not self.lost

    def suspect(self) -> None:
        """A request found nobody: let nothing begin until containerd has answered again."""
        if not self.lost:
            self._settled.clear()
            self._suspected.set()

    @asynccontextmanager
    async def bounded(self, seconds: float | None) -> AsyncIterator[None]:
        """End the block after ``seconds`` (None: never), or as soon as containerd is given up.

        A block that begins after that has :data:`LAST_SECONDS`.

        Raises:
            DaemonLost: it was given up.
            TimeoutError: the time was up.
        """
        try:
            last = LAST_SECONDS if seconds is None else min(seconds, LAST_SECONDS)
            async with asyncio.timeout(last if self.lost else seconds) as end:
                self._limits.add(end)
                try:
                    yield
                finally:
                    self._limits.discard(end)
        except TimeoutError as error:
            if self.lost:
                raise self._lost_error() from error
            raise

    def _lost_error(self) -> DaemonLost:
        return DaemonLost(
            operation="Version",
            subject="",
            namespace=self._client.namespace,
            detail=f"containerd at {self._address} went away and did not come back within "
            f"{self._away_seconds:g} s: {self.gaps[-1].reason}",
        )

    async def _watch(self) -> None:
        while True:
            self._suspected.clear()
            reason = await self._probe()
            if reason is not None and not await self._wait_back(reason):
                return
            if not self._suspected.is_set():
                # An answer from before the suspicion says nothing of it.
                self._settled.set()
            await set_within(self._suspected, PERIOD_SECONDS)

    async def _wait_back(self, reason: str) -> bool:
        self._settled.clear()
        gap = DaemonGap(
            began_at=self._answered_at,
            reason=reason,
            pid_before=None if self._who is None else self._who.pid,
        )
        self.gaps.append(gap)
        log.warning("containerd is away: %s", reason)
        deadline = time.monotonic() + self._away_seconds
        # What stands here is made whole before the probe finds the process that is there now.
        while (again := await self._probe()) is not None:
            if time.monotonic() > deadline:
                self._give_up()
                return False
            log.debug("%s", again)
            await asyncio.sleep(_RETRY_SECONDS)
        self._close_gap()
        return True

    def _close_gap(self) -> None:
        pid = None if self._who is None else self._who.pid
        self.gaps[-1] = replace(self.gaps[-1], ended_at=time.time(), pid_after=pid)

    def _give_up(self) -> None:
        self.lost = True
        self._settled.set()
        now = asyncio.get_running_loop().time()
        for limit in self._limits:
            if not limit.expired():
                limit.reschedule(now)

    async def _probe(self) -> str | None:
        """Why there is no answer; None where there is one."""
        if (reason := await self._ask()) is not None:
            return reason
        answered_at = time.time()
        who = await asyncio.to_thread(_listener, self._address)
        before = self._who
        if before is not None and who is not None and who != before:
            # The answer may have been the last of the one before: this one is to give its own.
            if (reason := await self._ask()) is not None:
                self._answered_at = answered_at
                return reason
            answered_at = time.time()
            self._note_restart(before, who)
        self._who = who or before
        self._answered_at = answered_at
        return None

    async def _ask(self) -> str | None:
        """Ask once: why there is no answer; None where there is one."""
        try:
            await self._client.introspection.version(seconds=PROBE_SECONDS)
        except ContainerdError as error:
            return str(error)
        except Exception as error:
            # Who waits for an answer must not wait for a watch that has ended.
            log.exception("asking whether containerd is there")
            return f"{type(error).__name__}: {error}"
        return None

    def _note_restart(self, before: DaemonFact, after: DaemonFact) -> None:
        """Another process answers: it came between two probes, or during the gap that is open."""
        if self.gaps and self.gaps[-1].ended_at is None:
            return
        self.gaps.append(
            DaemonGap(
                began_at=self._answered_at,
                reason="containerd was started anew",
                ended_at=time.time(),
                pid_before=before.pid,
                pid_after=after.pid,
            )
        )


def _listener(address: Path) -> DaemonFact | None:
    try:
        return who_listens(address)
    except OSError:
        # Its socket may be gone while the connection to it lives.
        return None


@asynccontextmanager
async def follow_daemon(
    client: Client, address: Path, *, away_seconds: float = AWAY_SECONDS
) -> AsyncIterator[DaemonWatch]:
    """Watch one containerd for the length of the block."""
    watch = DaemonWatch(client, address, away_seconds=away_seconds)
    task = asyncio.create_task(watch._watch())
    try:
        yield watch
    finally:
        task.cancel()
        await asyncio.wait((task,))
