"""Who runs which job next, and what becomes of the jobs of a worker that is lost. No I/O.

Blocks are dealt to hosts before anything runs. A host that has run all of its own takes a whole
block that another host has not begun. A block is split over hosts only where its host is gone, or
cannot run a job of it.
"""

from __future__ import annotations

import itertools
import random
from collections import Counter, deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Generic, Protocol, TypeVar


class Job(Protocol):
    """What a worker can be asked for: a name that no other job has, and what to call it."""

    @property
    def id(self) -> str:
        """Its name."""

    @property
    def told(self) -> str:
        """In a line for people."""


JobT = TypeVar("JobT", bound=Job)

MOST_LOSSES = 3
"""A job that so many workers were lost with is not tried again: it may be what ends them."""


def dealt_blocks(
    blocks: Iterable[Sequence[JobT]],
    hosts: Iterable[str],
    *,
    order_seed: int,
    homes: Sequence[str | None] = (),
) -> dict[str, list[Sequence[JobT]]]:
    """Which host is to run which blocks: as many each, but for one, and by lot which host has more.

    With fewer blocks than hosts some hosts get none: a block is not split. One whose place in
    ``homes`` names a host that is there was begun on it, and stays with it.
    """
    order = sorted(hosts)
    random.Random(f"hosts of a sweep {order_seed}").shuffle(order)
    dealt: dict[str, list[Sequence[JobT]]] = {host: [] for host in order}
    turns = itertools.cycle(order)
    for block, home in itertools.zip_longest(blocks, homes):
        dealt[home if home in dealt else next(turns)].append(block)
    return dealt


class Dispatch(Generic[JobT]):
    """The jobs that are still to be run. One event loop calls it; nothing in it waits."""

    def __init__(self, dealt: Mapping[str, Iterable[Sequence[JobT]]]) -> None:
        self._open: dict[str, deque[deque[JobT]]] = {
            host: deque(map(deque, blocks)) for host, blocks in dealt.items()
        }
        self._begun: dict[str, deque[JobT]] = {}
        """Of each host, what is left of the block that it is at."""
        self._scattered: deque[JobT] = deque()
        """Jobs of split blocks: any host may take them, before it begins another block."""
        self._losses: Counter[str] = Counter()
        self._refused: dict[str, set[str]] = {}
        """The hosts that cannot run a job, by its id."""

    @property
    def left(self) -> int:
        """How many jobs nobody has taken."""
        begun = sum(map(len, self._begun.values()))
        return begun + len(self._scattered) + sum(len(b) for q in self._open.values() for b in q)

    def next_job(self, host: str) -> JobT | None:
        """The job that a free worker of the host is to run; None: there is none for it now."""
        if self._begun.get(host):
            return self._begun[host].popleft()
        for job in self._scattered:
            if host not in self._refused.get(job.id, ()):
                self._scattered.remove(job)
                return job
        block = self._next_block(host)
        if block is None:
            return None
        self._begun[host] = block
        return block.popleft()

    def lost(self, job: JobT, host: str) -> bool:
        """Its worker was lost. The job comes first again; False: it was lost too often."""
        self._losses[job.id] += 1
        if self._losses[job.id] >= MOST_LOSSES:
            return False
        if host in self._begun:
            self._begun[host].appendleft(job)
        else:
            # The host is gone, and all else that it had.
            self._scattered.appendleft(job)
        return True

    def refused(self, job: JobT, host: str) -> None:
        """The host cannot run this job: another host is to."""
        self._refused.setdefault(job.id, set()).add(host)
        self._scattered.append(job)

    def host_gone(self, host: str) -> int:
        """The host has no worker any more: what it had is for others. How many jobs that is."""
        begun = self._begun.pop(host, deque())
        self._scattered.extend(begun)
        blocks = self._open.pop(host, deque())
        for block in blocks:
            # Whole: whoever takes it runs all of it.
            self._open.setdefault("", deque()).append(block)
        return len(begun) + sum(map(len, blocks))

    def impossible(self, hosts: Collection[str]) -> list[JobT]:
        """The jobs that every one of these hosts has refused; they are given up."""
        found = [c for c in self._scattered if set(hosts) <= self._refused.get(c.id, set())]
        for job in found:
            self._scattered.remove(job)
        return found

    def losses_of(self, job: JobT) -> int:
        """How many workers were lost with it."""
        return self._losses[job.id]

    def _next_block(self, host: str) -> deque[JobT] | None:
        if self._open.get(host):
            return self._open[host].popleft()
        if self._open.get(""):
            return self._open[""].popleft()
        most = max(self._open, key=lambda one: len(self._open[one]), default=None)
        # The last one of the host that is furthest from its end.
        return self._open[most].pop() if most is not None and self._open[most] else None
