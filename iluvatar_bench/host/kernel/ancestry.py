"""Where a process came from, also one that has ended: by the kernel's record of forks.

A runtime that kills a container, or a ``kill`` that somebody types, lives for milliseconds: by the
time its signal is read it is gone, and /proc with it. Its forks and execs are on record, and lead
to an ancestor that lives. A number that was given out again is told by the times: a process began
before it did what it did.
"""

from __future__ import annotations

import os
import re
import sys
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from iluvatar_bench.host.kernel.processes import all_pids, command_line
from iluvatar_bench.host.kernel.shims import same_socket

MOST_KEPT = 20_000
"""Forks and execs that are remembered. They lead to an ancestor that lives, and are needed of those
that have ended meanwhile: a runtime is asked about within the second in which it ends."""

_MOST_ANCESTORS = 64
_SLACK_SECONDS = 0.02
"""/proc counts a process's beginning in ticks of 10 ms."""

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class LivingProcess:
    """What /proc says of a process, or of a thread: its process.

    ``started_at`` is in seconds of the monotonic clock; ``cgroup`` the path of version 2, or that
    of the first hierarchy of version 1.
    """

    pid: int
    parent: int
    command: str
    uid: int
    cgroup: str | None
    started_at: float


@dataclass(frozen=True, slots=True)
class Ancestor:
    """One step of a descent, the process itself first.

    ``number`` is that of a process or of a thread. ``program`` is the file that it runs where its
    exec is on record; ``living`` is None for one that is gone.
    """

    number: int
    program: str | None
    command: str
    living: LivingProcess | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """Whom a shim serves, by its own arguments: a container of one namespace of one containerd.

    ``address`` (of containerd's socket) and ``namespace`` are None where they do not say.
    """

    container_id: str
    address: str | None = None
    namespace: str | None = None


class Ancestry:
    """The forks and execs on record; times are seconds of the monotonic clock.

    :meth:`descent` looks into /proc once for each number until :meth:`look_again` is called: a
    storm of signals between the same two costs no more than one.
    """

    def __init__(self) -> None:
        self._forks: OrderedDict[int, tuple[float, int, str]] = OrderedDict()
        self._execs: OrderedDict[int, tuple[float, str]] = OrderedDict()
        self._shims: OrderedDict[int, Served] = OrderedDict()
        self._looked: dict[int, LivingProcess | None] = {}
        self._older_threads: dict[int, int] = {}

    def fork(self, at: float, parent: int, child: int, command: str) -> None:
        """A process or a thread was made; ``command`` is what it is called at first."""
        self._forks.pop(child, None)
        self._execs.pop(child, None)
        self._shims.pop(child, None)
        self._older_threads.pop(child, None)
        # Thousands of forks have the same few names.
        self._forks[child] = (at, parent, sys.intern(command))
        _bound(self._forks)

    def exec(self, at: float, number: int, program: str) -> None:
        """A process runs another program."""
        self._execs.pop(number, None)
        self._execs[number] = (at, sys.intern(program))
        _bound(self._execs)

    def look_again(self) -> None:
        """What /proc said of a process holds no longer: time has passed."""
        self._looked.clear()

    def remember_older_shims(self) -> None:
        """Those that began before the record, with their threads, while they can be asked.

        A shim ends milliseconds after the runtime that one of its threads had kill its container,
        and no fork of theirs is on record.
        """
        for pid in all_pids():
            self.shim_began(pid)
            if pid in self._shims:
                with suppress(OSError):
                    for thread in Path(f"/proc/{pid}/task").iterdir():
                        self._older_threads[int(thread.name)] = pid

    def shim_began(self, number: int) -> None:
        """A shim's program began a moment ago: whom it serves is read now, and kept for later."""
        served = served_container(number)
        if served is not None:
            self._shims[number] = served
            _bound(self._shims)

    def shims_of(self, served: Served) -> tuple[int, ...]:
        """The shims that began for a container, also those that are gone, the oldest first.

        One that fails to make its container is gone before anybody else can ask for it.
        """
        return tuple(number for number, one in self._shims.items() if _is_same(one, served))

    def served_by(self, one: Ancestor) -> tuple[int, str] | None:
        """The shim that a process or a thread is, and the container it serves; None: it is none."""
        pid = one.number if one.living is None else one.living.pid
        served = self._shims.get(pid)
        if served is None and one.living is not None:
            served = served_container(pid)
        return None if served is None else (pid, served.container_id)

    def descent(self, number: int, *, at: float) -> Iterator[Ancestor]:
        """The process or thread that had the number at that time, then its ancestors."""
        seen: set[int] = set()
        while number > 0 and number not in seen and len(seen) < _MOST_ANCESTORS:
            seen.add(number)
            if number not in self._looked:
                self._looked[number] = read_process(number)
            living = self._looked[number]
            if living is not None and living.started_at > at + _SLACK_SECONDS:
                living = None
            fork = self._forks.get(number)
            if fork is not None and fork[0] > at:
                fork = None
            program = self._execs.get(number)
            yield Ancestor(
                number,
                program[1] if program is not None and program[0] <= at else None,
                living.command if living is not None else (fork[2] if fork is not None else ""),
                living,
            )
            if living is not None and living.pid != number:
                number = living.pid
            elif fork is not None:
                number = fork[1]
            elif self._older_threads.get(number, number) != number:
                number = self._older_threads[number]
            elif living is not None:
                number = living.parent
            else:
                return


def read_process(number: int) -> LivingProcess | None:
    """What /proc says of a process or a thread; None for one that is gone."""
    home = Path(f"/proc/{number}")
    try:
        status = (home / "status").read_text(errors="replace")
        started = (home / "stat").read_text(errors="replace").rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return None
    found = dict(re.findall(r"^(Name|Tgid|PPid|Uid):\t([^\t\n]*)", status, re.MULTILINE))
    try:
        return LivingProcess(
            pid=int(found["Tgid"]),
            parent=int(found["PPid"]),
            command=found["Name"],
            uid=int(found["Uid"]),
            cgroup=_cgroup(home),
            # Ticks since the boot. The monotonic clock stands still in a suspended machine, which
            # runs no containers.
            started_at=int(started) / _TICKS,
        )
    except (KeyError, ValueError):
        return None


def _cgroup(home: Path) -> str | None:
    try:
        lines = (home / "cgroup").read_text(errors="replace").splitlines()
    except OSError:
        return None
    paths = [path for line in lines if (path := line.split(":", 2)[-1]) != "/"]
    return paths[-1] if paths else ("/" if lines else None)


def served_container(pid: int) -> Served | None:
    """Whom a shim serves; None for another program."""
    words = command_line(pid)
    if not words or not Path(words[0]).name.startswith("containerd-shim"):
        return None
    # Go's flags take one dash or two.
    pairs = pairwise(words)
    options = {name.lstrip("-"): value for name, value in pairs if name.startswith("-")}
    if "id" not in options:
        return None
    # Thousands of shims have the same few homes.
    return Served(
        container_id=options["id"],
        address=_interned(options.get("address")),
        namespace=_interned(options.get("namespace")),
    )


def _interned(text: str | None) -> str | None:
    return None if text is None else sys.intern(text)


def _is_same(one: Served, other: Served) -> bool:
    if (one.container_id, one.namespace) != (other.container_id, other.namespace):
        return False
    if one.address is None or other.address is None:
        return False
    return same_socket(Path(one.address), Path(other.address))


def _bound(table: OrderedDict[int, Any]) -> None:
    if len(table) > MOST_KEPT:
        table.popitem(last=False)
