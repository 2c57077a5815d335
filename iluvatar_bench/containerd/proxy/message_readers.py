"""Readers of containerd's messages: what of one message is known, as plain values.

Each takes a parsed message of the type that its annotation names. A name is there only if its
field was set, save where a docstring says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import DecodeError, Message
from google.protobuf.timestamp_pb2 import Timestamp
from pydantic_core import from_json

from iluvatar_bench.containerd._api import (
    containers_pb2,
    content_pb2,
    cri_pb2,
    diff_pb2,
    images_pb2,
    leases_pb2,
    runc_options_pb2,
    snapshots_pb2,
    task_types_pb2,
    tasks_pb2,
    types_pb2,
)

Known = dict[str, Any]

_MOUNT_PATHS = ("upperdir", "workdir")
_SPEC_BYTES = 4 * 2**20
"""A spec above this is not read: containerd's own clients write some 10 KiB."""


def parsed(message_type: type[Message], data: bytes) -> Any:
    """The message, None where the bytes are not one."""
    try:
        return message_type.FromString(data)
    except DecodeError:
        return None


def set_fields(**values: Any) -> Known:
    """The values that say something: proto3 does not tell an empty field from a missing one."""
    return {
        name: value for name, value in values.items() if value not in ("", 0, None, [], {}, False)
    }


def _labels(labels: Mapping[str, str]) -> dict[str, str]:
    return {key: labels[key] for key in sorted(labels) if key.startswith("containerd.io/")}


def mounts(listed: Iterable[types_pb2.Mount]) -> list[Known]:
    """Mounts with the paths of an overlay's options; other options may hold secrets."""
    return [_mount(mount) for mount in listed]


def _mount(mount: types_pb2.Mount) -> Known:
    options = dict(option.partition("=")[::2] for option in mount.options)
    paths = {name: options[name] for name in _MOUNT_PATHS if name in options}
    lower = options.get("lowerdir", "")
    return {
        **set_fields(type=mount.type, source=mount.source, target=mount.target),
        **paths,
        **set_fields(lowerdir=lower.split(":") if lower else [], read_only="ro" in options),
    }


def container_record(container: containers_pb2.Container) -> Known:
    """A record. ``snapshot_key`` is always there: an empty one is a finding."""
    return {
        "id": container.id,
        "snapshot_key": container.snapshot_key,
        **set_fields(
            image=container.image,
            snapshotter=container.snapshotter,
            runtime=container.runtime.name,
            systemd_cgroup=_systemd_cgroup(container.runtime.options),
            labels=_labels(container.labels),
        ),
        **_spec(container.spec),
    }


def _systemd_cgroup(options: AnyMessage) -> bool:
    if options.type_url.rpartition("/")[2] != "containerd.runc.v1.Options":
        return False
    runc = parsed(runc_options_pb2.Options, options.value)
    return runc is not None and bool(runc.systemd_cgroup)


def _spec(spec: AnyMessage) -> Known:
    """``cgroups_path`` and ``namespaces`` (type → path, "" for a new one) of a readable spec."""
    if not spec.value or len(spec.value) > _SPEC_BYTES:
        return {}
    try:
        linux = from_json(spec.value)["linux"]
        path = linux.get("cgroupsPath", "")
        namespaces = {
            str(each["type"]): str(each.get("path") or "") for each in linux.get("namespaces") or ()
        }
    except (ValueError, TypeError, KeyError, AttributeError):
        return {}
    return {"cgroups_path": path if isinstance(path, str) else "", "namespaces": namespaces}


def container_update(request: containers_pb2.UpdateContainerRequest) -> Known:
    """A record and the names of its changed fields; none means all."""
    return {**container_record(request.container), "fields": list(request.update_mask.paths)}


def new_snapshot(request: Any) -> Known:
    """A Prepare's or a View's request; both names are always there."""
    return {
        "snapshotter": request.snapshotter,
        "key": request.key,
        **set_fields(parent=request.parent, labels=_labels(request.labels)),
    }


def commit(request: snapshots_pb2.CommitSnapshotRequest) -> Known:
    """A Commit's request: ``key`` becomes ``name``."""
    return {
        "snapshotter": request.snapshotter,
        "key": request.key,
        "name": request.name,
        **set_fields(labels=_labels(request.labels)),
    }


def snapshot(request: Any) -> Known:
    """The snapshot that a request names."""
    return {"snapshotter": request.snapshotter, "key": request.key}


def snapshot_info(info: snapshots_pb2.Info) -> Known:
    """What is stored of a snapshot; ``kind`` is ACTIVE, VIEW or COMMITTED."""
    return {
        "key": info.name,
        **set_fields(parent=info.parent, labels=_labels(info.labels)),
        "kind": snapshots_pb2.Kind.Name(info.kind) if info.kind in range(4) else str(info.kind),
    }


