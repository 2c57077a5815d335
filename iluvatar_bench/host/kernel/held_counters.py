"""What one container has used, from files that are held open: cheap enough for every sample.

Opening a file costs several times what reading it does. The files are those of
:mod:`.cgroup_usage`, and ``/proc/<pid>/net/dev``, whose descriptor keeps to the network namespace
that the process was in (proc(5); linux fs/proc/proc_net.c).

A read costs more than what is made of it, so files are left out that cannot have changed. The
cgroup's processor time is read first. Where it has not moved since the sample before, no process of
it has run, and what only they can change is as it was: throttling, the peak of the memory, hits at
its limit, kills for want of it, their number, and in version 1 the bytes of disks. (A peak that
received packets alone have reached, and a process that was moved in and has not run, are seen as
soon as one runs.) What a process can suffer without running, pressure, is then read in every fourth
sample. Memory, the network and, in version 2, whose writes may be the kernel's, the disks are read
each time. All of them count up, so that a late look loses nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import zip_longest
from os import pread
from pathlib import Path

from iluvatar_bench.host.kernel.cgroup_usage import FIELDS, CgroupUsage, Field, cgroup_places

COUNTERS: tuple[str, ...] = (
    *(field.name for field in fields(CgroupUsage)),
    "received_bytes",
    "sent_bytes",
)
"""What is counted, in this order."""

Counted = tuple[float | int | None, ...]
"""A value for each of :data:`COUNTERS`; None: this host does not count it."""

Values = list[float | int | None]
"""A reading that is being made."""

_NUMBER_BYTES = 32
_DEVICE_WORDS = 17
"""Of a line of ``net/dev``: the device with its colon, and 8 numbers each of received and sent."""
_RECEIVED, _SENT = 1, 9
_LONGEST_BYTES = 16384
"""Of the network's some 120 devices; more than any of the cgroup's has."""

_ALWAYS, _AFTER_IT_RAN, _AT_TIMES = 4, 1, 2
_EVERYTHING = _ALWAYS | _AFTER_IT_RAN | _AT_TIMES
_EVERY = 4
"""So many samples of a container that does not run have one in which pressure is read."""

_BY_RUNNING = frozenset(
    (
        *("throttled_ms", "throttled_periods", "memory_peak_bytes", "limit_hits", "oom_kills"),
        "pids",
    )
)
_VERSION_1_DISKS = "blkio.throttle.io_service_bytes"


@dataclass(slots=True)
class _File:
    """One file: when it is read, how much of it, and how what it says goes into a reading.

    ``text`` is what it said last; None: it was not read yet.
    """

    descriptor: int
    length: int
    when: int
    take: Callable[[bytes, Values], None]
    text: bytes | None = None


class HeldCounters:
    """The counting files of a process's cgroup and network. Close it; its end does not.

    A cgroup that several containers share counts for all of them together. Of a process in this
    program's own network namespace no network is counted: that is the host's. The process may end
    while they are opened: whoever holds it (:class:`.HeldProcess`) looks afterwards.

    Raises:
        OSError: this process can open no more files.
    """

    __slots__ = (*("_counted", "_due", "_files", "_gone", "_samples", "_tells_running", "_values"),)

    def __init__(self, pid: int, mounts: Mapping[str, Path]) -> None:
        self._files: list[_File] = []
        """In the order in which they are read: what tells whether it has run comes first."""
        self._tells_running = False
        self._samples = pid
        """Begins anywhere, so that containers do not all have their costly sample at once."""
        self._due = _EVERYTHING
        self._values: Values = [None] * len(COUNTERS)
        self._counted: Counted | None = None
        """The values; None: they have changed since they were told, or the cgroup is gone."""
        self._gone = False
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

    def _hold(self, file: str, taken: set[str]) -> None:
        descriptor = _opened(file)
        if descriptor is None:
            return
        try:
            text = pread(descriptor, _LONGEST_BYTES, 0)
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
        when = _when(name, {field.fact for field in told})
        take = _number(told[0]) if told[0].find is None else _numbers(told, text)
        held = _File(descriptor, _room(text) if told[0].find else _NUMBER_BYTES, when, take)
        if any(field.fact == "cpu_ms" for field in told):
            self._tells_running = True
            self._files.insert(0, held)
        else:
            self._files.append(held)

    def _hold_network(self, pid: int) -> None:
        descriptor = _opened(f"/proc/{pid}/net/dev")
        if descriptor is not None:
            room = _room(pread(descriptor, _LONGEST_BYTES, 0))
            self._files.append(_File(descriptor, room, _ALWAYS, _take_network))

    @property
    def descriptors(self) -> int:
        """How many files are held."""
        return len(self._files)

    @property
    def lengths(self) -> tuple[tuple[int, int], ...]:
        """Each file's descriptor, and how much of it is read: what a reading costs at least."""
        return tuple((file.descriptor, file.length) for file in self._files)

    def read(self) -> Counted | None:
        """What has been used so far; None where the cgroup is gone."""
        return read_all([self])[0]

    def close(self) -> None:
        """Let go of the files. Safe to repeat."""
        while self._files:
            os.close(self._files.pop().descriptor)


