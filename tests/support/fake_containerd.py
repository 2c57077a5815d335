"""A containerd that speaks the real gRPC API over a real socket, and fails as it is told.

For what a real daemon cannot be made to do on demand: lose an answer, answer with any status, start
three hundred containers at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

import grpc
from google.protobuf.empty_pb2 import Empty
from google.protobuf.timestamp_pb2 import Timestamp

from iluvatar_bench.containerd._api import (
    containers_pb2,
    containers_pb2_grpc,
    content_pb2_grpc,
    diff_pb2_grpc,
    event_payloads_pb2,
    events_pb2,
    events_pb2_grpc,
    images_pb2_grpc,
    introspection_pb2,
    introspection_pb2_grpc,
    leases_pb2,
    leases_pb2_grpc,
    namespaces_pb2,
    namespaces_pb2_grpc,
    snapshots_pb2,
    snapshots_pb2_grpc,
    task_types_pb2,
    tasks_pb2,
    tasks_pb2_grpc,
    types_pb2,
    version_pb2,
    version_pb2_grpc,
)
from iluvatar_bench.containerd.transport_words import target
from tests.support.fake_images import FakeContent, FakeDiff, FakeImages
from tests.support.fake_tasks import FakeFurtherTasks

Answers = dict[str, grpc.StatusCode]

Loss = Literal["before", "after"]
"""When an answer is lost: before the call does anything, or after it has done its work."""


@dataclass
class FakeTask:
    """A running task. ``listed`` is False where Tasks.List leaves it out, as a slow shim's.

    ``paused`` is what its shim knows, ``resources`` the last ones that it was updated with,
    ``streams`` where its input, output and errors are.
    """

    pid: int
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    listed: bool = True
    paused: bool = False
    resources: dict[str, Any] = field(default_factory=dict)
    streams: tuple[str, str, str] = ("", "", "")


class FakeContainerd:
    """Keeps records, snapshots and leases; ``answers`` maps a call to the status it fails with.

    ``lost`` maps a call to when its next answer is lost, with status UNAVAILABLE; those after that
    are given. With ``runs_processes`` each task runs until it is killed, and says that it is ready
    once ``starting`` is set.

    ``calls`` lists what was asked, in order, as (call, id, lease); ``specs`` are those of all
    records that were made, ``created_tasks`` the requests for tasks by their container's id.
    """

    def __init__(self) -> None:
        self.answers: Answers = {}
        self.details = "told to fail"
        self.calls: list[tuple[str, str, str]] = []
        self.lost: dict[str, Loss] = {}
        self.runs_processes = False
        self.exited_at = 0
        """When processes have ended, as deleting their tasks says: seconds since the epoch."""
        self.starting = asyncio.Event()
        self.starting.set()
        self.leases: set[str] = set()
        self.snapshots: set[str] = set()
        self.containers: dict[str, Any] = {}
        self.images: list[Any] = []
        self.content: dict[str, bytes] = {}
        self.snapshot_kind: int = snapshots_pb2.ACTIVE
        self.specs: list[bytes] = []
        self.created_tasks: dict[str, Any] = {}
        self.tasks: dict[str, FakeTask] = {}
        """Tasks that run until they are told to end; others ended long ago."""
        self.accepting = asyncio.Event()
        """Unset: a subscription is answered, and hears nothing yet."""
        self.accepting.set()
        self.on_start: Callable[[Any], object] | None = None
        """What a process does as it starts; gets the request that its task was made with."""
        self.stop: Callable[[], Awaitable[None]]
        """Ends the daemon at once, in the middle of whatever it was asked."""
        self._streams: list[asyncio.Queue[Any]] = []

    async def note(self, call: str, subject: str, context: Any) -> None:
        metadata = dict(context.invocation_metadata())
        self.calls.append((call, subject, metadata.get("containerd-lease", "")))
        if call in self.answers:
            await context.abort(self.answers[call], self.details)
        if self.lost.get(call) == "before":
            await self.lose(call, context)

    async def lose(self, call: str, context: Any) -> None:
        """End the call as a daemon that goes away does; this once."""
        del self.lost[call]
        await context.abort(grpc.StatusCode.UNAVAILABLE, "error reading from server: EOF")

    def run_task(self, container_id: str) -> None:
        """Let a task run from now on, if this fake runs any."""
        if self.runs_processes:
            self.tasks[container_id] = FakeTask(pid=1)

    async def become_ready(self, container_id: str) -> None:
        """Write what a function writes once it listens."""
        if self.runs_processes:
            await self.starting.wait()
            stderr = Path(self.created_tasks[container_id].stderr)
            stderr.write_text(" * Running on http://127.0.0.1:8080\n")

    @property
    def subscribed(self) -> bool:
        """Whether anybody follows the events."""
        return bool(self._streams)

    def emit(self, topic: str, payload: Any) -> None:
        """Send an event to whoever is subscribed."""
        envelope = events_pb2.Envelope(namespace="iluvatar-bench", topic=topic)
        envelope.event.type_url = payload.DESCRIPTOR.full_name
        envelope.event.value = payload.SerializeToString()
        self.send(envelope)

    def send(self, envelope: Any) -> None:
        """Send an event as it is to whoever is subscribed."""
        for stream in self._streams:
            stream.put_nowait(envelope)

    def emit_exit(self, container_id: str, *, pid: int) -> None:
        """Send a TaskExit, status 137."""
        payload = event_payloads_pb2.TaskExit(
            container_id=container_id, id=container_id, pid=pid, exit_status=137
        )
        self.emit("/tasks/exit", payload)

    def break_streams(self) -> None:
        """Break every event stream; Events.Subscribe may be asked again."""
        for stream in self._streams:
            stream.put_nowait(None)


def _service(fake: FakeContainerd, base: type, **methods: Callable[..., Any]) -> Any:
    return type(base.__name__, (base,), {**methods, "fake": fake})()


class _Version(version_pb2_grpc.VersionServicer):
    fake: FakeContainerd

    async def Version(self, request: Empty, context: Any) -> Any:
        await self.fake.note("Version", "", context)
        return version_pb2.VersionResponse(version="0.0-fake", revision="none")


class _Namespaces(namespaces_pb2_grpc.NamespacesServicer):
    fake: FakeContainerd

    async def List(self, request: Any, context: Any) -> Any:
        await self.fake.note("Namespaces.List", "", context)
        namespace = namespaces_pb2.Namespace(name="default")
        return namespaces_pb2.ListNamespacesResponse(namespaces=[namespace])

    async def Create(self, request: Any, context: Any) -> Any:
        await self.fake.note("Namespaces.Create", request.namespace.name, context)
        return namespaces_pb2.CreateNamespaceResponse(namespace=request.namespace)


class _Leases(leases_pb2_grpc.LeasesServicer):
    fake: FakeContainerd

    async def Create(self, request: Any, context: Any) -> Any:
        await self.fake.note("Leases.Create", request.id, context)
        self.fake.leases.add(request.id)
        return leases_pb2.CreateResponse(lease=leases_pb2.Lease(id=request.id))

    async def Delete(self, request: Any, context: Any) -> Any:
        await self.fake.note("Leases.Delete", request.id, context)
        self.fake.leases.discard(request.id)
        return Empty()

    async def List(self, request: Any, context: Any) -> Any:
        await self.fake.note("Leases.List", "", context)
        return leases_pb2.ListResponse(leases=[leases_pb2.Lease(id="some")])

    async def AddResource(self, request: Any, context: Any) -> Any:
        await self.fake.note("Leases.AddResource", request.id, context)
        return Empty()

    async def ListResources(self, request: Any, context: Any) -> Any:
        await self.fake.note("Leases.ListResources", request.id, context)
        return leases_pb2.ListResourcesResponse()


class _Containers(containers_pb2_grpc.ContainersServicer):
    fake: FakeContainerd

    async def Create(self, request: Any, context: Any) -> Any:
        await self.fake.note("Containers.Create", request.container.id, context)
        self.fake.containers[request.container.id] = request.container
        self.fake.specs.append(request.container.spec.value)
        return containers_pb2.CreateContainerResponse(container=request.container)

    async def Get(self, request: Any, context: Any) -> Any:
        await self.fake.note("Containers.Get", request.id, context)
        if request.id not in self.fake.containers:
            await context.abort(grpc.StatusCode.NOT_FOUND, "no such container: not found")
        found = self.fake.containers[request.id]
        return containers_pb2.GetContainerResponse(container=found)

    async def Update(self, request: Any, context: Any) -> Any:
        await self.fake.note("Containers.Update", request.container.id, context)
        return containers_pb2.UpdateContainerResponse(container=request.container)

    async def ListStream(self, request: Any, context: Any) -> AsyncIterator[Any]:
        await self.fake.note("Containers.List", "", context)
        for container in list(self.fake.containers.values()):
            yield containers_pb2.ListContainerMessage(container=container)

    async def Delete(self, request: Any, context: Any) -> Any:
        await self.fake.note("Containers.Delete", request.id, context)
        self.fake.containers.pop(request.id, None)
        return Empty()


class _Snapshots(snapshots_pb2_grpc.SnapshotsServicer):
    fake: FakeContainerd

    async def Prepare(self, request: Any, context: Any) -> Any:
        await self.fake.note("Snapshots.Prepare", request.key, context)
        self.fake.snapshots.add(request.key)
        mount = types_pb2.Mount(type="bind", source="/nowhere", options=["rbind", "rw"])
        return snapshots_pb2.PrepareSnapshotResponse(mounts=[mount])

    async def View(self, request: Any, context: Any) -> Any:
        await self.fake.note("Snapshots.View", request.key, context)
        self.fake.snapshots.add(request.key)
        return snapshots_pb2.ViewSnapshotResponse()

    async def Commit(self, request: Any, context: Any) -> Any:
        await self.fake.note("Snapshots.Commit", request.key, context)
        self.fake.snapshots ^= {request.key, request.name}
        return Empty()

    async def Stat(self, request: Any, context: Any) -> Any:
        await self.fake.note("Snapshots.Stat", request.key, context)
        if request.key not in self.fake.snapshots:
            await context.abort(grpc.StatusCode.NOT_FOUND, "snapshot does not exist: not found")
        return snapshots_pb2.StatSnapshotResponse(info=snapshots_pb2.Info(name=request.key))

    async def Mounts(self, request: Any, context: Any) -> Any:
        await self.fake.note("Snapshots.Mounts", request.key, context)
        return snapshots_pb2.MountsResponse()

    async def List(self, request: Any, context: Any) -> AsyncIterator[Any]:
        await self.fake.note("Snapshots.List", "", context)
        kind = self.fake.snapshot_kind
        infos = [snapshots_pb2.Info(name=name, kind=kind) for name in self.fake.snapshots]
        yield snapshots_pb2.ListSnapshotsResponse(info=infos)

    async def Remove(self, request: Any, context: Any) -> Any:
        await self.fake.note("Snapshots.Remove", request.key, context)
        self.fake.snapshots.discard(request.key)
        return Empty()


class _Tasks(FakeFurtherTasks):
    fake: FakeContainerd

    async def Create(self, request: Any, context: Any) -> Any:
        await self.fake.note("Tasks.Create", request.container_id, context)
        self.fake.created_tasks[request.container_id] = request
        self.fake.run_task(request.container_id)
        return tasks_pb2.CreateTaskResponse(container_id=request.container_id, pid=1)

    async def Start(self, request: Any, context: Any) -> Any:
        await self.fake.note("Tasks.Start", request.container_id, context)
        if self.fake.on_start is not None:
            self.fake.on_start(self.fake.created_tasks[request.container_id])
        asyncio.get_running_loop().create_task(self.fake.become_ready(request.container_id))
        return tasks_pb2.StartResponse(pid=1)

    async def Wait(self, request: Any, context: Any) -> Any:
        await self.fake.note("Tasks.Wait", request.container_id, context)
        task = self.fake.tasks.get(request.container_id)
        if task is None:
            return tasks_pb2.WaitResponse(exit_status=0)
        await task.ended.wait()
        return tasks_pb2.WaitResponse(exit_status=137)

    def _process(self, container_id: str) -> Any:
        task = self.fake.tasks[container_id]
        ended = task.ended.is_set()
        return task_types_pb2.Process(
            id=container_id,
            pid=task.pid,
            stdin=task.streams[0],
            stdout=task.streams[1],
            stderr=task.streams[2],
            status=_status(task),
            exit_status=137 if ended else 0,
        )

    async def Get(self, request: Any, context: Any) -> Any:
        await self.fake.note("Tasks.Get", request.container_id, context)
        if request.container_id not in self.fake.tasks:
            await context.abort(grpc.StatusCode.NOT_FOUND, "no such task: not found")
        return tasks_pb2.GetResponse(process=self._process(request.container_id))

    async def List(self, request: Any, context: Any) -> Any:
        await self.fake.note("Tasks.List", "", context)
        listed = [name for name, task in self.fake.tasks.items() if task.listed]
        return tasks_pb2.ListTasksResponse(tasks=[self._process(name) for name in listed])

    async def Kill(self, request: Any, context: Any) -> Any:
        await self.fake.note("Tasks.Kill", request.container_id, context)
        if request.container_id in self.fake.tasks:
            self.fake.tasks[request.container_id].ended.set()
        if self.fake.runs_processes and request.container_id in self.fake.tasks:
            self.fake.tasks[request.container_id].ended.set()
        return Empty()

    async def Delete(self, request: Any, context: Any) -> Any:
        await self.fake.note("Tasks.Delete", request.container_id, context)
        if self.fake.runs_processes:
            task = self.fake.tasks.get(request.container_id)
            if task is None:
                await context.abort(grpc.StatusCode.NOT_FOUND, "no such task: not found")
            if not task.ended.is_set():
                await context.abort(grpc.StatusCode.FAILED_PRECONDITION, "task must be stopped")
            del self.fake.tasks[request.container_id]
        exited_at = Timestamp(seconds=self.fake.exited_at)
        return tasks_pb2.DeleteResponse(id=request.container_id, exited_at=exited_at)


def _status(task: FakeTask) -> Any:
    if task.ended.is_set():
        return task_types_pb2.STOPPED
    return task_types_pb2.PAUSED if task.paused else task_types_pb2.RUNNING


class _Events(events_pb2_grpc.EventsServicer):
    fake: FakeContainerd

    async def Publish(self, request: Any, context: Any) -> Any:
        await self.fake.note("Events.Publish", request.topic, context)
        self.fake.emit(request.topic, Empty())
        return Empty()

    async def Subscribe(self, request: Any, context: Any) -> AsyncIterator[Any]:
        await self.fake.note("Events.Subscribe", "", context)
        await self.fake.accepting.wait()
        stream: asyncio.Queue[Any] = asyncio.Queue()
        self.fake._streams.append(stream)
        try:
            while (envelope := await stream.get()) is not None:
                yield envelope
        finally:
            self.fake._streams.remove(stream)
        await context.abort(grpc.StatusCode.UNAVAILABLE, "transport is closing")


class _Introspection(introspection_pb2_grpc.IntrospectionServicer):
    fake: FakeContainerd

    async def Plugins(self, request: Any, context: Any) -> Any:
        await self.fake.note("Introspection.Plugins", "", context)
        plugin = introspection_pb2.Plugin(type="io.containerd.snapshotter.v1", id="overlayfs")
        return introspection_pb2.PluginsResponse(plugins=[plugin])


class _Losing(grpc.aio.ServerInterceptor):
    """Loses the answers of calls that have done their work."""

    def __init__(self, fake: FakeContainerd) -> None:
        self._fake = fake

    async def intercept_service(self, continuation: Any, details: Any) -> Any:
        handler = await continuation(details)
        if handler is None or handler.unary_unary is None:
            return handler
        service, method = details.method.rsplit("/", 1)
        call = f"{service.rsplit('.', 1)[1]}.{method}"

        async def answer(request: Any, context: Any) -> Any:
            given = await handler.unary_unary(request, context)
            if self._fake.lost.get(call) == "after":
                await self._fake.lose(call, context)
            return given

        return grpc.unary_unary_rpc_method_handler(
            answer,
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )


@asynccontextmanager
async def fake_containerd(socket: Path) -> AsyncIterator[FakeContainerd]:
    """Serve a fake at the socket for the length of the block."""
    fake = FakeContainerd()
    # Containerd's own limit (its package defaults, DefaultMaxSendMsgSize).
    limit = ("grpc.max_send_message_length", 16 << 20)
    server = grpc.aio.server(interceptors=(_Losing(fake),), options=[limit])
    for add, base in (
        (version_pb2_grpc.add_VersionServicer_to_server, _Version),
        (namespaces_pb2_grpc.add_NamespacesServicer_to_server, _Namespaces),
        (leases_pb2_grpc.add_LeasesServicer_to_server, _Leases),
        (containers_pb2_grpc.add_ContainersServicer_to_server, _Containers),
        (snapshots_pb2_grpc.add_SnapshotsServicer_to_server, _Snapshots),
        (tasks_pb2_grpc.add_TasksServicer_to_server, _Tasks),
        (events_pb2_grpc.add_EventsServicer_to_server, _Events),
        (images_pb2_grpc.add_ImagesServicer_to_server, FakeImages),
        (content_pb2_grpc.add_ContentServicer_to_server, FakeContent),
        (diff_pb2_grpc.add_DiffServicer_to_server, FakeDiff),
        (introspection_pb2_grpc.add_IntrospectionServicer_to_server, _Introspection),
    ):
        add(_service(fake, base), server)
    server.add_insecure_port(target(socket))
    await server.start()
    fake.stop = partial(server.stop, None)
    try:
        yield fake
    finally:
        await server.stop(None)
