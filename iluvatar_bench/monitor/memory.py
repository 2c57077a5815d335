"""The memory poller, as the worker of 2022 had it: every few seconds, the memory of each container.

A container that is gone is reported in the round that finds it so, and taken off the watch in the
next one, as the worker did. Unlike the worker's, its memory is then unknown, not its limit. Where
it is asked to, it counts what else each container uses as well, and what the host was doing.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

import psutil

from iluvatar_bench.host.kernel.counter_text import COUNTERS, Counted
from iluvatar_bench.host.kernel.held_host import HostMoment
from iluvatar_bench.host.kernel.held_process import HeldProcess
from iluvatar_bench.monitor.counter_files import CounterFiles
from iluvatar_bench.records import Sample

log = logging.getLogger(__name__)

PERIOD_SECONDS = 5.0
"""The worker's period."""

_MIB = 1 << 20

Reading = tuple[str, int | None, int | None]
"""Container, resident bytes (None: gone), change since the round before (None: not in it)."""


@dataclass(frozen=True, slots=True)
class Round:
    """One look at everything that is watched. ``sampled_at`` is seconds since the epoch.

    ``rss_bytes`` are those of ``containers``, in their order; None for one that is gone. Changes
    are derived later: a round should cost little more than its reads.
    """

    number: int
    sampled_at: float
    containers: tuple[str, ...]
    rss_bytes: tuple[int | None, ...]
    total_bytes: int
    diff_bytes: int | None
    host_used_bytes: int
    host_available_bytes: int
    host_total_bytes: int
    counted: tuple[Counted | None, ...] = ()
    """What each of ``containers`` has used; empty where it is not counted."""
    host: HostMoment | None = None

    def readings(self, before: Round | None) -> Iterator[Reading]:
        """Each container's memory and its change since the round ``before``."""
        last = dict(zip(before.containers, before.rss_bytes, strict=True)) if before else {}
        for name, rss in zip(self.containers, self.rss_bytes, strict=True):
            old = last.get(name)
            yield name, rss, None if rss is None or old is None else rss - old

    def samples(self, run_id: str, *, before: Round | None) -> Iterator[Sample]:
        """A record for each container, then one for the round; ``before`` is the round before."""
        at = datetime.fromtimestamp(self.sampled_at, UTC).isoformat()
        counted = self.counted or (None,) * len(self.containers)
        for (container_id, rss, diff), used in zip(self.readings(before), counted, strict=True):
            yield Sample(
                run_id=run_id,
                round=self.number,
                sampled_at=at,
                container_id=container_id,
                rss_bytes=rss,
                diff_bytes=diff,
                **({} if used is None else dict(zip(COUNTERS, used, strict=True))),  # type: ignore[arg-type]
            )
        host = self.host or HostMoment()
        yield Sample(
            run_id=run_id,
            round=self.number,
            sampled_at=at,
            container_id=None,
            rss_bytes=self.total_bytes,
            diff_bytes=self.diff_bytes,
            host_used_bytes=self.host_used_bytes,
            host_available_bytes=self.host_available_bytes,
            **{f"host_{name}": value for name, value in asdict(host).items()},
        )


