"""Every call of the tasks service: what it says to the daemon, and how each can fail."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from pathlib import Path

import grpc
import pytest

from iluvatar_bench import errors
from iluvatar_bench.containerd._api import cgroup_v2_metrics_pb2, tasks_pb2, types_pb2
from iluvatar_bench.containerd.client import connect
from iluvatar_bench.containerd.services.task_values import metrics_value
from iluvatar_bench.containerd.services.tasks import Tasks
from iluvatar_bench.containerd.values import TaskProcess, TaskState
from tests.support.fake_containerd import FakeTask, fake_containerd

NOWHERE = Path("/nowhere")

CALLS: dict[str, Callable[[Tasks], Awaitable[object]]] = {
    "Create": lambda tasks: tasks.create("c", rootfs=(), stdout=NOWHERE, stderr=NOWHERE),
    "Start": lambda tasks: tasks.start("c", exec_id="e"),
    "Delete": lambda tasks: tasks.delete("c"),
    "DeleteProcess": lambda tasks: tasks.delete_exec("c", "e"),
    "Get": lambda tasks: tasks.get("c", exec_id="e"),
    "List": lambda tasks: tasks.list(),
    "Kill": lambda tasks: tasks.kill("c", signal=9, all_processes=True, exec_id="e"),
    "Exec": lambda tasks: tasks.exec("c", "e", {}, stdout=NOWHERE, stderr=NOWHERE),
    "ResizePty": lambda tasks: tasks.resize("c", columns=80, rows=25),
    "CloseIO": lambda tasks: tasks.close_stdin("c"),
    "Pause": lambda tasks: tasks.pause("c"),
    "Resume": lambda tasks: tasks.resume("c"),
    "ListPids": lambda tasks: tasks.processes("c"),
    "Checkpoint": lambda tasks: tasks.checkpoint("c"),
    "Update": lambda tasks: tasks.update("c", {}),
    "Metrics": lambda tasks: tasks.metrics(["c"]),
    "Wait": lambda tasks: tasks.wait_exit("c", exec_id="e"),
}


def test_every_call_of_the_service_is_one_of_ours() -> None:
    (service,) = tasks_pb2.DESCRIPTOR.services_by_name.values()
    assert set(CALLS) == {method.name for method in service.methods}
    public = {name for name, _ in inspect.getmembers(Tasks, inspect.isfunction) if name[0] != "_"}
    assert len(public) == len(CALLS)


async def test_each_call_fails_as_the_daemon_says(short_folder: Path) -> None:
    async with fake_containerd(short_folder / "s") as fake, connect(short_folder / "s") as client:
        for name, call in CALLS.items():
            fake.answers = {f"Tasks.{name}": grpc.StatusCode.FAILED_PRECONDITION}
            with pytest.raises(errors.FailedPrecondition) as caught:
                await call(client.tasks)
            assert caught.value.operation == f"Tasks.{name}"
            assert caught.value.subject in {"c", "c/e", ""}


async def test_a_paused_task_is_called_paused_and_goes_on(short_folder: Path) -> None:
    async with fake_containerd(short_folder / "s") as fake, connect(short_folder / "s") as client:
        fake.tasks["c"] = FakeTask(pid=7)
        await client.tasks.pause("c")
        assert (await client.tasks.get("c")).state is TaskState.PAUSED
        with pytest.raises(errors.DaemonFault, match="not running"):
            await client.tasks.pause("c")
        await client.tasks.resume("c")
        assert (await client.tasks.get("c")).state is TaskState.RUNNING
        await client.tasks.update("c", {"memory": {"limit": 1 << 26}})
        assert fake.tasks["c"].resources == {"memory": {"limit": 1 << 26}}


async def test_what_is_answered_of_processes_and_measurements(short_folder: Path) -> None:
    async with fake_containerd(short_folder / "s") as fake, connect(short_folder / "s") as client:
        fake.tasks["c"] = FakeTask(pid=1)
        assert await client.tasks.processes("c") == (TaskProcess(1), TaskProcess(2, "shell"))
        (measured,) = await client.tasks.metrics(["c"])
        assert (measured.container_id, measured.cgroup_version) == ("c", 1)
        assert (measured.memory_bytes, measured.memory_limit_bytes) == (4096, None)
        assert (measured.oom_kills, measured.sent_bytes) == (None, None)
        assert (await client.tasks.delete_exec("c", "e")).status == 3


def test_metrics_of_version_2() -> None:
    message = cgroup_v2_metrics_pb2.Metrics()
    message.cpu.usage_usec, message.cpu.throttled_usec = 5, 2
    message.memory.usage, message.memory.usage_limit = 10, 2**64 - 1
    message.memory_events.oom_kill = 3
    message.io.usage.add(rbytes=4, wbytes=6)
    message.io.usage.add(rbytes=1)
    metric = types_pb2.Metric(id="c")
    metric.data.type_url = "io.containerd.cgroups.v2.Metrics"
    metric.data.value = message.SerializeToString()
    found = metrics_value(metric)
    assert found is not None
    assert (found.cpu_ns, found.throttled_ns, found.oom_kills) == (5_000, 2_000, 3)
    assert (found.memory_bytes, found.memory_limit_bytes) == (10, None)
    assert (found.read_bytes, found.written_bytes) == (5, 6)


@pytest.mark.parametrize("value", [b"\xff", b""])
def test_metrics_of_another_kind_or_damaged_are_none(value: bytes) -> None:
    metric = types_pb2.Metric(id="c")
    metric.data.type_url = "io.containerd.cgroups.v1.Metrics" if value else "something.Else"
    metric.data.value = value
    assert metrics_value(metric) is None
