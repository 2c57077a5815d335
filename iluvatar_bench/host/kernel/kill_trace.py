"""The kernel's record of kills: two traces of our own, read as they fill.

*Signals* has SIGKILL and SIGTERM, the victims of a lack of memory, and the beginnings of shims:
whom a shim serves is read while it lives. Whoever waits for it is woken by the first of any.
*Descents* has every fork and exec, and the ends of shims and runtimes, in a ring that overwrites
itself and that is read only then, to know where a sender came from: while nobody is killed and no
container begins, nobody is woken.
"""

from __future__ import annotations

import os
import select
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from iluvatar_bench.bugs.signals import SignalFact, VictimFact
from iluvatar_bench.errors import EnvironmentProblem
from iluvatar_bench.host.kernel.ancestry import Ancestry, Served
from iluvatar_bench.host.kernel.signal_senders import SignalEvent, process_of, signal_fact
from iluvatar_bench.host.kernel.trace_format import EventFormat, parse_format
from iluvatar_bench.host.kernel.trace_instance import own_instances
from iluvatar_bench.host.kernel.trace_pages import PageLayout, parse_layout, parse_page
from iluvatar_bench.host.kernel.tracefs import TraceFolder

SIGNAL, VICTIM = "signal/signal_generate", "oom/mark_victim"
FORK, EXEC, EXIT = (
    "sched/sched_process_fork",
    "sched/sched_process_exec",
    "sched/sched_process_exit",
)

_OF_SIGNALS = {
    SIGNAL: "sig==9||sig==15",
    VICTIM: "",
    EXEC: 'filename ~ "*containerd-shim*"',
}
_OF_DESCENTS = {
    FORK: "",
    EXEC: "",
    EXIT: 'comm ~ "containerd-shim*" || comm ~ "runc*" || comm ~ "crun*"',
}
SIGNALS_KIB, DESCENTS_KIB = 128, 256
"""Of each processor: some 2,500 signals, some 5,000 forks."""

_SUB_BUFFER_BYTES = 65536
"""At least what one read gives: a page, or what ``buffer_subbuf_size_kb`` makes of it."""
_NANO = 1e-9


@dataclass(frozen=True, slots=True)
class _Stream:
    """One instance: its events by their numbers, its layout, a descriptor a processor."""

    formats: dict[int, EventFormat]
    layout: PageLayout
    pipes: tuple[int, ...]

    def drain(self) -> tuple[list[tuple[float, str, dict[str, int | str]]], int]:
        """What is there now, by time; and how many events were lost, or could not be read."""
        found: list[tuple[float, str, dict[str, int | str]]] = []
        lost = 0
        for pipe in self.pipes:
            for page in _pages(pipe):
                try:
                    parsed = parse_page(page, self.layout)
                except ValueError:
                    lost += 1
                    continue
                lost += parsed.lost
                for nanoseconds, payload in parsed.events:
                    number = int.from_bytes(payload[:2], sys.byteorder)
                    known = self.formats.get(number)
                    if known is None:
                        continue
                    try:
                        found.append((nanoseconds * _NANO, known.name, known.decode(payload)))
                    except ValueError:
                        lost += 1
        found.sort(key=lambda one: one[0])
        return found, lost


class KillTrace:
    """What the kernel recorded since the opening.

    ``lost`` counts the signals that were lost: what is said of others stays true, and nobody can
    say any more that there was no other. ``descents_lost`` counts forks that were overwritten.
    """

    def __init__(self, signals: _Stream, descents: _Stream) -> None:
        self._signals = signals
        self._descents = descents
        self._ancestry = Ancestry()
        self._ends: dict[int, float] = {}
        self.lost = 0
        self.descents_lost = 0

    @property
    def descriptors(self) -> tuple[int, ...]:
        """What becomes readable with the next signal."""
        return self._signals.pipes

    def read(self) -> tuple[list[SignalFact], list[VictimFact]]:
        """Every signal and victim since the last call, oldest first. Waits for nothing."""
        events, lost = self._signals.drain()
        self.lost += lost
        if events:
            self.read_descents()
            self._ancestry.look_again()
        # Between the clocks, now: the machine's is set now and then.
        offset = time.time() - time.monotonic()

        def epoch(at: float) -> float:
            return at + offset

        signals, victims = [], []
        for _, name, values in events:
            if name == "sched_process_exec":
                self._ancestry.shim_began(int(values["pid"]))
        for at, name, values in events:
            if name == "signal_generate":
                signals.append(signal_fact(_signal(at, values), self._ancestry, epoch=epoch))
            elif name == "mark_victim":
                victims.append(_victim(at, values, self._ancestry, epoch))
        return signals, victims

    def read_descents(self) -> None:
        """Take up the forks, execs and ends since the last call."""
        events, lost = self._descents.drain()
        self.descents_lost += lost
        offset = time.time() - time.monotonic()
        for at, name, values in events:
            if name == "sched_process_fork":
                parent, child = int(values["parent_pid"]), int(values["child_pid"])
                self._ancestry.fork(at, parent, child, str(values["child_comm"]))
            elif name == "sched_process_exec":
                self._ancestry.exec(at, int(values["pid"]), str(values["filename"]))
            else:
                # A number that is used again has ended last, and is forgotten last.
                pid = int(values["pid"])
                self._ends.pop(pid, None)
                self._ends[pid] = at + offset
                if len(self._ends) > _MOST_ENDS:
                    del self._ends[next(iter(self._ends))]

    def ended_at(self, pid: int) -> float | None:
        """When a shim or a runtime ended, in seconds since the epoch; None: not on record."""
        return self._ends.get(pid)

    def remember_older_shims(self) -> None:
        """Ask those that began before the opening whom they serve: they may end before a lookup."""
        self._ancestry.remember_older_shims()

    def shims_of(self, served: Served) -> tuple[int, ...]:
        """The shims that began for a container since the opening, also those that are gone."""
        return self._ancestry.shims_of(served)


