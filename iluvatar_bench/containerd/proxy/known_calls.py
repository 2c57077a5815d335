"""What is known of the messages of containerd's calls that concern a container's life.

Both functions take serialized messages, as a proxy passes them on, and answer plain values that
JSON can hold. They never raise: messages that cannot be read, and methods that are not known,
give an empty dict. A name is there only if its field was set, save where a docstring says so.

Of a spec only the cgroup path and the namespaces are read; never its environment, its arguments
or its mounts, which hold secrets. Of labels only containerd's own (``containerd.io/…``), which
are those that the collector and the snapshotters read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from google.protobuf.message import Message

from iluvatar_bench.containerd._api import (
    containers_pb2,
    content_pb2,
    cri_pb2,
    diff_pb2,
    images_pb2,
    leases_pb2,
    namespaces_pb2,
    snapshots_pb2,
    tasks_pb2,
)
from iluvatar_bench.containerd.proxy import message_readers as readers
from iluvatar_bench.containerd.proxy.message_readers import Known

Reader = Callable[[Any], Known]


def read_request(method: str, messages: Sequence[bytes]) -> dict[str, Any]:
    """What is known of a request; ``method`` is ``service/method`` in full.

    Of a stream of messages (``Content/Write``) the first and the last are read: pass all of
    them, or these two.
    """
    if method == _WRITE:
        return readers.content_write(messages)
    return _read(_REQUESTS.get(method), messages)


def read_answer(method: str, messages: Sequence[bytes]) -> dict[str, Any]:
    """What is known of an answer; of a stream of messages, of its last."""
    return _read(_ANSWERS.get(method), messages)


def _read(known: tuple[type[Message], Reader] | None, messages: Sequence[bytes]) -> Known:
    if known is None or not messages:
        return {}
    message_type, reader = known
    message = readers.parsed(message_type, messages[-1])
    return {} if message is None else reader(message)


def _table(
    rows: Iterable[tuple[str, type[Message], Reader]],
) -> dict[str, tuple[type[Message], Reader]]:
    """Rows of ``service/method`` without the common part of the service's name."""
    return {f"containerd.services.{name}": (message, reader) for name, message, reader in rows}


_WRITE = "containerd.services.content.v1.Content/Write"
_CONTAINERS = "containers.v1.Containers"
_CONTENT = "content.v1.Content"
_IMAGES = "images.v1.Images"
_LEASES = "leases.v1.Leases"
_NAMESPACES = "namespaces.v1.Namespaces"
_SNAPSHOTS = "snapshots.v1.Snapshots"
_TASKS = "tasks.v1.Tasks"

_PODS = "runtime.v1.RuntimeService"
"""The CRI plugin's service, of which containerd's own calls are not seen."""

