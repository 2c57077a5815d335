"""A proxy on a socket of its own, between clients and one containerd."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc

from iluvatar_bench.containerd.client import NAMESPACE, connect_unchanged
from iluvatar_bench.containerd.proxy.forward import Forwarder
from iluvatar_bench.containerd.proxy.front import Front, open_front, require_short
from iluvatar_bench.containerd.proxy.hook import CallHook
from iluvatar_bench.containerd.proxy.own_folder import INNER_SOCKET, SOCKET_HOME, own_folder
from iluvatar_bench.containerd.proxy.recorder import Recorder, Sink
from iluvatar_bench.containerd.transport_words import target
from iluvatar_bench.errors import UnusablePath
from iluvatar_bench.host.full_disk import full_disk_told

log = logging.getLogger(__name__)

_CLOSING_SECONDS = 0.5

_NO_LIMITS = [
    # The limits are those of the two ends. What the proxy takes is what one of them sends.
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
]
_SERVER_OPTIONS = [
    *_NO_LIMITS,
    # How often a client asks whether the connection lives is no business of a proxy.
    ("grpc.http2.max_ping_strikes", 0),
    ("grpc.http2.min_ping_interval_without_data_ms", 1000),
    ("grpc.so_reuseport", 0),
]
_CHANNEL_OPTIONS = [
    *_NO_LIMITS,
    ("grpc.enable_http_proxy", 0),
    ("grpc.default_authority", "localhost"),
    ("grpc.use_local_subchannel_pool", 1),
    # A call is made once: whether it is to be repeated is for the client to say.
    ("grpc.enable_retries", 0),
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 500),
]


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy that listens."""

    listen: Path
    upstream: Path
    front: Front
    recorder: Recorder
    channel: grpc.aio.Channel

    async def upstream_ready(self, *, seconds: float) -> bool:
        """Return once there is a connection to the daemon, as after a restart of it.

        Returns:
            False where there was none in time.
        """
        try:
            async with asyncio.timeout(seconds):
                await self.channel.channel_ready()
        except TimeoutError:
            return False
        return True


@asynccontextmanager
async def open_proxy(
    listen: Path, *, upstream: Path, sink: Sink, hook: CallHook | None = None
) -> AsyncIterator[Proxy]:
    """Pass on to ``upstream`` what clients ask at ``listen``, for the length of a block.

    ``sink`` gets each call some time after its end, and at the end of the block those that have
    not ended. The new socket has owner and mode of the upstream one. Calls under way at the end
    are cancelled, on both sides.

    Raises:
        UnusablePath: there is no socket at ``upstream``, or ``listen`` cannot be one.
        Unreachable, DeadlineExceeded: nobody answers at ``upstream``, or no containerd.
    """
    require_short(listen)
    if listen.resolve() == upstream.resolve():
        raise UnusablePath(f"{listen} is the daemon's own socket; name another one to listen at")
    async with AsyncExitStack() as stack:
        # Asked once, so that a wrong address is told here, and not to the client at its first call.
        async with connect_unchanged(upstream, namespace=NAMESPACE):
            pass
        with full_disk_told(SOCKET_HOME):
            folder = stack.enter_context(own_folder(listen))
        channel = grpc.aio.insecure_channel(target(upstream), options=_CHANNEL_OPTIONS)
        stack.push_async_callback(channel.close)
        recorder = Recorder(sink)
        stack.callback(recorder.close)
        inner = folder / INNER_SOCKET
        server = grpc.aio.server(options=_SERVER_OPTIONS)
        front = await stack.enter_async_context(open_front(listen, server=inner, like=upstream))
        forwarder = Forwarder(channel, front=front, recorder=recorder, hook=hook)
        server.add_generic_rpc_handlers((forwarder,))
        server.add_insecure_port(target(inner))
        await server.start()
        stack.push_async_callback(server.stop, _CLOSING_SECONDS)
        yield Proxy(listen, upstream, front, recorder, channel)
