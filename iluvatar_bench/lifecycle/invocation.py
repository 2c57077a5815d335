"""Invoking a function: GET / is a ping, POST /invoke runs it (the protocol of Ilúvatar's agent)."""

from __future__ import annotations

import asyncio
import errno
import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import httpx

from iluvatar_bench.errors import UsageError
from iluvatar_bench.host.network.attachment import AddressBook, Attachment
from iluvatar_bench.lifecycle.transport import AttachmentTransport

LARGEST_ANSWER_BYTES = 16 * 1024**2
"""A function that answers with more is taken for broken, before it fills this host's memory."""

_EXCERPT_CHARACTERS = 300


class InvokeCause(StrEnum):
    """Why an invocation failed."""

    REFUSED = "refused"
    """Nobody listens at the function's port: not yet, or no more."""
    UNREACHABLE = "unreachable"
    """Nobody has the function's address, or there is no way to it."""
    TIMEOUT = "timeout"
    """The answer was not complete in its time."""
    RESET = "reset"
    """The connection ended before the answer was complete: as a rule, the process died."""
    PROTOCOL = "protocol"
    """What came back was not HTTP, or far too much of it."""
    HTTP_ERROR = "http_error"
    """A complete answer, with a status other than 2xx."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """One request and how it ended.

    ``status`` and ``response_bytes`` are None where no complete answer came; ``cause`` and
    ``error`` are None where it was a good one. ``duration_ms`` runs from before the connection is
    made to the end of the answer, or to the failure.
    """

    attachment: str
    operation: str
    """``ping`` or ``invoke``."""
    first: bool
    """The first invoke of this attachment; of concurrent ones, the first to be sent."""
    sent_at: str
    duration_ms: float
    status: int | None = None
    response_bytes: int | None = None
    cause: InvokeCause | None = None
    error: str | None = None
    body: bytes = field(default=b"", repr=False)

    @property
    def ok(self) -> bool:
        """Whether a complete answer with a status of 2xx came."""
        return self.cause is None

    def as_row(self) -> dict[str, Any]:
        """The record as a flat row, without the body."""
        return {
            "attachment": self.attachment,
            "operation": self.operation,
            "first": self.first,
            "sent_at": self.sent_at,
            "duration_ms": self.duration_ms,
            "status": self.status,
            "response_bytes": self.response_bytes,
            "cause": None if self.cause is None else str(self.cause),
            "error": self.error,
        }


@dataclass(slots=True)
class _Answer:
    """What has come back so far, and how far the request has got."""

    status: int | None = None
    body: bytearray = field(default_factory=bytearray)
    stage: str = "no connection was made"

    async def trace(self, event: str, _info: Mapping[str, Any]) -> None:
        """Follow httpcore's trace of the request (its documentation, "Extensions")."""
        self.stage = _STAGES.get(event, self.stage)


_STAGES = {
    "connection.connect_tcp.complete": "connected, and the request was not sent completely",
    "http11.send_request_body.complete": "sent, and no answer came",
    "http11.receive_response_headers.complete": "the answer began and did not end",
}


class _TooLarge(Exception):
    pass


@asynccontextmanager
async def open_invoker(book: AddressBook) -> AsyncIterator[Invoker]:
    """An invoker for the attachments in the book, for the length of a block."""
    # trust_env would send requests to the proxy that HTTP_PROXY names.
    async with httpx.AsyncClient(
        transport=AttachmentTransport(book),
        trust_env=False,
        timeout=None,
        # As it is on the wire: a compressed answer could unpack to any size.
        headers={"Accept-Encoding": "identity"},
    ) as client:
        yield Invoker(client)


