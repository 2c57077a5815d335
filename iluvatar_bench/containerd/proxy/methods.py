"""Of which of containerd's methods the shape is known: how many messages go each way."""

from __future__ import annotations

from google.protobuf.descriptor import MethodDescriptor

from iluvatar_bench.containerd._api import (
    containers_pb2,
    content_pb2,
    cri_pb2,
    diff_pb2,
    events_pb2,
    images_pb2,
    introspection_pb2,
    leases_pb2,
    namespaces_pb2,
    snapshots_pb2,
    tasks_pb2,
    version_pb2,
)

_FILES = (
    containers_pb2,
    content_pb2,
    cri_pb2,
    diff_pb2,
    events_pb2,
    images_pb2,
    introspection_pb2,
    leases_pb2,
    namespaces_pb2,
    snapshots_pb2,
    tasks_pb2,
    version_pb2,
)


def _known() -> dict[str, MethodDescriptor]:
    return {
        f"{service.full_name}/{method.name}": method
        for file in _FILES
        for service in file.DESCRIPTOR.services_by_name.values()
        for method in service.methods
    }


KNOWN_METHODS = _known()
"""By ``service/method``."""


def is_unary(path: str) -> bool:
    """Whether one message goes each way; False where nothing is known. A leading / is allowed."""
    method = KNOWN_METHODS.get(path.removeprefix("/"))
    return method is not None and not (method.client_streaming or method.server_streaming)


def streams_answers(path: str) -> bool:
    """Whether one message is answered by a stream of them; also where nothing is known."""
    method = KNOWN_METHODS.get(path.removeprefix("/"))
    return method is None or (method.server_streaming and not method.client_streaming)
