"""Which signal ended a container, and who sent it: from the kernel's record alone. Pure."""

from __future__ import annotations

import math
from enum import StrEnum

from iluvatar_bench.bugs.evidence import Evidence, KillFact, Target
from iluvatar_bench.bugs.rules.coincidence import SIGNALLED
from iluvatar_bench.bugs.signals import SenderKind, SignalFact

SIGKILL = 9

_CLOCK_SECONDS = 0.05
"""The record's clock and the host's are compared when a signal is read, some moments late."""

_ANSWER_SECONDS = 10.0
"""A process that is asked to end does so within this time, or has its own reasons."""


class Sender(StrEnum):
    """Who sent a signal, as one container sees it."""

    CLIENT = "this client"
    OWN_RUNTIME = "the container's own runtime"
    NEIGHBOUR = "another container's runtime"
    INSIDE = "a process of the container itself"
    SYSTEMD = "systemd"
    KERNEL = "the kernel"
    STRANGER = "somebody else"
    NOT_KNOWN = "not known"


def witness_sees(evidence: Evidence) -> bool:
    """Whether the kernel's record of the container's life is whole: then silence counts as well."""
    return evidence.signals is not None and evidence.signals_lost == 0


def deciding_signal(evidence: Evidence) -> SignalFact | None:
    """The signal that ended the container; None where no whole record has one."""
    if not witness_sees(evidence):
        return None
    if evidence.exit_status is None:
        return _hit_while_made(evidence)
    sent = _sent(evidence, evidence.exit_status - SIGNALLED)
    return sent[0] if sent else None


def sender_of(fact: SignalFact, evidence: Evidence) -> Sender:
    """Who sent it."""
    own = fact.sender_container is not None and fact.sender_container == evidence.container_id
    if fact.sender_kind is SenderKind.KERNEL:
        return Sender.KERNEL
    if fact.sender_kind is SenderKind.RUNTIME:
        if fact.sender_container is None:
            return Sender.NOT_KNOWN
        return Sender.OWN_RUNTIME if own else Sender.NEIGHBOUR
    if evidence.client_pid is not None and fact.sender_pid == evidence.client_pid:
        return Sender.CLIENT
    if fact.sender_pid == 1 and fact.sender_command == "systemd":
        return Sender.SYSTEMD
    return Sender.INSIDE if own else Sender.STRANGER


def decided_by(evidence: Evidence) -> tuple[SignalFact, Sender] | None:
    """The signal that ended the container, and its sender; None where neither is on record.

    Several that ask a process to end, from different senders, decide nothing.
    """
    fact = deciding_signal(evidence)
    if fact is None:
        return None
    sender = sender_of(fact, evidence)
    if fact.signal != SIGKILL:
        others = {
            (sender_of(other, evidence), other.sender_container)
            for other in _sent(evidence, fact.signal)
        }
        if len(others) > 1:
            return fact, Sender.NOT_KNOWN
    return fact, sender


def asked_to_end(evidence: Evidence) -> list[SignalFact]:
    """Signals from outside that a process which ended by itself may have answered."""
    at = math.inf if evidence.exited_at is None else evidence.exited_at
    return [
        fact
        for fact in evidence.signals or ()
        if fact.delivered
        and fact.pid == evidence.pid
        and at - _ANSWER_SECONDS <= fact.at <= at + _CLOCK_SECONDS
        and sender_of(fact, evidence) is not Sender.INSIDE
    ]


def own_kill_behind(fact: SignalFact, evidence: Evidence) -> KillFact | None:
    """The Kill of this client that a signal by the container's own runtime carries out."""
    for kill in evidence.own_kills:
        begun = kill.started_at <= fact.at + _CLOCK_SECONDS
        ended = kill.ended_at is not None and kill.ended_at + _CLOCK_SECONDS < fact.at
        if kill.target is Target.PROCESS and kill.pid is None and begun and not ended:
            return kill
    return None


def told(fact: SignalFact, evidence: Evidence) -> str:
    """The signal in words: who sent it to whom, and how long before the end."""
    when = ""
    if evidence.exited_at is not None:
        when = f" {time_text(evidence.exited_at - fact.at)} before this exit"
        if evidence.exit_status is not None:
            when += f" with status {evidence.exit_status}"
    named = _named(fact, evidence)
    return f"the kernel's record: {named} sent signal {fact.signal} to process {fact.pid}{when}"


def time_text(seconds: float) -> str:
    """A length of time in words."""
    return f"{seconds * 1000:.0f} ms" if math.isfinite(seconds) else "an unknown time"


def _named(fact: SignalFact, evidence: Evidence) -> str:
    name = f"{fact.sender_command or 'a process'} {fact.sender_pid}"
    sender = sender_of(fact, evidence)
    if sender is Sender.CLIENT:
        return f"this client (process {fact.sender_pid})"
    if fact.sender_kind is SenderKind.RUNTIME and fact.sender_container is not None:
        return f"{name}, run by shim {fact.sender_shim} of container {fact.sender_container},"
    if sender is Sender.KERNEL:
        return f"the kernel, on behalf of {name},"
    parts = []
    if fact.sender_uid is not None:
        parts.append(f"uid {fact.sender_uid}")
    if fact.sender_cgroup:
        parts.append(f"cgroup {fact.sender_cgroup}")
    if sender is Sender.INSIDE:
        parts.append("of this container itself")
    elif fact.sender_container is not None:
        parts.append(f"of container {fact.sender_container}")
    if fact.sender_parent_pid is not None:
        parts.append(f"started by {fact.sender_parent_command} {fact.sender_parent_pid}")
    return f"{name} ({', '.join(parts)})" if parts else name


def _sent(evidence: Evidence, number: int) -> list[SignalFact]:
    """Signals of one number that reached the process before its end, the deciding one first.

    No process lives on after the first SIGKILL; others are answered within some seconds.
    """
    at = math.inf if evidence.exited_at is None else evidence.exited_at
    return [
        fact
        for fact in evidence.signals or ()
        if fact.signal == number
        and fact.delivered
        and evidence.pid is not None
        and fact.pid == evidence.pid
        and fact.at <= at + _CLOCK_SECONDS
        and (number == SIGKILL or fact.at >= at - _ANSWER_SECONDS)
    ]


def _hit_while_made(evidence: Evidence) -> SignalFact | None:
    """A SIGKILL to what the runtime had made for the container, in the step that failed.

    A runtime that fails ends what it has made itself: that is no cause.
    """
    began, ended = evidence.step_started_at, evidence.step_ended_at
    if began is None or ended is None:
        return None
    for fact in evidence.signals or ():
        inside = began - _CLOCK_SECONDS <= fact.at <= ended + _CLOCK_SECONDS
        to_it = evidence.container_id and fact.container_id == evidence.container_id
        own = sender_of(fact, evidence) is Sender.OWN_RUNTIME
        if fact.signal == SIGKILL and fact.delivered and inside and to_it and not own:
            return fact if fact.pid not in (fact.shim, evidence.shim_pid) else None
    return None
