"""The namespaces service: containerd's own partitions, not the kernel's namespaces."""

from __future__ import annotations

from iluvatar_bench.containerd._api import namespaces_pb2, namespaces_pb2_grpc
from iluvatar_bench.containerd.channel import READ_SECONDS, Channel
from iluvatar_bench.errors import AlreadyExists, NotFound


class Namespaces:
    """Containerd namespaces; a record, snapshot or image in one is invisible in another."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._stub = namespaces_pb2_grpc.NamespacesStub(channel.grpc_channel)

    async def list(self) -> tuple[str, ...]:
        """The names of all namespaces."""
        answer = await self._channel.call(
            self._stub.List,
            namespaces_pb2.ListNamespacesRequest(),
            operation="Namespaces.List",
            seconds=READ_SECONDS,
        )
        return tuple(namespace.name for namespace in answer.namespaces)

    async def ensure(self, name: str) -> None:
        """Create the namespace unless it is there already."""
        request = namespaces_pb2.CreateNamespaceRequest(
            namespace=namespaces_pb2.Namespace(name=name)
        )
        try:
            await self._channel.call(
                self._stub.Create, request, operation="Namespaces.Create", subject=name
            )
        except AlreadyExists:
            pass

    async def delete(self, name: str) -> None:
        """Delete an empty namespace; one that is already gone is no error.

        Raises:
            FailedPrecondition: something still lives in it.
        """
        try:
            await self._channel.call(
                self._stub.Delete,
                namespaces_pb2.DeleteNamespaceRequest(name=name),
                operation="Namespaces.Delete",
                subject=name,
            )
        except NotFound:
            pass
