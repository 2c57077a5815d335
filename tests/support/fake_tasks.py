"""What a fake's tasks service does beyond a container's plain life: pause, exec, measure, limit."""

from __future__ import annotations

import json
from typing import Any

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.empty_pb2 import Empty

from iluvatar_bench.containerd._api import (
    cgroup_v1_metrics_pb2,
    runc_options_pb2,
    task_types_pb2,
    tasks_pb2,
    tasks_pb2_grpc,
    types_pb2,
)


class FakeFurtherTasks(tasks_pb2_grpc.TasksServicer):
    """Mixed into the fake's tasks service, whose ``fake`` it uses."""

    fake: Any

    async def _task(self, call: str, request: Any, context: Any) -> Any:
        await self.fake.note(call, request.container_id, context)
        task = self.fake.tasks.get(request.container_id)
        if task is None:
            await context.abort(grpc.StatusCode.NOT_FOUND, "no such task: not found")
        return task

    async def Pause(self, request: Any, context: Any) -> Any:
        task = await self._task("Tasks.Pause", request, context)
        if task.paused:
            await context.abort(grpc.StatusCode.UNKNOWN, "cannot pause: not running")
        task.paused = True
        return Empty()

    async def Resume(self, request: Any, context: Any) -> Any:
        task = await self._task("Tasks.Resume", request, context)
        if not task.paused:
            await context.abort(grpc.StatusCode.UNKNOWN, "cannot resume: not paused")
        task.paused = False
        return Empty()

    async def Update(self, request: Any, context: Any) -> Any:
        task = await self._task("Tasks.Update", request, context)
        task.resources = json.loads(request.resources.value)
        return Empty()

    async def Metrics(self, request: Any, context: Any) -> Any:
        await self.fake.note("Tasks.Metrics", "", context)
        measured = cgroup_v1_metrics_pb2.Metrics()
        measured.memory.usage.usage = 4096
        data = AnyMessage(
            type_url="io.containerd.cgroups.v1.Metrics", value=measured.SerializeToString()
        )
        wanted = {text.removeprefix("id==") for text in request.filters} or set(self.fake.tasks)
        return tasks_pb2.MetricsResponse(
            metrics=[types_pb2.Metric(id=name, data=data) for name in sorted(wanted)]
        )

    async def Exec(self, request: Any, context: Any) -> Any:
        await self._task("Tasks.Exec", request, context)
        return Empty()

    async def DeleteProcess(self, request: Any, context: Any) -> Any:
        await self._task("Tasks.DeleteProcess", request, context)
        return tasks_pb2.DeleteResponse(id=request.exec_id, exit_status=3)

    async def ListPids(self, request: Any, context: Any) -> Any:
        await self._task("Tasks.ListPids", request, context)
        details = runc_options_pb2.ProcessDetails(exec_id="shell")
        info = AnyMessage(
            type_url="containerd.runc.v1.ProcessDetails", value=details.SerializeToString()
        )
        return tasks_pb2.ListPidsResponse(
            processes=[
                task_types_pb2.ProcessInfo(pid=1),
                task_types_pb2.ProcessInfo(pid=2, info=info),
            ]
        )

    async def CloseIO(self, request: Any, context: Any) -> Any:
        await self._task("Tasks.CloseIO", request, context)
        return Empty()

    async def ResizePty(self, request: Any, context: Any) -> Any:
        await self._task("Tasks.ResizePty", request, context)
        return Empty()

    async def Checkpoint(self, request: Any, context: Any) -> Any:
        await self._task("Tasks.Checkpoint", request, context)
        written = types_pb2.Descriptor(media_type="application/x", digest="sha256:0", size=1)
        return tasks_pb2.CheckpointTaskResponse(descriptors=[written])
