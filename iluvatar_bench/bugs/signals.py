"""What the kernel's own record says of a container's signals: who sent which to whom. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class SenderKind(StrEnum):
    """What sent a signal."""

    KERNEL = "kernel"
    """The kernel for reasons of its own: out of memory, the end of a PID namespace."""
    RUNTIME = "runtime"
    """An OCI runtime (runc) or the shim itself, for a container that a shim serves."""
    PROCESS = "process"
    """Any other process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalFact:
    """One signal as the kernel recorded it, and what was found out about its sender.

    ``at`` is in seconds since the epoch, ``pid`` the process that got it, ``container_id`` the
    container whose shim that one descends from, ``shim`` this shim's PID: other containerds of the
    host may have a container of the same name. ``delivered`` is False where the kernel ignored it,
    or the same one was pending.

    Of the sender: ``sender_container`` is the container whose shim it descends from, with the
    shim's PID; ``sender_uid`` and ``sender_cgroup`` were read while it lived, or are those of its
    nearest ancestor that did, which is then named as its parent. None: not known.
    """

    signal: int
    at: float
    pid: int
    delivered: bool
    sender_kind: SenderKind
    sender_pid: int
    sender_command: str = ""
    sender_uid: int | None = None
    sender_cgroup: str | None = None
    sender_container: str | None = None
    sender_shim: int | None = None
    sender_parent_pid: int | None = None
    sender_parent_command: str | None = None
    container_id: str | None = None
    shim: int | None = None

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> SignalFact:
        """The fact from its JSON form.

        Raises:
            TypeError, ValueError: it does not have that form.
        """
        return cls(**{**document, "sender_kind": SenderKind(document["sender_kind"])})


@dataclass(frozen=True, slots=True, kw_only=True)
class VictimFact:
    """A process that the kernel chose to kill because memory had run out.

    ``container_id`` is the container whose shim it descends from; None: none, or not known.
    """

    at: float
    pid: int
    command: str = ""
    container_id: str | None = None
