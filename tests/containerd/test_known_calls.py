"""What a proxy reads of containerd's messages: against real serialized messages, and rubbish."""

from __future__ import annotations

import json
from typing import Any

import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st

from iluvatar_bench.containerd._api import (
    containers_pb2,
    content_pb2,
    diff_pb2,
    images_pb2,
    leases_pb2,
    namespaces_pb2,
    runc_options_pb2,
    snapshots_pb2,
    task_types_pb2,
    tasks_pb2,
    types_pb2,
)
from iluvatar_bench.containerd.proxy.known_calls import read_answer, read_request

CONTAINERS = "containerd.services.containers.v1.Containers"
SNAPSHOTS = "containerd.services.snapshots.v1.Snapshots"
TASKS = "containerd.services.tasks.v1.Tasks"
LEASES = "containerd.services.leases.v1.Leases"
CONTENT = "containerd.services.content.v1.Content"
IMAGES = "containerd.services.images.v1.Images"
DIFF = "containerd.services.diff.v1.Diff"
NAMESPACES = "containerd.services.namespaces.v1.Namespaces"

SPEC = {
    "process": {"env": ["TOKEN=hunter2"], "args": ["sh", "--password=hunter2"]},
    "mounts": [{"source": "/secret", "options": ["password=hunter2"]}],
    "hooks": {"prestart": [{"path": "/x", "env": ["A=hunter2"]}]},
    "annotations": {"note": "hunter2"},
    "linux": {
        "cgroupsPath": "/pods/c1",
        "namespaces": [{"type": "pid"}, {"type": "network", "path": "/run/netns/n"}],
    },
}


def _spec(spec: object) -> AnyMessage:
    return AnyMessage(type_url="types.containerd.io/spec", value=json.dumps(spec).encode())


def _record(**fields: Any) -> containers_pb2.Container:
    options = AnyMessage()
    options.Pack(runc_options_pb2.Options(systemd_cgroup=True))
    return containers_pb2.Container(
        id="c1",
        image="img",
        snapshotter="overlayfs",
        snapshot_key="k1",
        labels={"containerd.io/gc.ref.content": "sha256:a", "password": "hunter2"},
        runtime=containers_pb2.Container.Runtime(name="io.containerd.runc.v2", options=options),
        **fields,
    )


RECORD = {
    "id": "c1",
    "image": "img",
    "snapshotter": "overlayfs",
    "snapshot_key": "k1",
    "labels": {"containerd.io/gc.ref.content": "sha256:a"},
    "runtime": "io.containerd.runc.v2",
    "systemd_cgroup": True,
    "cgroups_path": "/pods/c1",
    "namespaces": {"pid": "", "network": "/run/netns/n"},
}
OVERLAY = types_pb2.Mount(
    type="overlay",
    source="overlay",
    options=["workdir=/s/9/work", "upperdir=/s/9/fs", "lowerdir=/s/2/fs:/s/1/fs", "context=x"],
)
OVERLAY_READ = {
    "type": "overlay",
    "source": "overlay",
    "upperdir": "/s/9/fs",
    "workdir": "/s/9/work",
    "lowerdir": ["/s/2/fs", "/s/1/fs"],
}
BIND = types_pb2.Mount(type="bind", source="/s/3/fs", options=["ro", "rbind"])
BIND_READ = {"type": "bind", "source": "/s/3/fs", "read_only": True}
SNAPSHOT = {"snapshotter": "overlayfs", "key": "k1"}
GC_ROOT = {"containerd.io/gc.root": "now"}


def _snapshot_info() -> snapshots_pb2.Info:
    return snapshots_pb2.Info(
        name="k1", parent="p", kind=snapshots_pb2.COMMITTED, labels={**GC_ROOT, "other": "x"}
    )


