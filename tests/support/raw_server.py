"""A gRPC server that knows no methods: what comes in is noted, and answered as the test says."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc

Answer = Callable[[grpc.aio.ServicerContext], Awaitable[None]]


class RawServer(grpc.GenericRpcHandler):
    """``answers`` maps a path to what serves it; any other path is answered by one empty message.

    ``seen`` is the metadata of each call, by its path.
    """

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.seen: dict[str, tuple[Any, ...]] = {}
        self.server: grpc.aio.Server = grpc.aio.server(
            options=[("grpc.max_receive_message_length", -1)]
        )

    def service(self, handler_call_details: Any) -> grpc.RpcMethodHandler:
        path = handler_call_details.method

        async def serve(_: Any, context: grpc.aio.ServicerContext) -> None:
            self.seen[path] = tuple(context.invocation_metadata())
            if path in self.answers:
                await self.answers[path](context)
            else:
                await context.read()
                await context.write(b"")

        return grpc.stream_stream_rpc_method_handler(serve)


@asynccontextmanager
async def raw_server(socket: Path) -> AsyncIterator[RawServer]:
    """Serve at the socket for the length of the block."""
    raw = RawServer()
    raw.server.add_generic_rpc_handlers((raw,))
    raw.server.add_insecure_port(f"unix:{socket}")
    await raw.server.start()
    try:
        yield raw
    finally:
        await raw.server.stop(None)
