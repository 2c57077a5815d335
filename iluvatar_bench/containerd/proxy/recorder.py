"""What a proxy writes down of each call that passes it."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

import grpc

from iluvatar_bench.containerd.proxy.front import Peer
from iluvatar_bench.containerd.proxy.hook import PassingCall
from iluvatar_bench.containerd.proxy.known_calls import read_answer, read_request
from iluvatar_bench.records.call import Call

KEPT_BYTES = 4 * 1024 * 1024
"""A larger message is passed on and not read."""

_MOST_PENDING = 500
_PENDING_SECONDS = 0.05

Sink = Callable[[Call], None]


class Passage:
    """One call from its arrival to its end, as the proxy counts it."""

    def __init__(
        self, number: int, method: str, metadata: Iterable[tuple[str, Any]], peer: Peer
    ) -> None:
        self.number = number
        self.method = method
        self.started_ns = time.monotonic_ns()
        self.ended_ns: int | None = None
        self.status: str | None = None
        self.message: str | None = None
        self.peer = peer
        self.namespace, self.lease = _headers(metadata)
        self.request_messages = self.request_bytes = 0
        self.answer_messages = self.answer_bytes = 0
        self._requests: list[bytes] = []
        self._answer: bytes | None = None

    def requested(self, message: bytes) -> None:
        """Count a message of the client; of several the first and the last are kept."""
        self.request_messages += 1
        self.request_bytes += len(message)
        if len(message) <= KEPT_BYTES:
            self._requests[1:] = [message] if self._requests else []
            if not self._requests:
                self._requests.append(message)

    def answered(self, message: bytes) -> None:
        """Count a message of the daemon; the last is kept."""
        self.answer_messages += 1
        self.answer_bytes += len(message)
        self._answer = message if len(message) <= KEPT_BYTES else None

    def end(self, code: grpc.StatusCode, message: str | None) -> None:
        """The call has its status; the first one counts."""
        if self.ended_ns is None:
            self.ended_ns = time.monotonic_ns()
            self.status = code.name
            self.message = message or None

    def passing(self) -> PassingCall:
        """What is known of it so far."""
        return PassingCall(
            number=self.number,
            method=self.method,
            namespace=self.namespace,
            lease=self.lease,
            peer_pid=self.peer.pid,
            request=read_request(self.method, self._requests),
        )

    def call(self) -> Call:
        """The record of it."""
        return Call(
            number=self.number,
            method=self.method,
            started_ns=self.started_ns,
            ended_ns=self.ended_ns,
            namespace=self.namespace,
            lease=self.lease,
            peer_pid=self.peer.pid,
            peer_command=self.peer.command,
            status=self.status,
            message=self.message,
            request=read_request(self.method, self._requests),
            answer={} if self._answer is None else read_answer(self.method, (self._answer,)),
            request_messages=self.request_messages,
            request_bytes=self.request_bytes,
            answer_messages=self.answer_messages,
            answer_bytes=self.answer_bytes,
        )


class Recorder:
    """Numbers the calls, and hands each to the sink some time after its end.

    Not at once: messages are read when the client has its answer. What waits to be read is
    bounded.
    """

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._under_way: dict[int, Passage] = {}
        self._ended: deque[Passage] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self.count = 0
        """Calls that have arrived."""

    def begin(self, method: str, metadata: Iterable[tuple[str, Any]], peer: Peer) -> Passage:
        """A call has arrived."""
        self.count += 1
        passage = Passage(self.count, method, metadata, peer)
        self._under_way[passage.number] = passage
        return passage

    def end(self, passage: Passage) -> None:
        """A call is over."""
        self._under_way.pop(passage.number, None)
        self._ended.append(passage)
        if len(self._ended) >= _MOST_PENDING:
            self.flush()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_PENDING_SECONDS, self.flush)

    def flush(self) -> None:
        """Hand over every call that has ended."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._ended:
            self._sink(self._ended.popleft().call())

    def close(self) -> None:
        """Hand over everything, those calls too that have not ended."""
        self.flush()
        for number in sorted(self._under_way):
            self._sink(self._under_way.pop(number).call())


def _headers(metadata: Iterable[tuple[str, Any]]) -> tuple[str | None, str | None]:
    namespace = lease = None
    for key, value in metadata:
        if key == "containerd-namespace":
            namespace = _text(value)
        elif key == "containerd-lease":
            lease = _text(value)
    return namespace, lease


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
