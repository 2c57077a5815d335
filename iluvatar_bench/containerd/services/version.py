"""The version and introspection services: which daemon this is and whether it is usable."""

from __future__ import annotations

from google.protobuf.empty_pb2 import Empty

from iluvatar_bench.containerd._api import (
    introspection_pb2,
    introspection_pb2_grpc,
    version_pb2_grpc,
)
from iluvatar_bench.containerd.channel import READ_SECONDS, Channel
from iluvatar_bench.containerd.values import DaemonVersion, PluginInfo


class Introspection:
    """Facts about the daemon itself; they need no containerd namespace."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._version = version_pb2_grpc.VersionStub(channel.grpc_channel)
        self._introspection = introspection_pb2_grpc.IntrospectionStub(channel.grpc_channel)

    async def version(
        self, *, seconds: float = READ_SECONDS, of_seconds: float | None = None
    ) -> DaemonVersion:
        """What the daemon says it is; the cheapest proof that it serves.

        ``seconds`` may be what is left ``of_seconds``: then an error tells of these.
        """
        answer = await self._channel.call(
            self._version.Version,
            Empty(),
            operation="Version",
            seconds=seconds,
            of_seconds=of_seconds,
        )
        return DaemonVersion(version=answer.version, revision=answer.revision)

    async def plugins(self) -> tuple[PluginInfo, ...]:
        """Every plugin the daemon knows, with the reason where it could not be initialised."""
        answer = await self._channel.call(
            self._introspection.Plugins,
            introspection_pb2.PluginsRequest(),
            operation="Introspection.Plugins",
            seconds=READ_SECONDS,
        )
        return tuple(
            PluginInfo(
                type=plugin.type,
                id=plugin.id,
                init_error=plugin.init_err.message,
                exports=dict(plugin.exports),
            )
            for plugin in answer.plugins
        )
