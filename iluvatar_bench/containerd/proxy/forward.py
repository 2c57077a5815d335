"""Passing calls on as they are: bytes, metadata, deadline, status, details and trailers.

Every method of every service is taken, known or not. Messages are never parsed on the way. Of
what HTTP/2 carries, the user agent is the proxy's own.
"""

from __future__ import annotations

import asyncio
from typing import Any

import grpc

from iluvatar_bench.containerd.proxy.front import Front
from iluvatar_bench.containerd.proxy.hook import CallHook, PassingCall, Refusal
from iluvatar_bench.containerd.proxy.methods import is_unary, streams_answers
from iluvatar_bench.containerd.proxy.recorder import Passage, Recorder

LOST = Refusal(grpc.StatusCode.UNAVAILABLE, "the answer was lost (a fault of iluvatar-bench)")

_FIRST_MESSAGE_SECONDS = 1.0
"""How long a call is held for its first message, where somebody acts at calls. A client may wait
for the daemon before it sends any; of containerd's own methods none does."""

_COMMIT = "COMMIT"


class Forwarder(grpc.GenericRpcHandler):  # type: ignore[misc]
    """Hands every call to the daemon behind ``channel``, and tells the recorder."""

    def __init__(
        self,
        channel: grpc.aio.Channel,
        *,
        front: Front,
        recorder: Recorder,
        hook: CallHook | None = None,
    ) -> None:
        self.channel = channel
        self._front = front
        self._recorder = recorder
        self._hook = hook

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        """A handler for any method."""
        path: str = handler_call_details.method
        if is_unary(path):

            async def unary(request: bytes, context: grpc.aio.ServicerContext) -> bytes:
                return await self._unary(path, request, context)

            return grpc.unary_unary_rpc_method_handler(unary)

        async def stream(_: Any, context: grpc.aio.ServicerContext) -> None:
            await self._stream(path, context)

        return grpc.stream_stream_rpc_method_handler(stream)

    def _begin(self, path: str, context: grpc.aio.ServicerContext) -> Passage:
        return self._recorder.begin(
            path.removeprefix("/"), context.invocation_metadata(), self._front.peer(context.peer())
        )

    async def _unary(self, path: str, request: bytes, context: grpc.aio.ServicerContext) -> bytes:
        passage = self._begin(path, context)
        passage.requested(request)
        try:
            lost = await self._acted_before(passage, context)
            call = self.channel.unary_unary(path)(
                request, metadata=_metadata(context), timeout=context.time_remaining()
            )
            answer = b""
            try:
                answer = await call
                passage.answered(answer)
            except grpc.aio.AioRpcError as error:
                passage.end(error.code(), error.details())
                await self._acted_after(passage, error.code())
                await _abort(context, error.code(), error.details(), error.trailing_metadata())
            await self._acted_after(passage, grpc.StatusCode.OK)
            if lost:
                await _refuse(passage, context, LOST)
            if initial := await call.initial_metadata():
                await context.send_initial_metadata(initial)
            if trailing := await call.trailing_metadata():
                context.set_trailing_metadata(trailing)
            passage.end(grpc.StatusCode.OK, None)
            return answer
        finally:
            # Also where the client has cancelled: that cancels this coroutine, and with it the
            # call that it awaits.
            passage.end(grpc.StatusCode.CANCELLED, "the client cancelled")
            self._recorder.end(passage)

    async def _stream(self, path: str, context: grpc.aio.ServicerContext) -> None:
        passage = self._begin(path, context)
        uploading: asyncio.Task[None] | None = None
        call: Any = None
        try:
            first = await self._first_message(passage, context)
            lost = await self._acted_before(passage, context)
            call = self.channel.stream_stream(path)(
                metadata=_metadata(context), timeout=context.time_remaining()
            )
            uploading = asyncio.create_task(_upload(first, passage, context, call))
            await self._download(passage, context, call, lost)
        finally:
            if uploading is not None:
                uploading.cancel()
            if call is not None:
                call.cancel()
            passage.end(grpc.StatusCode.CANCELLED, "the client cancelled")
            self._recorder.end(passage)

    async def _download(
        self, passage: Passage, context: grpc.aio.ServicerContext, call: Any, lost: bool
    ) -> None:
        initial = await call.initial_metadata()
        if not lost:
            await context.send_initial_metadata(initial or ())
        while (message := await _next(call)) is not grpc.aio.EOF:
            passage.answered(message)
            if lost and _breaks_here(passage):
                await self._acted_after(passage, grpc.StatusCode.OK)
                await _refuse(passage, context, LOST)
            await context.write(message)
        code, details = await call.code(), await call.details()
        await self._acted_after(passage, code)
        if lost and code is grpc.StatusCode.OK:
            await _refuse(passage, context, LOST)
        passage.end(code, details)
        trailing = await call.trailing_metadata()
        if code is not grpc.StatusCode.OK:
            await _abort(context, code, details, trailing)
        if trailing:
            context.set_trailing_metadata(trailing)

    async def _first_message(
        self, passage: Passage, context: grpc.aio.ServicerContext
    ) -> asyncio.Task[Any]:
        """A reading of the first message; done already where somebody acts at calls."""
        reading = asyncio.create_task(_read(passage, context))
        if self._hook is not None:
            await asyncio.wait((reading,), timeout=_FIRST_MESSAGE_SECONDS)
        return reading

    async def _acted_before(self, passage: Passage, context: grpc.aio.ServicerContext) -> bool:
        """Let the hook act; whether the answer is to be lost."""
        if self._hook is None:
            return False
        passing = passage.passing()
        refusal = await self._hook.before(passing)
        if refusal is not None:
            await _refuse(passage, context, refusal)
        return self._hook.loses_answer(passing)

    async def _acted_after(self, passage: Passage, code: grpc.StatusCode) -> None:
        if self._hook is not None:
            passing: PassingCall = passage.passing()
            await self._hook.after(passing, code.name)