def _victim(
    at: float,
    values: dict[str, int | str],
    ancestry: Ancestry,
    epoch: Callable[[float], float],
) -> VictimFact:
    pid = int(values["pid"])
    found = process_of(pid, ancestry, at=at)
    return VictimFact(
        at=epoch(at),
        pid=found.pid,
        # Linux before 6.10 gave the number alone.
        command=str(values.get("comm") or found.command),
        container_id=found.container_id,
    )


_MOST_ENDS = 10_000


@contextmanager
def open_kill_trace() -> Iterator[KillTrace]:
    """A trace that is proven to see, for the length of a block; nothing of it is left behind.

    Raises:
        InsufficientPrivilege: not root.
        EnvironmentProblem: tracefs cannot be had, lacks an event, or is that of another PID
            namespace, whose numbers are not those that are seen here.
    """
    with ExitStack() as stack:
        signals, descents = stack.enter_context(own_instances("", "descents"))
        try:
            trace = KillTrace(
                _stream(stack, signals, _OF_SIGNALS, SIGNALS_KIB, wake_percent=0),
                _stream(stack, descents, _OF_DESCENTS, DESCENTS_KIB, wake_percent=100),
            )
        except (OSError, ValueError) as error:
            raise EnvironmentProblem(f"the kernel's traces cannot be used: {error}") from error
        _prove(trace)
        trace.remember_older_shims()
        yield trace


def _stream(
    stack: ExitStack,
    folder: TraceFolder,
    events: dict[str, str],
    kib: int,
    *,
    wake_percent: int,
) -> _Stream:
    formats = {}
    for name in events:
        found = parse_format(folder.read(f"events/{name}/format"))
        formats[found.number] = found
    layout = parse_layout(folder.read("events/header_page"), folder.read("events/header_event"))
    folder.write("trace_clock", "mono")
    folder.write("buffer_size_kb", str(kib))
    # Names of tasks are in the forks; recording them would add to every switch of a task.
    folder.write("trace_options", "norecord-cmd")
    if "buffer_percent" in folder.names():
        folder.write("buffer_percent", str(wake_percent))
    pipes = []
    for name in folder.names("per_cpu"):
        path = f"per_cpu/{name}/trace_pipe_raw"
        pipe = folder.open(path, os.O_RDONLY | os.O_NONBLOCK)
        stack.callback(os.close, pipe)
        pipes.append(pipe)
    for name, chosen in events.items():
        if chosen:
            folder.write(f"events/{name}/filter", chosen)
        folder.write(f"events/{name}/enable", "1")
    stack.callback(_silence, folder)
    return _Stream(formats, layout, tuple(pipes))


def _silence(folder: TraceFolder) -> None:
    try:
        folder.write("events/enable", "0")
    except OSError:
        # It goes with its instance.
        pass


def _pages(pipe: int) -> Iterator[bytes]:
    while True:
        try:
            page = os.read(pipe, _SUB_BUFFER_BYTES)
        except BlockingIOError:
            return
        if not page:
            return
        yield page


def _signal(at: float, values: dict[str, int | str]) -> SignalEvent:
    return SignalEvent(
        at=at,
        signal=int(values["sig"]),
        code=int(values["code"]),
        sender=int(values["common_pid"]),
        target=int(values["pid"]),
        # Linux before 3.4 did not say.
        result=int(values.get("result", 0)),
    )


PROOF_SECONDS = 2.0
_PROOFS = 8


def _prove(trace: KillTrace) -> None:
    """Kill children of our own until one is seen: in a flood of signals single ones are lost."""
    children: set[int] = set()
    seen = None
    for _ in range(_PROOFS):
        children.add(_killed_child())
        seen = _seen_within(trace, PROOF_SECONDS / _PROOFS, lambda fact: fact.pid in children)
        if seen is not None:
            break
    if seen is None or seen.sender_pid != os.getpid():
        raise EnvironmentProblem(
            "the kernel's traces do not show a kill of our own: this process is in a PID namespace "
            "of its own, or tracing is off"
        )


def _killed_child() -> int:
    """The PID of a child that was made, killed and awaited."""
    child = os.fork()
    if child == 0:
        while True:
            select.select([], [], [])
    os.kill(child, 9)
    os.waitpid(child, 0)
    return child


def _seen_within(
    trace: KillTrace, seconds: float, wanted: Callable[[SignalFact], bool]
) -> SignalFact | None:
    deadline = time.monotonic() + seconds
    poller = select.poll()
    for descriptor in trace.descriptors:
        poller.register(descriptor, select.POLLIN)
    while time.monotonic() < deadline:
        poller.poll(50)
        for fact in trace.read()[0]:
            if wanted(fact):
                return fact
    return None