_REQUESTS = _table(
    (
        (
            f"{_CONTAINERS}/Create",
            containers_pb2.CreateContainerRequest,
            lambda r: readers.container_record(r.container),
        ),
        (f"{_CONTAINERS}/Update", containers_pb2.UpdateContainerRequest, readers.container_update),
        (f"{_CONTAINERS}/Delete", containers_pb2.DeleteContainerRequest, lambda r: {"id": r.id}),
        (f"{_CONTAINERS}/Get", containers_pb2.GetContainerRequest, lambda r: {"id": r.id}),
        (f"{_SNAPSHOTS}/Prepare", snapshots_pb2.PrepareSnapshotRequest, readers.new_snapshot),
        (f"{_SNAPSHOTS}/View", snapshots_pb2.ViewSnapshotRequest, readers.new_snapshot),
        (f"{_SNAPSHOTS}/Commit", snapshots_pb2.CommitSnapshotRequest, readers.commit),
        (f"{_SNAPSHOTS}/Remove", snapshots_pb2.RemoveSnapshotRequest, readers.snapshot),
        (f"{_SNAPSHOTS}/Stat", snapshots_pb2.StatSnapshotRequest, readers.snapshot),
        (f"{_SNAPSHOTS}/Mounts", snapshots_pb2.MountsRequest, readers.snapshot),
        (f"{_SNAPSHOTS}/Update", snapshots_pb2.UpdateSnapshotRequest, readers.snapshot_update),
        (f"{_TASKS}/Create", tasks_pb2.CreateTaskRequest, readers.task_create),
        (f"{_TASKS}/Start", tasks_pb2.StartRequest, readers.process),
        (f"{_TASKS}/Kill", tasks_pb2.KillRequest, readers.kill),
        (f"{_TASKS}/Delete", tasks_pb2.DeleteTaskRequest, readers.process),
        (f"{_TASKS}/DeleteProcess", tasks_pb2.DeleteProcessRequest, readers.process),
        (f"{_TASKS}/Wait", tasks_pb2.WaitRequest, readers.process),
        (f"{_TASKS}/Get", tasks_pb2.GetRequest, readers.process),
        (f"{_TASKS}/Exec", tasks_pb2.ExecProcessRequest, readers.process),
        (f"{_TASKS}/ListPids", tasks_pb2.ListPidsRequest, readers.process),
        (f"{_TASKS}/Pause", tasks_pb2.PauseTaskRequest, readers.process),
        (f"{_TASKS}/Resume", tasks_pb2.ResumeTaskRequest, readers.process),
        (f"{_TASKS}/Update", tasks_pb2.UpdateTaskRequest, readers.process),
        (f"{_TASKS}/Checkpoint", tasks_pb2.CheckpointTaskRequest, readers.process),
        (f"{_TASKS}/CloseIO", tasks_pb2.CloseIORequest, readers.process),
        (f"{_TASKS}/ResizePty", tasks_pb2.ResizePtyRequest, readers.process),
        (f"{_LEASES}/Create", leases_pb2.CreateRequest, readers.lease),
        (
            f"{_LEASES}/Delete",
            leases_pb2.DeleteRequest,
            lambda r: {"id": r.id, **readers.set_fields(sync=r.sync)},
        ),
        (f"{_LEASES}/AddResource", leases_pb2.AddResourceRequest, readers.lease_resource),
        (f"{_LEASES}/DeleteResource", leases_pb2.DeleteResourceRequest, readers.lease_resource),
        (f"{_CONTENT}/Info", content_pb2.InfoRequest, lambda r: {"digest": r.digest}),
        (f"{_CONTENT}/Read", content_pb2.ReadContentRequest, lambda r: {"digest": r.digest}),
        (f"{_CONTENT}/Delete", content_pb2.DeleteContentRequest, lambda r: {"digest": r.digest}),
        (f"{_CONTENT}/Abort", content_pb2.AbortRequest, lambda r: {"ref": r.ref}),
        (
            f"{_CONTENT}/Update",
            content_pb2.UpdateRequest,
            lambda r: {**readers.content_info(r.info), "fields": list(r.update_mask.paths)},
        ),
        (f"{_IMAGES}/Create", images_pb2.CreateImageRequest, lambda r: readers.image(r.image)),
        (f"{_IMAGES}/Update", images_pb2.UpdateImageRequest, readers.image_update),
        (f"{_IMAGES}/Get", images_pb2.GetImageRequest, lambda r: {"name": r.name}),
        (
            f"{_IMAGES}/Delete",
            images_pb2.DeleteImageRequest,
            lambda r: {"name": r.name, **readers.set_fields(sync=r.sync)},
        ),
        ("diff.v1.Diff/Apply", diff_pb2.ApplyRequest, readers.apply_layer),
        (
            f"{_NAMESPACES}/Create",
            namespaces_pb2.CreateNamespaceRequest,
            lambda r: {"name": r.namespace.name},
        ),
        (
            f"{_NAMESPACES}/Delete",
            namespaces_pb2.DeleteNamespaceRequest,
            lambda r: {"name": r.name},
        ),
    )
) | {
    f"{_PODS}/RunPodSandbox": (
        cri_pb2.RunPodSandboxRequest,
        lambda r: readers.set_fields(name=r.config.metadata.name),
    ),
    f"{_PODS}/StopPodSandbox": (cri_pb2.StopPodSandboxRequest, readers.pod),
    f"{_PODS}/RemovePodSandbox": (cri_pb2.RemovePodSandboxRequest, readers.pod),
    f"{_PODS}/CreateContainer": (
        cri_pb2.CreateContainerRequest,
        lambda r: {**readers.pod(r), **readers.set_fields(name=r.config.metadata.name)},
    ),
    f"{_PODS}/StartContainer": (cri_pb2.StartContainerRequest, readers.pod_container),
    f"{_PODS}/StopContainer": (cri_pb2.StopContainerRequest, readers.pod_container),
    f"{_PODS}/RemoveContainer": (cri_pb2.RemoveContainerRequest, readers.pod_container),
    f"{_PODS}/ContainerStatus": (cri_pb2.ContainerStatusRequest, readers.pod_container),
}