SNAPSHOT_INFO = {"key": "k1", "parent": "p", "kind": "COMMITTED", "labels": GC_ROOT}
IMAGE_MESSAGE = images_pb2.Image(
    name="img", target=types_pb2.Descriptor(digest="sha256:m", media_type="m/t"), labels=GC_ROOT
)
IMAGE = {"name": "img", "target": "sha256:m", "media_type": "m/t", "labels": GC_ROOT}
RESOURCE = leases_pb2.Resource(id="k1", type="snapshots/overlayfs")
LEASED = {"id": "l1", "resource": {"id": "k1", "type": "snapshots/overlayfs"}}
EXPIRY = {"containerd.io/gc.expire": "2026-01-01T00:00:00Z"}
INFO = {"digest": "sha256:b", "size": 3, "labels": GC_ROOT}

REQUESTS: list[tuple[str, Message, dict[str, Any]]] = [
    (
        f"{CONTAINERS}/Create",
        containers_pb2.CreateContainerRequest(container=_record(spec=_spec(SPEC))),
        RECORD,
    ),
    (
        f"{CONTAINERS}/Update",
        containers_pb2.UpdateContainerRequest(
            container=_record(spec=_spec(SPEC)), update_mask={"paths": ["snapshot_key"]}
        ),
        {**RECORD, "fields": ["snapshot_key"]},
    ),
    (f"{CONTAINERS}/Delete", containers_pb2.DeleteContainerRequest(id="c1"), {"id": "c1"}),
    (f"{CONTAINERS}/Get", containers_pb2.GetContainerRequest(id="c1"), {"id": "c1"}),
    (
        f"{SNAPSHOTS}/Prepare",
        snapshots_pb2.PrepareSnapshotRequest(
            snapshotter="overlayfs", key="k1", parent="p", labels={**GC_ROOT, "a": "b"}
        ),
        {**SNAPSHOT, "parent": "p", "labels": GC_ROOT},
    ),
    (
        f"{SNAPSHOTS}/View",
        snapshots_pb2.ViewSnapshotRequest(snapshotter="overlayfs", key="k1"),
        SNAPSHOT,
    ),
    (
        f"{SNAPSHOTS}/Commit",
        snapshots_pb2.CommitSnapshotRequest(snapshotter="overlayfs", key="k1", name="n"),
        {**SNAPSHOT, "name": "n"},
    ),
    (
        f"{SNAPSHOTS}/Remove",
        snapshots_pb2.RemoveSnapshotRequest(snapshotter="overlayfs", key="k1"),
        SNAPSHOT,
    ),
    (
        f"{SNAPSHOTS}/Stat",
        snapshots_pb2.StatSnapshotRequest(snapshotter="overlayfs", key="k1"),
        SNAPSHOT,
    ),
    (
        f"{SNAPSHOTS}/Mounts",
        snapshots_pb2.MountsRequest(snapshotter="overlayfs", key="k1"),
        SNAPSHOT,
    ),
    (
        f"{SNAPSHOTS}/Update",
        snapshots_pb2.UpdateSnapshotRequest(
            snapshotter="overlayfs", info=_snapshot_info(), update_mask={"paths": ["labels"]}
        ),
        {"snapshotter": "overlayfs", **SNAPSHOT_INFO, "fields": ["labels"]},
    ),
    (
        f"{TASKS}/Create",
        tasks_pb2.CreateTaskRequest(container_id="c1", rootfs=[OVERLAY, BIND], stdout="/fifo"),
        {"container_id": "c1", "rootfs": [OVERLAY_READ, BIND_READ]},
    ),
    (f"{TASKS}/Start", tasks_pb2.StartRequest(container_id="c1"), {"container_id": "c1"}),
    (
        f"{TASKS}/Kill",
        tasks_pb2.KillRequest(container_id="c1", signal=9, all=True),
        {"container_id": "c1", "signal": 9, "all": True},
    ),
    (
        f"{TASKS}/Kill",
        tasks_pb2.KillRequest(container_id="c1", exec_id="e", signal=15),
        {"container_id": "c1", "exec_id": "e", "signal": 15, "all": False},
    ),
    (f"{TASKS}/Delete", tasks_pb2.DeleteTaskRequest(container_id="c1"), {"container_id": "c1"}),
    (
        f"{TASKS}/DeleteProcess",
        tasks_pb2.DeleteProcessRequest(container_id="c1", exec_id="e"),
        {"container_id": "c1", "exec_id": "e"},
    ),
    (f"{TASKS}/Wait", tasks_pb2.WaitRequest(container_id="c1"), {"container_id": "c1"}),
    (f"{TASKS}/Get", tasks_pb2.GetRequest(container_id="c1"), {"container_id": "c1"}),
    (
        f"{TASKS}/Exec",
        tasks_pb2.ExecProcessRequest(container_id="c1", exec_id="e", spec=_spec(SPEC)),
        {"container_id": "c1", "exec_id": "e"},
    ),
    (f"{TASKS}/ListPids", tasks_pb2.ListPidsRequest(container_id="c1"), {"container_id": "c1"}),
    (f"{TASKS}/Pause", tasks_pb2.PauseTaskRequest(container_id="c1"), {"container_id": "c1"}),
    (f"{TASKS}/Resume", tasks_pb2.ResumeTaskRequest(container_id="c1"), {"container_id": "c1"}),
    (f"{TASKS}/Update", tasks_pb2.UpdateTaskRequest(container_id="c1"), {"container_id": "c1"}),
    (
        f"{TASKS}/Checkpoint",
        tasks_pb2.CheckpointTaskRequest(container_id="c1"),
        {"container_id": "c1"},
    ),
    (
        f"{TASKS}/CloseIO",
        tasks_pb2.CloseIORequest(container_id="c1", exec_id="e", stdin=True),
        {"container_id": "c1", "exec_id": "e"},
    ),
    (f"{TASKS}/ResizePty", tasks_pb2.ResizePtyRequest(container_id="c1"), {"container_id": "c1"}),
    (
        f"{LEASES}/Create",
        leases_pb2.CreateRequest(id="l1", labels={**EXPIRY, "x": "y"}),
        {"id": "l1", "labels": EXPIRY},
    ),
    (f"{LEASES}/Delete", leases_pb2.DeleteRequest(id="l1", sync=True), {"id": "l1", "sync": True}),
    (
        f"{LEASES}/AddResource",
        leases_pb2.AddResourceRequest(id="l1", resource=RESOURCE),
        LEASED,
    ),
    (
        f"{LEASES}/DeleteResource",
        leases_pb2.DeleteResourceRequest(id="l1", resource=RESOURCE),
        LEASED,
    ),
    (f"{CONTENT}/Info", content_pb2.InfoRequest(digest="sha256:b"), {"digest": "sha256:b"}),
    (f"{CONTENT}/Read", content_pb2.ReadContentRequest(digest="sha256:b"), {"digest": "sha256:b"}),
    (
        f"{CONTENT}/Delete",
        content_pb2.DeleteContentRequest(digest="sha256:b"),
        {"digest": "sha256:b"},
    ),
    (f"{CONTENT}/Abort", content_pb2.AbortRequest(ref="r"), {"ref": "r"}),
    (
        f"{CONTENT}/Update",
        content_pb2.UpdateRequest(
            info=content_pb2.Info(digest="sha256:b", size=3, labels=GC_ROOT),
            update_mask={"paths": ["labels.a"]},
        ),
        {**INFO, "fields": ["labels.a"]},
    ),
    (f"{IMAGES}/Create", images_pb2.CreateImageRequest(image=IMAGE_MESSAGE), IMAGE),
    (
        f"{IMAGES}/Update",
        images_pb2.UpdateImageRequest(image=IMAGE_MESSAGE),
        {**IMAGE, "fields": []},
    ),
    (f"{IMAGES}/Get", images_pb2.GetImageRequest(name="img"), {"name": "img"}),
    (
        f"{IMAGES}/Delete",
        images_pb2.DeleteImageRequest(name="img", sync=True),
        {"name": "img", "sync": True},
    ),
    (
        f"{DIFF}/Apply",
        diff_pb2.ApplyRequest(
            diff=types_pb2.Descriptor(digest="sha256:l", media_type="m"), mounts=[OVERLAY]
        ),
        {"digest": "sha256:l", "media_type": "m", "mounts": [OVERLAY_READ]},
    ),
    (
        f"{NAMESPACES}/Create",
        namespaces_pb2.CreateNamespaceRequest(namespace=namespaces_pb2.Namespace(name="ns")),
        {"name": "ns"},
    ),
    (f"{NAMESPACES}/Delete", namespaces_pb2.DeleteNamespaceRequest(name="ns"), {"name": "ns"}),
]

