"""A client of containerd with eight threads of the operating system, and blocking calls.

    python -m tests.support.threaded_client ID IMAGE

One channel, as such clients have; each thread makes the record, the snapshot and their removal.
They begin each call together, so that eight of a kind are under way at a time and their order
differs from run to run.
"""

from __future__ import annotations

import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage

from iluvatar_bench.containerd._api import (
    containers_pb2,
    containers_pb2_grpc,
    snapshots_pb2,
    snapshots_pb2_grpc,
)

THREADS = 8
SNAPSHOTTER = "overlayfs"
_SECONDS = 60.0


def live(channel: grpc.Channel, together: threading.Barrier, name: str) -> None:
    """One container's record and snapshot, made and removed."""
    metadata = (("containerd-namespace", os.environ["CONTAINERD_NAMESPACE"]),)
    containers = containers_pb2_grpc.ContainersStub(channel)
    snapshots = snapshots_pb2_grpc.SnapshotsStub(channel)
    record = containers_pb2.Container(
        id=name,
        runtime=containers_pb2.Container.Runtime(name="io.containerd.runc.v2"),
        spec=AnyMessage(
            type_url="types.containerd.io/opencontainers/runtime-spec/1/Spec", value=b"{}"
        ),
        snapshotter=SNAPSHOTTER,
        snapshot_key=name,
    )
    key: dict[str, Any] = {"snapshotter": SNAPSHOTTER, "key": name}
    for call, request in (
        (containers.Create, containers_pb2.CreateContainerRequest(container=record)),
        (snapshots.Prepare, snapshots_pb2.PrepareSnapshotRequest(**key)),
        (snapshots.Remove, snapshots_pb2.RemoveSnapshotRequest(**key)),
        (containers.Delete, containers_pb2.DeleteContainerRequest(id=name)),
    ):
        together.wait(_SECONDS)
        try:
            call(request, metadata=metadata, timeout=_SECONDS)
        except grpc.RpcError:
            together.abort()
            raise


def main(name: str) -> None:
    together = threading.Barrier(THREADS)
    address = f"unix:{os.environ['CONTAINERD_ADDRESS']}"
    with grpc.insecure_channel(address) as channel, ThreadPoolExecutor(THREADS) as pool:
        one = partial(live, channel, together)
        list(pool.map(one, [f"{name}-{number}" for number in range(THREADS)]))


if __name__ == "__main__":
    main(sys.argv[1])