_ANSWERS = _table(
    (
        (
            f"{_CONTAINERS}/Get",
            containers_pb2.GetContainerResponse,
            lambda r: readers.container_record(r.container),
        ),
        (
            f"{_CONTAINERS}/Update",
            containers_pb2.UpdateContainerResponse,
            lambda r: readers.container_record(r.container),
        ),
        (f"{_SNAPSHOTS}/Prepare", snapshots_pb2.PrepareSnapshotResponse, readers.mounts_answer),
        (f"{_SNAPSHOTS}/View", snapshots_pb2.ViewSnapshotResponse, readers.mounts_answer),
        (f"{_SNAPSHOTS}/Mounts", snapshots_pb2.MountsResponse, readers.mounts_answer),
        (
            f"{_SNAPSHOTS}/Stat",
            snapshots_pb2.StatSnapshotResponse,
            lambda r: readers.snapshot_info(r.info),
        ),
        (f"{_TASKS}/Create", tasks_pb2.CreateTaskResponse, lambda r: readers.set_fields(pid=r.pid)),
        (f"{_TASKS}/Start", tasks_pb2.StartResponse, lambda r: readers.set_fields(pid=r.pid)),
        (f"{_TASKS}/Delete", tasks_pb2.DeleteResponse, readers.exited),
        (f"{_TASKS}/DeleteProcess", tasks_pb2.DeleteResponse, readers.exited),
        (f"{_TASKS}/Wait", tasks_pb2.WaitResponse, readers.exited),
        (f"{_TASKS}/Get", tasks_pb2.GetResponse, readers.task),
        (
            f"{_TASKS}/ListPids",
            tasks_pb2.ListPidsResponse,
            lambda r: {"pids": [process.pid for process in r.processes]},
        ),
        (f"{_LEASES}/Create", leases_pb2.CreateResponse, readers.created_lease),
        (f"{_CONTENT}/Info", content_pb2.InfoResponse, lambda r: readers.content_info(r.info)),
        (f"{_CONTENT}/Update", content_pb2.UpdateResponse, lambda r: readers.content_info(r.info)),
        (
            f"{_CONTENT}/Write",
            content_pb2.WriteContentResponse,
            lambda r: {
                "action": readers.write_action(r.action),
                **readers.set_fields(digest=r.digest, offset=r.offset),
            },
        ),
        (f"{_IMAGES}/Create", images_pb2.CreateImageResponse, lambda r: readers.image(r.image)),
        (f"{_IMAGES}/Update", images_pb2.UpdateImageResponse, lambda r: readers.image(r.image)),
        (f"{_IMAGES}/Get", images_pb2.GetImageResponse, lambda r: readers.image(r.image)),
        ("diff.v1.Diff/Apply", diff_pb2.ApplyResponse, lambda r: {"digest": r.applied.digest}),
    )
) | {
    f"{_PODS}/RunPodSandbox": (cri_pb2.RunPodSandboxResponse, readers.pod),
    f"{_PODS}/CreateContainer": (cri_pb2.CreateContainerResponse, readers.pod_container),
}