ANSWERS: list[tuple[str, Message, dict[str, Any]]] = [
    (
        f"{CONTAINERS}/Get",
        containers_pb2.GetContainerResponse(container=_record(spec=_spec(SPEC))),
        RECORD,
    ),
    (
        f"{SNAPSHOTS}/Prepare",
        snapshots_pb2.PrepareSnapshotResponse(mounts=[OVERLAY]),
        {"mounts": [OVERLAY_READ]},
    ),
    (
        f"{SNAPSHOTS}/View",
        snapshots_pb2.ViewSnapshotResponse(mounts=[BIND]),
        {"mounts": [BIND_READ]},
    ),
    (f"{SNAPSHOTS}/Mounts", snapshots_pb2.MountsResponse(), {"mounts": []}),
    (
        f"{SNAPSHOTS}/Stat",
        snapshots_pb2.StatSnapshotResponse(info=_snapshot_info()),
        SNAPSHOT_INFO,
    ),
    (f"{TASKS}/Create", tasks_pb2.CreateTaskResponse(container_id="c1", pid=7), {"pid": 7}),
    (f"{TASKS}/Start", tasks_pb2.StartResponse(pid=7), {"pid": 7}),
    (f"{TASKS}/Delete", tasks_pb2.DeleteResponse(pid=7), {"pid": 7, "exit_status": 0}),
    (f"{TASKS}/Wait", tasks_pb2.WaitResponse(exit_status=137), {"exit_status": 137}),
    (
        f"{TASKS}/Get",
        tasks_pb2.GetResponse(
            process=task_types_pb2.Process(id="c1", pid=7, status=task_types_pb2.RUNNING)
        ),
        {"container_id": "c1", "pid": 7, "status": "RUNNING"},
    ),
    (
        f"{TASKS}/ListPids",
        tasks_pb2.ListPidsResponse(processes=[task_types_pb2.ProcessInfo(pid=7)]),
        {"pids": [7]},
    ),
    (
        f"{LEASES}/Create",
        leases_pb2.CreateResponse(
            lease=leases_pb2.Lease(id="made", labels=EXPIRY, created_at={"seconds": 5, "nanos": 7})
        ),
        {"id": "made", "labels": EXPIRY, "created_at_ns": 5_000_000_007},
    ),
    (
        f"{CONTENT}/Info",
        content_pb2.InfoResponse(
            info=content_pb2.Info(digest="sha256:b", size=3, labels={**GC_ROOT, "x": "y"})
        ),
        INFO,
    ),
    (
        f"{CONTENT}/Write",
        content_pb2.WriteContentResponse(action=content_pb2.COMMIT, digest="sha256:b", offset=3),
        {"action": "COMMIT", "digest": "sha256:b", "offset": 3},
    ),
    (f"{IMAGES}/Get", images_pb2.GetImageResponse(image=IMAGE_MESSAGE), IMAGE),
    (
        f"{DIFF}/Apply",
        diff_pb2.ApplyResponse(applied=types_pb2.Descriptor(digest="sha256:d")),
        {"digest": "sha256:d"},
    ),
]


