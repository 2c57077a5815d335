"""One call of a client to containerd, as a proxy between them saw it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call from the first byte of its request to its status.

    Times are nanoseconds of the host's monotonic clock (CLOCK_MONOTONIC), which all processes of
    a host share. ``request`` and ``answer`` hold what is known of the messages' content (ids,
    keys, labels, mounts); they are empty for methods that are not known.
    """

    number: int
    """Position in the order in which the requests arrived, from 1."""
    method: str
    """``service/method`` in full, as in ``containerd.services.tasks.v1.Tasks/Create``."""
    started_ns: int
    ended_ns: int | None = None
    """None while the call is under way, and where it never ended."""
    namespace: str | None = None
    """The metadata's ``containerd-namespace``."""
    lease: str | None = None
    """The metadata's ``containerd-lease``."""
    peer_pid: int | None = None
    """The process at the client's end of the socket, as the kernel names it (SO_PEERCRED)."""
    peer_command: str | None = None
    status: str | None = None
    """The gRPC status by name (``OK``, ``NOT_FOUND``); None where there was none."""
    message: str | None = None
    """The status's message, None where it is empty."""
    request: Mapping[str, Any] = field(default_factory=dict)
    answer: Mapping[str, Any] = field(default_factory=dict)
    request_messages: int = 0
    request_bytes: int = 0
    answer_messages: int = 0
    answer_bytes: int = 0

    @property
    def ok(self) -> bool:
        """Whether the call was answered with OK."""
        return self.status == "OK"

    @property
    def service(self) -> str:
        """The service's own name (``Snapshots``), without its package."""
        return self.method.partition("/")[0].rpartition(".")[2]

    @property
    def name(self) -> str:
        """The service's and the method's name (``Snapshots.Prepare``)."""
        return f"{self.service}.{self.method.partition('/')[2]}"

    @property
    def duration_ms(self) -> float | None:
        """Milliseconds from the request to the status; None for a call that never ended."""
        return None if self.ended_ns is None else (self.ended_ns - self.started_ns) / 1e6

    def as_row(self) -> dict[str, Any]:
        """The record as a flat row; ``request`` and ``answer`` are JSON documents."""
        return {
            **asdict(self),
            "request": json.dumps(dict(self.request), sort_keys=True),
            "answer": json.dumps(dict(self.answer), sort_keys=True),
        }

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Call:
        """The record of a row that ``as_row`` made.

        Raises:
            KeyError, TypeError, ValueError: the row is not one of a call.
        """
        return cls(
            **{
                **row,
                "request": json.loads(row["request"]),
                "answer": json.loads(row["answer"]),
            }
        )