class Invoker:
    """Sends requests to functions; :func:`open_invoker` makes it. Requests may run concurrently."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self._invoked: set[str] = set()

    async def ping(self, attachment: Attachment, *, timeout_seconds: float) -> Invocation:
        """Ask the function's server whether it is there.

        Raises:
            AddressRefused: the attachment is not ours any more; nothing was sent.
            UsageError: an impossible timeout.
        """
        request = self._client.build_request("GET", f"http://{attachment.id}/")
        return await self._send(request, "ping", attachment, timeout_seconds, first=False)

    async def invoke(
        self, attachment: Attachment, args: Mapping[str, Any], *, timeout_seconds: float
    ) -> Invocation:
        """Run the function once. Whatever the container does, an outcome comes back.

        Raises:
            AddressRefused: the attachment is not ours any more; nothing was sent.
            UsageError: an impossible timeout, or arguments that are not JSON.
        """
        url = f"http://{attachment.id}/invoke"
        try:
            request = self._client.build_request("POST", url, json=dict(args))
        except (TypeError, ValueError) as error:
            raise UsageError(f"the arguments of an invocation must be JSON: {error}") from error
        first = attachment.id not in self._invoked
        self._invoked.add(attachment.id)
        return await self._send(request, "invoke", attachment, timeout_seconds, first=first)

    async def _send(
        self,
        request: httpx.Request,
        operation: str,
        attachment: Attachment,
        timeout_seconds: float,
        *,
        first: bool,
    ) -> Invocation:
        if not timeout_seconds > 0:
            raise UsageError(f"a timeout of {timeout_seconds} s cannot be")
        answer = _Answer()
        request.extensions["trace"] = answer.trace
        sent_at = datetime.now(UTC).isoformat()
        started = time.monotonic()
        cause, error = await self._receive(request, answer, timeout_seconds)
        complete = cause is None or cause is InvokeCause.HTTP_ERROR
        return Invocation(
            attachment=attachment.id,
            operation=operation,
            first=first,
            sent_at=sent_at,
            duration_ms=(time.monotonic() - started) * 1000,
            status=answer.status if complete else None,
            response_bytes=len(answer.body) if complete else None,
            cause=cause,
            error=None if error is None else f"{operation} of {attachment.id}: {error}",
            body=bytes(answer.body),
        )

    async def _receive(
        self, request: httpx.Request, answer: _Answer, timeout_seconds: float
    ) -> tuple[InvokeCause | None, str | None]:
        try:
            # One deadline for the whole: httpx's own run anew with every piece that arrives.
            async with asyncio.timeout(timeout_seconds):
                response = await self._client.send(request, stream=True)
                try:
                    answer.status = response.status_code
                    async for part in response.aiter_raw():
                        answer.body += part
                        if len(answer.body) > LARGEST_ANSWER_BYTES:
                            raise _TooLarge
                finally:
                    await response.aclose()
        except TimeoutError:
            return InvokeCause.TIMEOUT, f"timeout after {timeout_seconds:g} s: {answer.stage}"
        except _TooLarge:
            return InvokeCause.PROTOCOL, f"the answer is larger than {LARGEST_ANSWER_BYTES} bytes"
        except httpx.RequestError as error:
            return _failure(error, answer)
        if response.is_success:
            return None, None
        return InvokeCause.HTTP_ERROR, f"HTTP {answer.status}: {_last_words(bytes(answer.body))}"


def _failure(error: httpx.RequestError, answer: _Answer) -> tuple[InvokeCause, str]:
    number = _errno(error)
    said = str(error) or type(error).__name__
    match error:
        case httpx.ConnectError() if number == errno.ECONNREFUSED:
            return InvokeCause.REFUSED, f"connection refused: {said}"
        case httpx.ConnectError():
            return InvokeCause.UNREACHABLE, f"cannot connect: {said}"
        case httpx.ReadError() | httpx.WriteError() | httpx.CloseError():
            return InvokeCause.RESET, f"connection lost ({said}): {answer.stage}"
        case httpx.RemoteProtocolError() if _ended_early(error):
            return InvokeCause.RESET, f"connection closed ({said}): {answer.stage}"
        case httpx.TimeoutException():
            return InvokeCause.TIMEOUT, f"timeout: {answer.stage}"
        case _:
            return InvokeCause.PROTOCOL, f"not an HTTP answer: {said}"


def _errno(error: BaseException | None) -> int | None:
    while error is not None:
        if isinstance(error, OSError) and error.errno is not None:
            return error.errno
        # httpcore's connection pool re-raises "from None", which takes the cause away.
        error = error.__cause__ or error.__context__
    return None


def _ended_early(error: httpx.RemoteProtocolError) -> bool:
    # httpcore's and h11's words for an end of file where none may be; they have no type of its own.
    return "disconnected" in str(error) or "closed connection" in str(error)


def _last_words(body: bytes) -> str:
    """The last line of an error answer: of the traceback that the agent puts into ``error``."""
    text = body.decode(errors="replace")
    try:
        document = json.loads(text)
    except ValueError:
        document = None
    if isinstance(document, dict) and isinstance(document.get("error"), str):
        text = document["error"]
    lines = text.strip().splitlines()
    return lines[-1][:_EXCERPT_CHARACTERS] if lines else "(an empty answer)"