@pytest.mark.parametrize(("method", "message", "known"), REQUESTS, ids=lambda v: str(v)[:60])
def test_a_request_is_read(method: str, message: Message, known: dict[str, Any]) -> None:
    read = read_request(method, [message.SerializeToString()])
    assert read == known
    assert json.loads(json.dumps(read)) == known


@pytest.mark.parametrize(("method", "message", "known"), ANSWERS, ids=lambda v: str(v)[:60])
def test_an_answer_is_read(method: str, message: Message, known: dict[str, Any]) -> None:
    read = read_answer(method, [message.SerializeToString()])
    assert read == known
    assert json.loads(json.dumps(read)) == known


def test_a_write_is_read_from_its_first_and_last_message() -> None:
    messages = [
        content_pb2.WriteContentRequest(action=content_pb2.WRITE, ref="r", total=9, data=b"abc"),
        content_pb2.WriteContentRequest(action=content_pb2.WRITE, offset=3, data=b"abc"),
        content_pb2.WriteContentRequest(
            action=content_pb2.COMMIT, expected="sha256:b", labels={**GC_ROOT, "x": "y"}
        ),
    ]
    assert read_request(f"{CONTENT}/Write", [m.SerializeToString() for m in messages]) == {
        "ref": "r",
        "expected": "sha256:b",
        "total": 9,
        "labels": GC_ROOT,
        "first_action": "WRITE",
        "last_action": "COMMIT",
    }


