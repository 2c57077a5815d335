"""What one container has used, from files that are held open: cheap enough for every sample.

Opening a file costs several times what reading it does. The files are those of
:mod:`.cgroup_usage`, and ``/proc/<pid>/net/dev``, whose descriptor keeps to the network namespace
that the process was in (proc(5); linux fs/proc/proc_net.c).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import fields
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
_CGROUP_FILE_BYTES = 4096
_NETWORK_BYTES = 16384
"""Some 120 devices."""


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
        """Of files that are a bare number: descriptor, place, scale."""
        self._texts: list[tuple[int, tuple[tuple[int, Field], ...]]] = []
        self._network: int | None = None
        taken: set[str] = set()
        try:
            places = cgroup_places(pid, mounts)
            for file in () if places is None else places.files:
                self._hold(file, FIELDS[file.rpartition("/")[2]], taken)
            if not _in_own_network(pid):
                self._network = _opened(f"/proc/{pid}/net/dev")
        except BaseException:
            self.close()
            raise

    def _hold(self, file: str, wanted: tuple[Field, ...], taken: set[str]) -> None:
        descriptor = _opened(file)
        if descriptor is None:
            return
        try:
            text = pread(descriptor, _CGROUP_FILE_BYTES, 0)
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
            places = tuple((COUNTERS.index(field.fact), field) for field in told)
            self._texts.append((descriptor, places))

    @property
    def descriptors(self) -> int:
        """How many files are held."""
        return len(self._numbers) + len(self._texts) + (self._network is not None)

    def read(self) -> Counted | None:
        """What has been used so far; None where the cgroup is gone."""
        values: list[float | int | None] = [None] * len(COUNTERS)
        try:
            for descriptor, place, scale in self._numbers:
                number = int(pread(descriptor, _NUMBER_BYTES, 0))
                values[place] = number if scale == 1 else number / scale
            for descriptor, places in self._texts:
                text = pread(descriptor, _CGROUP_FILE_BYTES, 0)
                for place, field in places:
                    values[place] = field.value(text)
            if self._network is not None:
                values[-2:] = _moved(pread(self._network, _NETWORK_BYTES, 0))
        except OSError:
            return None
        return tuple(values)

    def close(self) -> None:
        """Let go of the files. Safe to repeat."""
        held = [descriptor for descriptor, _, _ in self._numbers]
        for descriptor in (*held, *(descriptor for descriptor, _ in self._texts)):
            os.close(descriptor)
        self._numbers.clear()
        self._texts.clear()
        if self._network is not None:
            os.close(self._network)
            self._network = None


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
        name, _, numbers = line.partition(b":")
        if name.strip() != b"lo":
            words = numbers.split(None, 9)
            received += int(words[0])
            sent += int(words[8])
    return received, sent


def _in_own_network(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/ns/net").readlink() == Path("/proc/self/ns/net").readlink()
    except OSError:
        # It has ended: there is nothing to count.
        return True
