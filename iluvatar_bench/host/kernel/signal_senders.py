"""From the numbers in a signal's record to the one who sent it, and the one it befell."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from iluvatar_bench.bugs.signals import SenderKind, SignalFact
from iluvatar_bench.host.kernel.ancestry import Ancestor, Ancestry

_BY_KERNEL = 0x80
"""``si_code`` SI_KERNEL (include/uapi/asm-generic/siginfo.h)."""

_RUNTIME = re.compile(r"runc|crun|youki|containerd-shim")


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalEvent:
    """One ``signal_generate`` as it was read. ``at`` is in seconds of the monotonic clock."""

    at: float
    signal: int
    code: int
    sender: int
    target: int
    result: int


def signal_fact(
    event: SignalEvent, ancestry: Ancestry, *, epoch: Callable[[float], float]
) -> SignalFact:
    """The record with everything that can be found out about it now.

    ``epoch`` turns monotonic seconds into those since the epoch.
    """
    target = process_of(event.target, ancestry, at=event.at)
    chain = tuple(ancestry.descent(event.sender, at=event.at))
    shim, container = _shim(chain, ancestry)
    kind = _kind(event, chain, served=container is not None)
    sender, command = _identity(event.sender, chain, kind)
    living = next((one.living for one in chain if one.living is not None), None)
    own = bool(chain) and chain[0].living is not None
    return SignalFact(
        signal=event.signal,
        at=epoch(event.at),
        pid=target.pid,
        delivered=event.result == 0,
        sender_kind=kind,
        sender_pid=sender,
        sender_command=command,
        sender_uid=living.uid if living else None,
        sender_cgroup=living.cgroup if living else None,
        sender_container=container,
        sender_shim=shim,
        sender_parent_pid=living.pid if living and not own else None,
        sender_parent_command=living.command if living and not own else None,
        container_id=target.container_id,
        shim=target.shim,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundProcess:
    """The process that a number is of, and the shim it descends from with its container, if any."""

    pid: int
    command: str
    shim: int | None
    container_id: str | None


def process_of(number: int, ancestry: Ancestry, *, at: float) -> FoundProcess:
    """The process that had the number at a time, which may be that of one of its threads."""
    chain = tuple(ancestry.descent(number, at=at))
    pid, command = _identity(number, chain, SenderKind.PROCESS)
    shim, container = _shim(chain, ancestry)
    return FoundProcess(pid=pid, command=command, shim=shim, container_id=container)


def _shim(chain: Iterable[Ancestor], ancestry: Ancestry) -> tuple[int | None, str | None]:
    """The first shim of a descent, and the container that it serves."""
    for one in chain:
        if (found := ancestry.served_by(one)) is not None:
            return found
    return None, None


def _kind(event: SignalEvent, chain: tuple[Ancestor, ...], *, served: bool) -> SenderKind:
    if event.code == _BY_KERNEL:
        return SenderKind.KERNEL
    # The first program on the way up is the one that the sender runs.
    runs = next((name for one in chain if (name := _program(one))), "")
    if _RUNTIME.match(runs) is None:
        return SenderKind.PROCESS
    # A runtime that somebody calls by hand is anybody's process. One below a shim that is gone,
    # or of unknown descent, stays a runtime, of a container that is not known.
    by_hand = (
        not served
        and chain[-1].number == 1
        and not any(_program(one).startswith("containerd-shim") for one in chain)
    )
    return SenderKind.PROCESS if by_hand else SenderKind.RUNTIME


def _program(one: Ancestor) -> str:
    """What a process runs; nothing for a thread or a fork of a program that is not on record."""
    if one.program is not None:
        return Path(one.program).name
    return one.command if one.living is not None else ""


def _identity(number: int, chain: tuple[Ancestor, ...], kind: SenderKind) -> tuple[int, str]:
    """The process that a number is of, which may be a thread's, and what it is called."""
    if not chain:
        return number, ""
    first = chain[0]
    if first.living is not None:
        leader = chain[1] if first.living.pid != number and len(chain) > 1 else first
        return first.living.pid, leader.command
    if kind is SenderKind.RUNTIME:
        # The threads of a Go program are its own: the one that was executed is the process.
        for one in chain:
            if one.program is not None:
                return one.number, Path(one.program).name
    return number, _program(first) or first.command