async def _next(call: Any) -> Any:
    """The daemon's next message; of a call that failed the status tells, not this."""
    try:
        return await call.read()
    except grpc.aio.AioRpcError:
        return grpc.aio.EOF


async def _read(passage: Passage, context: grpc.aio.ServicerContext) -> Any:
    message = await context.read()
    if message is not grpc.aio.EOF:
        passage.requested(message)
    return message


async def _upload(
    first: asyncio.Task[Any], passage: Passage, context: grpc.aio.ServicerContext, call: Any
) -> None:
    """Pass the client's messages on, and the end of them.

    A call that has its status takes no more: what the client still sends is for nobody.
    """
    try:
        message = await first
        while message is not grpc.aio.EOF:
            await call.write(message)
            message = await _read(passage, context)
        await call.done_writing()
    except (grpc.aio.AioRpcError, asyncio.InvalidStateError, grpc.aio.UsageError):
        return


def _breaks_here(passage: Passage) -> bool:
    """Whether the message that has just come is the first that the client must not see."""
    if streams_answers(passage.method):
        return True
    return passage.passing().request.get("last_action") == _COMMIT


def _metadata(context: grpc.aio.ServicerContext) -> tuple[tuple[str, Any], ...]:
    return tuple(
        (key, value)
        for key, value in context.invocation_metadata()
        # The library writes its own, and refuses two.
        if key != "user-agent"
    )


async def _refuse(passage: Passage, context: grpc.aio.ServicerContext, refusal: Refusal) -> None:
    passage.end(refusal.code, refusal.details)
    await context.abort(refusal.code, refusal.details)


async def _abort(
    context: grpc.aio.ServicerContext,
    code: grpc.StatusCode,
    details: str | None,
    trailing: Any,
) -> None:
    await context.abort(code, details or "", tuple(trailing or ()))