class MemoryPoller:
    """Reads every watched container's memory, once a round; keeps the rounds, or only the last.

    ``on_gone`` is called with a container's id in the round that finds it gone, ``on_round`` with
    each round and the one before. The processes belong to the caller: one may be closed once it is
    no longer watched. With ``counters`` it holds the files that count what a container uses, until
    that is no longer watched: :meth:`close` it then.
    """

    def __init__(
        self,
        *,
        on_gone: Callable[[str], None] | None = None,
        on_round: Callable[[Round, Round | None], None] | None = None,
        keep: bool = True,
        counters: bool = False,
    ) -> None:
        self.rounds: deque[Round] = deque(maxlen=None if keep else 1)
        self._next_number = 0
        self._watched: dict[str, HeldProcess] = {}
        self._unhealthy: list[str] = []
        self._on_gone = on_gone
        self._on_round = on_round
        self._counters = CounterFiles() if counters else None

    def watch(self, container_id: str, process: HeldProcess) -> None:
        """Read this container from the next round on."""
        self._watched[container_id] = process

    def unwatch(self, container_id: str) -> None:
        """Read it no more; nothing happens if it is not watched."""
        self._watched.pop(container_id, None)
        if self._counters is not None:
            self._counters.close(container_id)
        if container_id in self._unhealthy:
            self._unhealthy.remove(container_id)

    def close(self) -> None:
        """Read nobody any more."""
        for container_id in list(self._watched):
            self.unwatch(container_id)
        if self._counters is not None:
            self._counters.host.close()

    @property
    def watched(self) -> tuple[str, ...]:
        """The containers that the next round will look at, or take off the watch."""
        return tuple(self._watched)

    def samples(self, run_id: str) -> list[Sample]:
        """The records of every round that is kept."""
        before = (None, *self.rounds)
        return [
            sample
            for done, last in zip(self.rounds, before, strict=False)
            for sample in done.samples(run_id, before=last)
        ]

    def poll(self) -> Round:
        """One round, at once."""
        self._remove_unhealthy()
        sampled_at = time.time()
        counters = self._counters
        memory: list[int | None] = []
        gone: list[tuple[str, int, ProcessLookupError]] = []
        total = 0
        for container_id, process in self._watched.items():
            try:
                rss = process.rss_bytes()
            except ProcessLookupError as error:
                memory.append(None)
                gone.append((container_id, process.pid, error))
            else:
                memory.append(rss)
                total += rss
        host = psutil.virtual_memory()
        before = self.rounds[-1] if self.rounds else None
        done = Round(
            number=self._next_number,
            sampled_at=sampled_at,
            containers=tuple(self._watched),
            rss_bytes=tuple(memory),
            total_bytes=total,
            diff_bytes=None if before is None else total - before.total_bytes,
            host_used_bytes=host.used,
            host_available_bytes=host.available,
            host_total_bytes=host.total,
            counted=() if counters is None else counters.read(self._watched),
            host=None if counters is None else counters.host.read(),
        )
        self.rounds.append(done)
        self._next_number += 1
        if self._on_round is not None:
            self._on_round(done, before)
        _log_round(done, before)
        for container_id, pid, reason in gone:
            self._report_gone(container_id, pid, reason)
        return done

    async def run(self, *, period_seconds: float = PERIOD_SECONDS) -> None:
        """A round now and one every ``period_seconds``, until cancelled.

        The rounds keep to their schedule: one that comes late does not delay the next, and those
        that were missed altogether are left out.
        """
        started = time.monotonic()
        while True:
            self.poll()
            left = period_seconds - (time.monotonic() - started) % period_seconds
            await asyncio.sleep(left)

    def _report_gone(self, container_id: str, pid: int, reason: ProcessLookupError) -> None:
        log.warning("container '%s' is gone: reading /proc/%d/statm: %s", container_id, pid, reason)
        self._unhealthy.append(container_id)
        if self._on_gone is not None:
            self._on_gone(container_id)

    def _remove_unhealthy(self) -> None:
        for container_id in list(self._unhealthy):
            log.warning("removing the unhealthy container '%s' from the watch", container_id)
            self.unwatch(container_id)


def _log_round(done: Round, before: Round | None) -> None:
    """The worker's own lines, which ``classify`` reads: memory in whole MiB."""
    if log.isEnabledFor(logging.DEBUG):
        for container_id, rss, diff in done.readings(before):
            if rss is not None:
                new, old = _mib(rss), _mib(rss - (diff or 0))
                log.debug(
                    "container '%s' new: %d; old: %d; diff:%d", container_id, new, old, new - old
                )
    if log.isEnabledFor(logging.INFO):
        log.info(
            "%d containers: %d MiB, diff:%d; host: %d of %d MiB used",
            len(done.containers),
            _mib(done.total_bytes),
            _mib(done.total_bytes) - _mib(done.total_bytes - (done.diff_bytes or 0)),
            _mib(done.host_used_bytes),
            _mib(done.host_total_bytes),
        )


def _mib(size_bytes: int) -> int:
    return round(size_bytes / _MIB)