def read_all(held: Sequence[HeldCounters]) -> list[Counted | None]:
    """What each has used so far; None for one whose cgroup is gone.

    File by file, and not container by container: each file has code of its own in the kernel, which
    stays in the processor's caches that way, and the whole costs two thirds of the time. What says
    the same bytes as before is not taken apart again.
    """
    for one in held:
        one._due = _EVERYTHING
    for number, files in enumerate(zip_longest(*[one._files for one in held])):
        for one, file in zip(held, files, strict=True):
            if file is None or not file.when & one._due:
                continue
            try:
                text = pread(file.descriptor, file.length, 0)
                if text != file.text:
                    if len(text) == file.length:
                        text = _whole(file)
                    file.take(text, one._values)
                    file.text = text
                    one._counted = None
                elif number == 0 and one._tells_running:
                    one._samples += 1
                    one._due = _ALWAYS if one._samples % _EVERY else _ALWAYS | _AT_TIMES
            except _UNREADABLE:
                one._gone = True
    found: list[Counted | None] = []
    for one in held:
        if one._gone:
            one._gone, one._counted = False, None
            found.append(None)
            continue
        if one._counted is None:
            one._counted = tuple(one._values)
        found.append(one._counted)
    return found


_UNREADABLE = (OSError, ValueError, IndexError)
"""A cgroup that is gone answers ENODEV; and a file that is not as it was tells nothing."""


def _when(name: str, facts: set[str]) -> int:
    """When a file is read: which of the reasons for it there must be."""
    if facts <= _BY_RUNNING or name == _VERSION_1_DISKS:
        return _AFTER_IT_RAN
    return _AT_TIMES if name.endswith(".pressure") else _ALWAYS


def _number(field: Field) -> Callable[[bytes, Values], None]:
    """For a file that is a bare number."""
    place, scale = COUNTERS.index(field.fact), field.scale

    def take(text: bytes, values: Values) -> None:
        value = int(text)
        values[place] = value if scale == 1 else value / scale

    return take


def _numbers(told: Sequence[Field], text: bytes) -> Callable[[bytes, Values], None]:
    """For a file of several: the kernel writes them in one order, so each is told by its word.

    Those that have to be added up are looked for.
    """
    words = tuple(_word(field, text) for field in told if field.first)
    sums = tuple((COUNTERS.index(one.fact), one) for one in told if not one.first)

    def take(text: bytes, values: Values) -> None:
        if words:
            said = text.split()
            for place, word, begin, scale in words:
                number = int(said[word][begin:])
                values[place] = number if scale == 1 else number / scale
        for place, field in sums:
            values[place] = field.value(text)

    return take


def _word(field: Field, text: bytes) -> tuple[int, int, int, int]:
    """Where a number goes in a reading, its word in the file, its beginning there, its scale."""
    assert field.find is not None
    found = field.find.search(text)
    assert found is not None, "its value was told"
    before = text[: found.start(1)]
    word = len(before.split()) - (0 if before[-1:].isspace() else 1)
    begin = found.start(1) - (max(map(before.rfind, (b" ", b"\n"))) + 1)
    return COUNTERS.index(field.fact), word, begin, field.scale


def _room(text: bytes) -> int:
    """How much to read of a file that is so long now: numbers grow. Little is read faster."""
    return 2 * len(text) + 64


def _whole(file: _File) -> bytes:
    """What a file says that has outgrown its room, which it is given for good."""
    while True:
        file.length *= 2
        text = pread(file.descriptor, file.length, 0)
        if len(text) < file.length:
            return text


def _opened(file: str) -> int | None:
    try:
        return os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, ProcessLookupError):
        # The process, or its cgroup, has gone.
        return None


def _take_network(devices: bytes, values: Values) -> None:
    """Bytes received and sent, over all devices of ``net/dev`` but the loopback."""
    # Two lines of titles, then one a device.
    words = devices.split(b"\n", 2)[2].split()
    if len(words) % _DEVICE_WORDS:
        raise ValueError("a device's line was cut off")
    received = sent = 0
    for at in range(0, len(words), _DEVICE_WORDS):
        if words[at] != b"lo:":
            received += int(words[at + _RECEIVED])
            sent += int(words[at + _SENT])
    values[-2:] = received, sent


def _in_own_network(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/ns/net").readlink() == Path("/proc/self/ns/net").readlink()
    except OSError:
        # It has ended: there is nothing to count.
        return True