def test_no_secret_of_any_message_is_kept() -> None:
    kept = [
        reader(method, [message.SerializeToString()])
        for reader, rows in ((read_request, REQUESTS), (read_answer, ANSWERS))
        for method, message, _ in rows
    ]
    assert "c1" in json.dumps(kept)
    assert "hunter2" not in json.dumps(kept)


@pytest.mark.parametrize(
    ("spec", "known"),
    [
        ({"linux": {}}, {"cgroups_path": "", "namespaces": {}}),
        ({"linux": {"cgroupsPath": "a/b"}}, {"cgroups_path": "a/b", "namespaces": {}}),
        ({"windows": {}}, {}),
        ({"linux": []}, {}),
        ({"linux": {"namespaces": 5}}, {}),
        ([], {}),
    ],
)
def test_the_spec_of_a_record(spec: object, known: dict[str, Any]) -> None:
    message = containers_pb2.CreateContainerRequest(
        container=containers_pb2.Container(id="c", spec=_spec(spec))
    )
    read = read_request(f"{CONTAINERS}/Create", [message.SerializeToString()])
    assert read == {"id": "c", "snapshot_key": "", **known}


@pytest.mark.parametrize("value", [b"\xff", b"[" * 100_000, b'{"linux": ', b"1e999999"])
def test_a_spec_that_is_not_json_leaves_the_rest(value: bytes) -> None:
    message = containers_pb2.CreateContainerRequest(
        container=containers_pb2.Container(id="c", spec=AnyMessage(value=value))
    )
    read = read_request(f"{CONTAINERS}/Create", [message.SerializeToString()])
    assert read == {"id": "c", "snapshot_key": ""}


def test_an_unknown_method_and_no_message_give_nothing() -> None:
    assert read_request("containerd.services.unknown.v1.X/Y", [b"\x0a\x01a"]) == {}
    assert read_request("rubbish", [b""]) == {}
    assert read_request(f"{TASKS}/Kill", []) == {}
    assert read_request(f"{CONTENT}/Write", []) == {}
    assert read_answer(f"{TASKS}/Kill", [b""]) == {}


METHODS = sorted({row[0] for row in (*REQUESTS, *ANSWERS)} | {f"{CONTENT}/Write"})
SERIALIZED = [row[1].SerializeToString() for row in (*REQUESTS, *ANSWERS)]


@given(st.sampled_from(METHODS), st.lists(st.binary(max_size=60), max_size=3))
def test_rubbish_never_raises(method: str, messages: list[bytes]) -> None:
    json.dumps([read_request(method, messages), read_answer(method, messages)])


@given(st.data())
def test_truncated_and_altered_messages_never_raise(data: st.DataObject) -> None:
    whole = data.draw(st.sampled_from(SERIALIZED))
    cut = bytearray(whole[: data.draw(st.integers(0, len(whole)))])
    if cut:
        cut[data.draw(st.integers(0, len(cut) - 1))] = data.draw(st.integers(0, 255))
    method = data.draw(st.sampled_from(METHODS))
    for reader in (read_request, read_answer):
        json.dumps(reader(method, [bytes(cut)]))
        json.dumps(reader(method, [whole, bytes(cut)]))
