"""What one container has used, from files that are held open: cheap enough for every sample.

Opening a file costs several times what reading it does. The files are those of
:mod:`.cgroup_usage`, and ``/proc/<pid>/net/dev``, whose descriptor keeps to the network namespace
that the process was in (proc(5); linux fs/proc/proc_net.c).
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
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

_NUMBER_BYTES = 32
_SENT = 9
"""The word of a line of ``net/dev`` that is the bytes sent, after the device and its colon."""
_LONGEST_BYTES = 16384
"""Of the network's some 120 devices; more than any of the cgroup's has."""


@dataclass(frozen=True, slots=True)
class _Text:
    """A file of several numbers: how much of it is read, and where each of them stands.

    ``words`` are its numbers by the place of their word and how far they begin in it: the kernel
    writes these files in one order. ``sums`` are those that have to be added up.
    """

    descriptor: int
    length: int
    words: tuple[tuple[int, int, int, int], ...]
    """Where the number goes in a reading, its word, its beginning in that, and its scale."""
    sums: tuple[tuple[int, Field], ...]

    def read(self, values: list[float | int | None]) -> None:
        """Put the numbers into a reading."""
        text = pread(self.descriptor, self.length, 0)
        words = text.split()
        for place, word, begin, scale in self.words:
            number = int(words[word][begin:])
            values[place] = number if scale == 1 else number / scale
        for place, field in self.sums:
            values[place] = field.value(text)


class HeldCounters:
    """The counting files of a process's cgroup and network. Close it; its end does not.

    A cgroup that several containers share counts for all of them together. Of a process in this
    program's own network namespace no network is counted: that is the host's. The process may end
    while they are opened: whoever holds it (:class:`.HeldProcess`) looks afterwards.

    Raises:
        OSError: this process can open no more files.
    """

    def __init__(self, pid: int, mounts: Mapping[str, Path]) -> None:
        self._numbers: list[tuple[int, int, int]] = []
        """Of files that are a bare number: descriptor, where it goes in a reading, scale."""
        self._texts: list[_Text] = []
        self._network: int | None = None
        self._network_bytes = 0
        taken: set[str] = set()
        try:
            places = cgroup_places(pid, mounts)
            for file in () if places is None else places.files:
                self._hold(file, FIELDS[file.rpartition("/")[2]], taken)
            if not _in_own_network(pid):
                self._network = _opened(f"/proc/{pid}/net/dev")
            if self._network is not None:
                self._network_bytes = _room(pread(self._network, _LONGEST_BYTES, 0))
        except BaseException:
            self.close()
            raise

    def _hold(self, file: str, wanted: tuple[Field, ...], taken: set[str]) -> None:
        descriptor = _opened(file)
        if descriptor is None:
            return
        try:
            text = pread(descriptor, _LONGEST_BYTES, 0)
        except OSError:
            # It is gone meanwhile, or this kernel does not count it (psi=0).
            os.close(descriptor)
            return
        told = [one for one in wanted if one.fact not in taken and one.value(text) is not None]
        taken.update(field.fact for field in told)
        if not told:
            os.close(descriptor)
        elif told[0].find is None:
            self._numbers.append((descriptor, COUNTERS.index(told[0].fact), told[0].scale))
        else:
            # What has a line for each device may grow by any number of them.
            grows = any(not field.first for field in told)
            self._texts.append(
                _Text(
                    descriptor,
                    _LONGEST_BYTES if grows else _room(text),
                    tuple(_word(field, text) for field in told if field.first),
                    tuple((COUNTERS.index(one.fact), one) for one in told if not one.first),
                )
            )

    @property
    def descriptors(self) -> int:
        """How many files are held."""
        return len(self._numbers) + len(self._texts) + (self._network is not None)

    def read(self) -> Counted | None:
        """What has been used so far; None where the cgroup is gone."""
        return read_all([self])[0]

    def close(self) -> None:
        """Let go of the files. Safe to repeat."""
        for descriptor in (
            *(number[0] for number in self._numbers),
            *(text.descriptor for text in self._texts),
        ):
            os.close(descriptor)
        self._numbers.clear()
        self._texts.clear()
        if self._network is not None:
            os.close(self._network)
            self._network = None


def read_all(held: Sequence[HeldCounters]) -> list[Counted | None]:
    """What each has used so far; None for one whose cgroup is gone.

    File by file, and not container by container: each file has code of its own in the kernel, which
    stays in the processor's caches that way, and the whole costs two thirds of the time.
    """
    found: list[list[float | int | None]] = [[None] * len(COUNTERS) for _ in held]
    gone: set[int] = set()
    for numbers in zip_longest(*(one._numbers for one in held)):
        for index, number in enumerate(numbers):
            if number is not None:
                descriptor, place, scale = number
                try:
                    value = int(pread(descriptor, _NUMBER_BYTES, 0))
                except _UNREADABLE:
                    gone.add(index)
                    continue
                found[index][place] = value if scale == 1 else value / scale
    for texts in zip_longest(*(one._texts for one in held)):
        for index, text in enumerate(texts):
            if text is not None:
                try:
                    text.read(found[index])
                except _UNREADABLE:
                    gone.add(index)
    for index, one in enumerate(held):
        if one._network is not None:
            try:
                found[index][-2:] = _moved(pread(one._network, one._network_bytes, 0))
            except _UNREADABLE:
                gone.add(index)
    return [None if index in gone else tuple(values) for index, values in enumerate(found)]


_UNREADABLE = (OSError, ValueError, IndexError)
"""A cgroup that is gone answers ENODEV; and a file that is not as it was tells nothing."""


def _word(field: Field, text: bytes) -> tuple[int, int, int, int]:
    """Where the number of a field stands, as :class:`_Text` has it."""
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


def _opened(file: str) -> int | None:
    try:
        return os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, ProcessLookupError):
        # The process, or its cgroup, has gone.
        return None


def _moved(devices: bytes) -> tuple[int, int]:
    """Bytes received and sent, over all devices of ``net/dev`` but the loopback."""
    received = sent = 0
    for line in devices.splitlines()[2:]:
        words = line.split(None, 10)
        if len(words) > _SENT and words[0] != b"lo:":
            received += int(words[1])
            sent += int(words[_SENT])
    return received, sent


def _in_own_network(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/ns/net").readlink() == Path("/proc/self/ns/net").readlink()
    except OSError:
        # It has ended: there is nothing to count.
        return True
