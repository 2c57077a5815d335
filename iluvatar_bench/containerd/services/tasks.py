"""The tasks service: the running side of a container, and the processes that exec adds to it.

Calls and field numbers: containerd, api/services/tasks/v1/tasks.proto (v1.6.20; v2.0 is the same,
with RuntimeInfo and CreateTaskRequest.runtime_path added). What takes an ``exec_id`` means the
container's first process without one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from google.protobuf.any_pb2 import Any as AnyMessage

from iluvatar_bench.containerd._api import runc_options_pb2, tasks_pb2, tasks_pb2_grpc
from iluvatar_bench.containerd.channel import READ_SECONDS, Channel
from iluvatar_bench.containerd.services.images import descriptor_message, descriptor_value
from iluvatar_bench.containerd.services.snapshots import mount_message
from iluvatar_bench.containerd.services.task_values import exec_id_of, metrics_value, task_info
from iluvatar_bench.containerd.values import (
    Descriptor,
    ExitStatus,
    Mount,
    TaskInfo,
    TaskMetrics,
    TaskProcess,
    utc,
)

_PROCESS_TYPE_URL = "types.containerd.io/opencontainers/runtime-spec/1/Process"
_RESOURCES_TYPE_URL = "types.containerd.io/opencontainers/runtime-spec/1/LinuxResources"
"""Types of the OCI runtime spec, which containerd takes as JSON (its typeurl registry)."""


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
        stdin: Path | None = None,
        runtime_binary: Path | None = None,
        runc_root: Path | None = None,
        systemd_cgroup: bool = False,
        shim_cgroup: str = "",
        checkpoint: Descriptor | None = None,
    ) -> int:
        """Mount the root file system and create the process, stopped before its ``exec``.

        ``stdout`` and ``stderr`` are regular files that exist already; the shim appends to them.
        ``stdin`` is a FIFO (None: the process reads nothing). With a ``checkpoint``, an answer of
        :meth:`checkpoint`, the process goes on from there once it is started.
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
            stdin=str(stdin or ""),
            stdout=str(stdout),
            stderr=str(stderr),
            checkpoint=None if checkpoint is None else descriptor_message(checkpoint),
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

    async def start(self, container_id: str, *, exec_id: str = "") -> int:
        """Let the created process run, or the one that :meth:`exec` has described.

        Returns:
            its PID.

        Raises:
            DaemonFault: it ended before it could be started, its program is not there, or it is to
                enter a container that is paused.
        """
        answer = await self._channel.call(
            self._stub.Start,
            tasks_pb2.StartRequest(container_id=container_id, exec_id=exec_id),
            operation="Tasks.Start",
            subject=_subject(container_id, exec_id),
        )
        return int(answer.pid)

    async def exec(
        self,
        container_id: str,
        exec_id: str,
        process: Mapping[str, Any],
        *,
        stdout: Path,
        stderr: Path,
        stdin: Path | None = None,
    ) -> None:
        """Describe a further process of a running container; :meth:`start` starts it.

        ``process`` is the ``process`` of an OCI runtime spec. Its streams are as in :meth:`create`.

        Raises:
            AlreadyExists: a process of this id is there.
            NotFound: there is no such task.
        """
        request = tasks_pb2.ExecProcessRequest(
            container_id=container_id,
            exec_id=exec_id,
            stdin=str(stdin or ""),
            stdout=str(stdout),
            stderr=str(stderr),
            spec=AnyMessage(type_url=_PROCESS_TYPE_URL, value=json.dumps(dict(process)).encode()),
        )
        await self._channel.call(
            self._stub.Exec,
            request,
            operation="Tasks.Exec",
            subject=_subject(container_id, exec_id),
        )

    async def close_stdin(self, container_id: str, *, exec_id: str = "") -> None:
        """Let the process read an end of file once what was written to its stdin is read.

        The shim holds the FIFO open itself, so that whoever writes to it may come and go.

        Raises:
            NotFound: there is no such process.
        """
        await self._channel.call(
            self._stub.CloseIO,
            tasks_pb2.CloseIORequest(container_id=container_id, exec_id=exec_id, stdin=True),
            operation="Tasks.CloseIO",
            subject=_subject(container_id, exec_id),
        )

    async def resize(
        self, container_id: str, *, columns: int, rows: int, exec_id: str = ""
    ) -> None:
        """Say how large the terminal of a process is that has one.

        Raises:
            NotFound: there is no such process.
        """
        await self._channel.call(
            self._stub.ResizePty,
            tasks_pb2.ResizePtyRequest(
                container_id=container_id, exec_id=exec_id, width=columns, height=rows
            ),
            operation="Tasks.ResizePty",
            subject=_subject(container_id, exec_id),
        )

    async def pause(self, container_id: str) -> None:
        """Freeze every process of the container's cgroup: of its neighbours too, if it is shared.

        Raises:
            DaemonFault: it does not run: it has ended, or its cgroup is frozen already.
            NotFound: there is no such task.
        """
        await self._channel.call(
            self._stub.Pause,
            tasks_pb2.PauseTaskRequest(container_id=container_id),
            operation="Tasks.Pause",
            subject=container_id,
        )

    async def resume(self, container_id: str) -> None:
        """Let the processes of the container's cgroup go on: all of them, whoever paused them.

        Raises:
            DaemonFault: its cgroup is not frozen.
            NotFound: there is no such task.
        """
        await self._channel.call(
            self._stub.Resume,
            tasks_pb2.ResumeTaskRequest(container_id=container_id),
            operation="Tasks.Resume",
            subject=container_id,
        )

    async def update(self, container_id: str, resources: Mapping[str, Any]) -> None:
        """Change the limits of the container's cgroup while it runs: everybody's, if it is shared.

        ``resources`` is ``linux.resources`` of an OCI runtime spec; what it does not name stays.

        Raises:
            DaemonFault: the kernel refused, as a memory limit below what is in use.
            NotFound: there is no such task.
        """
        await self._channel.call(
            self._stub.Update,
            tasks_pb2.UpdateTaskRequest(
                container_id=container_id,
                resources=AnyMessage(
                    type_url=_RESOURCES_TYPE_URL, value=json.dumps(dict(resources)).encode()
                ),
            ),
            operation="Tasks.Update",
            subject=container_id,
        )

    async def metrics(self, container_ids: Sequence[str] = ()) -> tuple[TaskMetrics, ...]:
        """What was measured of the containers' cgroups; without ids of all of the namespace.

        A container that does not run has none, and is left out.
        """
        answer = await self._channel.call(
            self._stub.Metrics,
            tasks_pb2.MetricsRequest(filters=[f"id=={one}" for one in container_ids]),
            operation="Tasks.Metrics",
            subject=", ".join(container_ids),
            seconds=READ_SECONDS,
        )
        found = [metrics_value(metric) for metric in answer.metrics]
        return tuple(one for one in found if one is not None)

    async def processes(self, container_id: str) -> tuple[TaskProcess, ...]:
        """The processes of the container's cgroup: its neighbours' too, if it is shared.

        Raises:
            NotFound: there is no such task.
        """
        answer = await self._channel.call(
            self._stub.ListPids,
            tasks_pb2.ListPidsRequest(container_id=container_id),
            operation="Tasks.ListPids",
            subject=container_id,
            seconds=READ_SECONDS,
        )
        return tuple(
            TaskProcess(pid=int(process.pid), exec_id=exec_id_of(process.info))
            for process in answer.processes
        )

    async def checkpoint(
        self, container_id: str, *, then_end: bool = False, lease: str | None = None
    ) -> tuple[Descriptor, ...]:
        """Write the container's processes down by criu, into containerd's content.

        Without a ``lease`` the next collection removes what was written. Containerd pauses the
        container meanwhile (services/tasks/local.go).

        Raises:
            DaemonFault: criu is not installed, or cannot write down what the container uses.
            NotFound: there is no such task.
        """
        options = runc_options_pb2.CheckpointOptions(exit=then_end)
        request = tasks_pb2.CheckpointTaskRequest(container_id=container_id)
        request.options.CopyFrom(
            AnyMessage(
                type_url="containerd.runc.v1.CheckpointOptions", value=options.SerializeToString()
            )
        )
        answer = await self._channel.call(
            self._stub.Checkpoint,
            request,
            operation="Tasks.Checkpoint",
            subject=container_id,
            lease=lease,
        )
        return tuple(descriptor_value(descriptor) for descriptor in answer.descriptors)

    async def wait_exit(self, container_id: str, *, exec_id: str = "") -> ExitStatus:
        """Return when the process has ended. Call it before ``start``: no exit is missed.

        It carries no deadline, because a container lives as long as it is wanted; cancel it.

        Raises:
            NotFound: there is no such task.
            AnswerLost: the daemon went away while waiting.
        """
        answer = await self._channel.call(
            self._stub.Wait,
            tasks_pb2.WaitRequest(container_id=container_id, exec_id=exec_id),
            operation="Tasks.Wait",
            subject=_subject(container_id, exec_id),
            seconds=None,
        )
        return ExitStatus(status=int(answer.exit_status), exited_at=utc(answer.exited_at))

    async def kill(
        self, container_id: str, *, signal: int, all_processes: bool, exec_id: str = ""
    ) -> None:
        """Send a signal to the process, or to every process of the container's cgroup.

        Raises:
            NotFound: the process has already ended, or the task is gone.
        """
        await self._channel.call(
            self._stub.Kill,
            tasks_pb2.KillRequest(
                container_id=container_id, exec_id=exec_id, signal=signal, all=all_processes
            ),
            operation="Tasks.Kill",
            subject=_subject(container_id, exec_id),
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

    async def delete_exec(self, container_id: str, exec_id: str) -> ExitStatus:
        """Delete an ended process that :meth:`exec` had added; its output is complete afterwards.

        Raises:
            DaemonFault: it still runs.
            NotFound: already gone, also with its container's task.
        """
        answer = await self._channel.call(
            self._stub.DeleteProcess,
            tasks_pb2.DeleteProcessRequest(container_id=container_id, exec_id=exec_id),
            operation="Tasks.DeleteProcess",
            subject=_subject(container_id, exec_id),
        )
        return ExitStatus(status=int(answer.exit_status), exited_at=utc(answer.exited_at))

    async def get(self, container_id: str, *, exec_id: str = "") -> TaskInfo:
        """The state of one process, as the shim knows it.

        A neighbour that is frozen along with a shared cgroup is called running all the same.

        Raises:
            NotFound: there is none.
        """
        answer = await self._channel.call(
            self._stub.Get,
            tasks_pb2.GetRequest(container_id=container_id, exec_id=exec_id),
            operation="Tasks.Get",
            subject=_subject(container_id, exec_id),
            seconds=READ_SECONDS,
        )
        return task_info(answer.process, container_id)

    async def list(self) -> tuple[TaskInfo, ...]:
        """Every task of the namespace."""
        answer = await self._channel.call(
            self._stub.List,
            tasks_pb2.ListTasksRequest(),
            operation="Tasks.List",
            seconds=READ_SECONDS,
        )
        return tuple(task_info(process, process.id) for process in answer.tasks)


def _subject(container_id: str, exec_id: str) -> str:
    return f"{container_id}/{exec_id}" if exec_id else container_id