def snapshot_update(request: snapshots_pb2.UpdateSnapshotRequest) -> Known:
    """An Update's request; of ``fields``, none means all."""
    return {
        "snapshotter": request.snapshotter,
        **snapshot_info(request.info),
        "fields": list(request.update_mask.paths),
    }


def mounts_answer(answer: Any) -> Known:
    """The mounts of an answer."""
    return {"mounts": mounts(answer.mounts)}


def task_create(request: tasks_pb2.CreateTaskRequest) -> Known:
    """A task's container and its root filesystem's mounts."""
    return {"container_id": request.container_id, "rootfs": mounts(request.rootfs)}


def process(request: Any) -> Known:
    """A task (no ``exec_id``) or a process in it."""
    return {
        "container_id": request.container_id,
        **set_fields(exec_id=getattr(request, "exec_id", "")),
    }


def kill(request: tasks_pb2.KillRequest) -> Known:
    """``all`` is always there."""
    return {**process(request), "signal": request.signal, "all": request.all}


def exited(answer: Any) -> Known:
    """How a process ended."""
    return {**set_fields(pid=getattr(answer, "pid", 0)), "exit_status": answer.exit_status}


def task(answer: tasks_pb2.GetResponse) -> Known:
    """A process as Tasks.Get shows it."""
    process = answer.process
    known = process.status in task_types_pb2.Status.values()
    status = task_types_pb2.Status.Name(process.status) if known else str(process.status)
    return {
        "container_id": process.container_id or process.id,
        **set_fields(pid=process.pid, exit_status=process.exit_status),
        "status": status,
    }


def lease(message: Any) -> Known:
    """A lease, of a request or an answer."""
    return {"id": message.id, **set_fields(labels=_labels(message.labels))}


def created_lease(answer: leases_pb2.CreateResponse) -> Known:
    """The lease that was made; ``created_at_ns`` by containerd's clock, since the epoch."""
    made = answer.lease
    return {**lease(made), **set_fields(created_at_ns=_nanoseconds(made.created_at))}


def _nanoseconds(moment: Timestamp) -> int:
    return moment.seconds * 10**9 + moment.nanos


def lease_resource(request: Any) -> Known:
    """What is put under a lease, or taken from it."""
    resource = request.resource
    return {"id": request.id, "resource": {"id": resource.id, "type": resource.type}}


def content_info(info: content_pb2.Info) -> Known:
    """What is stored of a blob."""
    return {"digest": info.digest, **set_fields(size=info.size, labels=_labels(info.labels))}


def content_write(messages: Sequence[bytes]) -> Known:
    """``ref`` of the first message; digest, labels and action of the last (which commits)."""
    if not messages:
        return {}
    first = parsed(content_pb2.WriteContentRequest, messages[0])
    last = parsed(content_pb2.WriteContentRequest, messages[-1])
    if first is None or last is None:
        return {}
    return {
        "ref": first.ref or last.ref,
        **set_fields(
            expected=last.expected or first.expected,
            total=last.total or first.total,
            labels=_labels(last.labels),
        ),
        "first_action": write_action(first.action),
        "last_action": write_action(last.action),
    }


def write_action(action: int) -> str:
    """STAT, WRITE or COMMIT; a number where it is none of them."""
    known = action in content_pb2.WriteAction.values()
    return content_pb2.WriteAction.Name(action) if known else str(action)


def image(record: images_pb2.Image) -> Known:
    """An image; ``target`` is its digest."""
    return {
        "name": record.name,
        "target": record.target.digest,
        **set_fields(media_type=record.target.media_type, labels=_labels(record.labels)),
    }


def image_update(request: images_pb2.UpdateImageRequest) -> Known:
    """An Update's request; of ``fields``, none means all."""
    return {**image(request.image), "fields": list(request.update_mask.paths)}


def apply_layer(request: diff_pb2.ApplyRequest) -> Known:
    """An Apply's request: the layer, and the mounts it is unpacked into."""
    return {
        "digest": request.diff.digest,
        **set_fields(media_type=request.diff.media_type),
        "mounts": mounts(request.mounts),
    }


def pod(
    message: cri_pb2.StopPodSandboxRequest
    | cri_pb2.RemovePodSandboxRequest
    | cri_pb2.CreateContainerRequest
    | cri_pb2.RunPodSandboxResponse,
) -> Known:
    """The sandbox that a request of the CRI, or the answer to its making, is about."""
    return set_fields(pod_sandbox_id=message.pod_sandbox_id)


def pod_container(
    message: cri_pb2.StartContainerRequest
    | cri_pb2.StopContainerRequest
    | cri_pb2.RemoveContainerRequest
    | cri_pb2.ContainerStatusRequest
    | cri_pb2.CreateContainerResponse,
) -> Known:
    """The same, about a container."""
    return set_fields(container_id=message.container_id)
