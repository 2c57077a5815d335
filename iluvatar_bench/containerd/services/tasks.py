"""The tasks service: the running side of a container."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from google.protobuf.any_pb2 import Any as AnyMessage

from iluvatar_bench.containerd._api import runc_options_pb2, tasks_pb2, tasks_pb2_grpc
from iluvatar_bench.containerd._api import task_types_pb2 as task_types
from iluvatar_bench.containerd.channel import READ_SECONDS, Channel
from iluvatar_bench.containerd.services.snapshots import mount_message
from iluvatar_bench.containerd.values import ExitStatus, Mount, TaskInfo, TaskState, utc

_STATES = {number: TaskState(name.lower()) for name, number in task_types.Status.items()}


class Tasks:
    """Tasks of the channel's namespace. A container has at most one."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._stub = tasks_pb2_grpc.TasksStub(channel.grpc_channel)

    async def create(
        self,
        container_id: str,
        *,
        rootfs: Sequence[Mount],
        stdout: Path,
        stderr: Path,
        runtime_binary: Path | None = None,
        runc_root: Path | None = None,
        systemd_cgroup: bool = False,
        shim_cgroup: str = "",
    ) -> int:
        """Mount the root file system and create the process, stopped before its ``exec``.

        ``stdout`` and ``stderr`` are regular files that exist already; the shim appends to them.
        ``runtime_binary`` is the OCI runtime (None: the ``runc`` that the shim finds), and
        ``runc_root`` where it keeps its state (None: containerd's default). With
        ``systemd_cgroup`` the runtime has systemd make the cgroup, and reads the spec's
        ``cgroupsPath`` as ``slice:prefix:name``. The shim joins ``shim_cgroup``, which must exist
        in every hierarchy (empty: it stays in containerd's own).

        Returns:
            the PID of the container's first process.

        Raises:
            DaemonFault: the mount or the runtime failed; the text says which.
        """
        request = tasks_pb2.CreateTaskRequest(
            container_id=container_id,
            rootfs=[mount_message(mount) for mount in rootfs],
            stdout=str(stdout),
            stderr=str(stderr),
        )
        options = runc_options_pb2.Options(
            root=str(runc_root or ""),
            binary_name=str(runtime_binary or ""),
            systemd_cgroup=systemd_cgroup,
            shim_cgroup=shim_cgroup,
        )
        if options.ByteSize():
            # Containerd's type URLs are bare names, without Google's host in front.
            request.options.CopyFrom(
                AnyMessage(type_url="containerd.runc.v1.Options", value=options.SerializeToString())
            )
        answer = await self._channel.call(
            self._stub.Create, request, operation="Tasks.Create", subject=container_id
        )
        return int(answer.pid)

    async def start(self, container_id: str) -> int:
        """Let the created process run.

        Raises:
            DaemonFault: it ended before it could be started, or its program is not there.
        """
        answer = await self._channel.call(
            self._stub.Start,
            tasks_pb2.StartRequest(container_id=container_id),
            operation="Tasks.Start",
            subject=container_id,
        )
        return int(answer.pid)

    async def wait_exit(self, container_id: str) -> ExitStatus:
        """Return when the first process has ended. Call it before ``start``: no exit is missed.

        It carries no deadline, because a container lives as long as it is wanted; cancel it.

        Raises:
            NotFound: there is no such task.
            AnswerLost: the daemon went away while waiting.
        """
        answer = await self._channel.call(
            self._stub.Wait,
            tasks_pb2.WaitRequest(container_id=container_id),
            operation="Tasks.Wait",
            subject=container_id,
            seconds=None,
        )
        return ExitStatus(status=int(answer.exit_status), exited_at=utc(answer.exited_at))

    async def kill(self, container_id: str, *, signal: int, all_processes: bool) -> None:
        """Send a signal to the first process, or to every process of the container's cgroup.

        Raises:
            NotFound: the process has already ended, or the task is gone.
        """
        await self._channel.call(
            self._stub.Kill,
            tasks_pb2.KillRequest(container_id=container_id, signal=signal, all=all_processes),
            operation="Tasks.Kill",
            subject=container_id,
        )

    async def delete(self, container_id: str) -> ExitStatus:
        """Delete an ended task; its output files are complete afterwards.

        Raises:
            DaemonFault: ``cannot delete a running process``: wait for the exit first.
            NotFound: already gone.
        """
        answer = await self._channel.call(
            self._stub.Delete,
            tasks_pb2.DeleteTaskRequest(container_id=container_id),
            operation="Tasks.Delete",
            subject=container_id,
        )
        return ExitStatus(status=int(answer.exit_status), exited_at=utc(answer.exited_at))

    async def get(self, container_id: str) -> TaskInfo:
        """The state of one task.

        Raises:
            NotFound: there is none.
        """
        answer = await self._channel.call(
            self._stub.Get,
            tasks_pb2.GetRequest(container_id=container_id),
            operation="Tasks.Get",
            subject=container_id,
            seconds=READ_SECONDS,
        )
        return _info(answer.process, container_id)

    async def list(self) -> tuple[TaskInfo, ...]:
        """Every task of the namespace."""
        answer = await self._channel.call(
            self._stub.List,
            tasks_pb2.ListTasksRequest(),
            operation="Tasks.List",
            seconds=READ_SECONDS,
        )
        return tuple(_info(process, process.id) for process in answer.tasks)


def _info(process: task_types.Process, container_id: str) -> TaskInfo:
    return TaskInfo(
        container_id=container_id,
        pid=int(process.pid),
        state=_STATES.get(process.status, TaskState.UNKNOWN),
        exit_status=int(process.exit_status),
        exited_at=utc(process.exited_at),
    )
