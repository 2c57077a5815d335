"""What one container has used, from files that are held open: cheap enough for every sample.

Opening a file costs several times what reading it does. The files are those of
:mod:`.cgroup_usage`, and ``/proc/<pid>/net/dev``, whose descriptor keeps to the network namespace
that the process was in (proc(5); linux fs/proc/proc_net.c).

A read costs more than what is made of it, so a sample reads few of them: processor time and memory
each time, the others by turns, each in one sample of :data:`TURNS` (the first sample reads all).
They count up, so that a late look loses nothing but what came after the last one. **What was not
read in a sample is told in it only where it cannot have changed**, and is None otherwise: where the
processor time has not moved since, no process of the cgroup has run, and what only they can change
is as it was: throttling, the peak of the memory, hits at its limit, kills for want of it, their
number, and in version 1 the bytes of disks. (A peak that received packets alone have reached, and a
process that was moved in and has not run, are seen as soon as one runs.) Such files are not read
again before one has. What a cgroup can suffer without running, pressure and packets and, in version
2, whose writes may be the kernel's, disks, keeps its turn.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from os import pread
from pathlib import Path
from typing import NamedTuple

from iluvatar_bench.host.kernel.cgroup_usage import FIELDS, MOST_BYTES, cgroup_places
from iluvatar_bench.host.kernel.counter_text import (
    COUNTERS,
    NETWORK,
    Counted,
    Take,
    Values,
    take_network,
    taker,
)

_NUMBER_BYTES = 32

TURNS = 4
"""A file that is not read in every sample is read in one of so many."""

_TURN = {
    "net/dev": 0,
    **dict.fromkeys(("cpu.pressure", "memory.pressure", "io.pressure"), 1),
    **dict.fromkeys(("memory.max_usage_in_bytes", "memory.failcnt", "memory.oom_control"), 2),
    **dict.fromkeys(("memory.peak", "memory.events"), 2),
    **dict.fromkeys(("cpu.stat", "pids.current", "blkio.throttle.io_service_bytes"), 3),
    "io.stat": 3,
}
"""When a file is read: all turns have about as much, and what belongs together is together. What
has no turn is read in every sample."""

_CPU = COUNTERS.index("cpu_ms")
_BY_RUNNING = frozenset(_TURN) - frozenset(
    ("net/dev", "cpu.pressure", "memory.pressure", "io.pressure", "io.stat")
)
"""Files of what nothing but a process of the cgroup that runs can change."""
_NOTHING: Counted = (None,) * len(COUNTERS)


_Read = tuple[int, int, Take, int]
"""Of a file its descriptor, how much of it is read, what puts that into a reading, and its first
place there. A plain tuple: it is taken apart in each sample."""


class _File(NamedTuple):
    """A file that is held, and its places in a reading."""

    name: str
    descriptor: int
    length: int
    take: Take
    places: tuple[int, ...]

    @property
    def reading(self) -> _Read:
        """How it is read."""
        return self.descriptor, self.length, self.take, self.places[0]


class HeldCounters:
    """The counting files of a process's cgroup and network. Close it; its end does not.

    A cgroup that several containers share counts for all of them together. Of a process in this
    program's own network namespace no network is counted: that is the host's. The process may end
    while they are opened: whoever holds it (:class:`.HeldProcess`) looks afterwards.

    Raises:
        OSError: this process can open no more files.
    """

    __slots__ = (
        *("_due", "_everything", "_files", "_passing", "_running", "_said", "_samples"),
        *("_values", "_whole"),
    )

    def __init__(self, pid: int, mounts: Mapping[str, Path], *, number: int = 0) -> None:
        self._files: list[_File] = []
        self._samples = number
        """How many there were; ``number`` beforehand, so that not all have one turn at a time."""
        self._values: Values = list(_NOTHING)
        self._said = b""
        """Of the processor time, the last time."""
        self._whole = False
        """Whether everything has been read once: then it is by turns."""
        taken: set[str] = set()
        try:
            places = cgroup_places(pid, mounts)
            for file in () if places is None else places.files:
                self._hold(file, taken)
            if not _in_own_network(pid):
                self._hold_network(pid)
        except BaseException:
            self.close()
            raise
        self._lay_out()

    def _lay_out(self) -> None:
        """What is read when, ready to be gone through."""
        running = next((one for one in self._files if _CPU in one.places), None)
        rest = [one for one in self._files if one is not running]
        self._running = None if running is None else running.reading
        self._everything = tuple(one.reading for one in rest)
        self._due = tuple(
            tuple(one.reading for one in rest if _TURN.get(one.name, turn) == turn)
            for turn in range(TURNS)
        )
        self._passing = tuple(
            place for one in rest if one.name not in _BY_RUNNING for place in one.places
        )

    def _hold(self, file: str, taken: set[str]) -> None:
        descriptor = _opened(file)
        if descriptor is None:
            return
        try:
            text = pread(descriptor, MOST_BYTES, 0)
        except OSError:
            # It is gone meanwhile, or this kernel does not count it (psi=0).
            os.close(descriptor)
            return
        name = file.rpartition("/")[2]
        wanted = FIELDS[name]
        told = [one for one in wanted if one.fact not in taken and one.value(text) is not None]
        taken.update(field.fact for field in told)
        if not told:
            os.close(descriptor)
            return
        length = _NUMBER_BYTES if told[0].find is None else _room(text)
        places = tuple(COUNTERS.index(field.fact) for field in told)
        self._files.append(_File(name, descriptor, length, taker(told, text), places))

    def _hold_network(self, pid: int) -> None:
        descriptor = _opened(f"/proc/{pid}/net/dev")
        if descriptor is not None:
            length = _room(pread(descriptor, MOST_BYTES, 0))
            self._files.append(_File("net/dev", descriptor, length, take_network, NETWORK))

    @property
    def descriptors(self) -> int:
        """How many files are held."""
        return len(self._files)

    @property
    def lengths(self) -> tuple[tuple[int, int], ...]:
        """Each file's descriptor, and how much of it is read: what reading all costs at least."""
        return tuple((file.descriptor, file.length) for file in self._files)

    def due(self, sample: int) -> tuple[tuple[int, int], ...]:
        """Likewise those that a sample reads of a container that has run, of any number of it."""
        due = self._due[sample % TURNS]
        due = due if self._running is None else (self._running, *due)
        return tuple((descriptor, length) for descriptor, length, _, _ in due)

    def read(self) -> Counted | None:
        """What has been used so far, as far as that is known now; None: the cgroup is gone."""
        values = self._values
        self._samples += 1
        try:
            self._begin(values)
            for descriptor, length, take, place in (
                self._due[self._samples % TURNS] if self._whole else self._everything
            ):
                # What is known since the last sample need not be read.
                if values[place] is None:
                    text = pread(descriptor, length, 0)
                    take(text if len(text) < length else self._outgrown(descriptor), values)
        except _UNREADABLE:
            # What was read is not the whole: the next sample begins anew.
            self._said, self._whole = b"", False
            return None
        self._whole = True
        return tuple(values)

    def _begin(self, values: Values) -> None:
        """Processor time; where it stands still, what only running can change is known still."""
        if self._running is None:
            values[:] = _NOTHING
            return
        descriptor, length, take, _ = self._running
        text = pread(descriptor, length, 0)
        if text == self._said:
            for place in self._passing:
                values[place] = None
        else:
            values[:] = _NOTHING
            take(text if len(text) < length else self._outgrown(descriptor), values)
            self._said = text

    def _outgrown(self, descriptor: int) -> bytes:
        """What a file says that has no room left, which is given more for good."""
        at = next(at for at, one in enumerate(self._files) if one.descriptor == descriptor)
        text = pread(descriptor, MOST_BYTES, 0)
        self._files[at] = self._files[at]._replace(length=_room(text))
        self._lay_out()
        return text

    def close(self) -> None:
        """Let go of the files. Safe to repeat."""
        while self._files:
            os.close(self._files.pop().descriptor)
        self._lay_out()


_UNREADABLE = (OSError, ValueError, IndexError)
"""A cgroup that is gone answers ENODEV; and a file that is not as it was tells nothing."""


def _room(text: bytes) -> int:
    """How much to read of a file that is so long now: numbers grow. Little is read faster."""
    return 2 * len(text) + 64


def _opened(file: str) -> int | None:
    try:
        return os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, ProcessLookupError):
        # The process, or its cgroup, has gone.
        return None


def _in_own_network(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/ns/net").readlink() == Path("/proc/self/ns/net").readlink()
    except OSError:
        # It has ended: there is nothing to count.
        return True
