"""What the tasks service answers, as values.

The metrics of cgroup version 1 and of version 2 are messages of their own; their field numbers:
containerd/cgroups, stats/v1/metrics.proto (v1.0.4) and cgroup2/stats/metrics.proto (v3).
"""

from __future__ import annotations

from typing import Any

from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import DecodeError

from iluvatar_bench.containerd._api import cgroup_v1_metrics_pb2 as v1
from iluvatar_bench.containerd._api import cgroup_v2_metrics_pb2 as v2
from iluvatar_bench.containerd._api import runc_options_pb2
from iluvatar_bench.containerd._api import task_types_pb2 as task_types
from iluvatar_bench.containerd.values import TaskInfo, TaskMetrics, TaskState, utc

_STATES = {number: TaskState(name.lower()) for name, number in task_types.Status.items()}

_NO_LIMIT = 1 << 62
"""Version 1 says 2^63 rounded down to a page, version 2 2^64 - 1, where there is no limit."""


def metrics_value(metric: Any) -> TaskMetrics | None:
    """The measurement; None for a message that is neither of the two, or that cannot be read."""
    kind = {
        "io.containerd.cgroups.v1.Metrics": v1.Metrics,
        "io.containerd.cgroups.v2.Metrics": v2.Metrics,
    }.get(metric.data.type_url.rsplit("/", 1)[-1])
    if kind is None:
        return None
    message = kind()
    try:
        message.ParseFromString(metric.data.value)
    except DecodeError:
        return None
    common: dict[str, Any] = {"container_id": metric.id, "measured_at": utc(metric.timestamp)}
    if isinstance(message, v1.Metrics):
        return TaskMetrics(**common, **_version_1(message))
    return TaskMetrics(**common, **_version_2(message))


def _version_1(message: v1.Metrics) -> dict[str, Any]:
    memory = message.memory.usage
    moved = message.blkio.io_service_bytes_recursive
    outside = [network for network in message.network if network.name != "lo"]
    counts_kills = message.HasField("memory_oom_control")
    return {
        "cgroup_version": 1,
        "pids": message.pids.current,
        "pids_limit": _limit(message.pids.limit),
        "cpu_ns": message.cpu.usage.total,
        "throttled_ns": message.cpu.throttling.throttled_time,
        "throttled_periods": message.cpu.throttling.throttled_periods,
        "memory_bytes": memory.usage,
        "memory_peak_bytes": memory.max,
        "memory_limit_bytes": _limit(memory.limit),
        "oom_kills": message.memory_oom_control.oom_kill if counts_kills else None,
        "read_bytes": sum(entry.value for entry in moved if entry.op.lower() == "read"),
        "written_bytes": sum(entry.value for entry in moved if entry.op.lower() == "write"),
        "received_bytes": sum(n.rx_bytes for n in outside) if message.network else None,
        "sent_bytes": sum(n.tx_bytes for n in outside) if message.network else None,
    }


def _version_2(message: v2.Metrics) -> dict[str, Any]:
    counts_kills = message.HasField("memory_events")
    return {
        "cgroup_version": 2,
        "pids": message.pids.current,
        "pids_limit": _limit(message.pids.limit),
        "cpu_ns": message.cpu.usage_usec * 1000,
        "throttled_ns": message.cpu.throttled_usec * 1000,
        "throttled_periods": message.cpu.nr_throttled,
        "memory_bytes": message.memory.usage,
        "memory_peak_bytes": None,
        "memory_limit_bytes": _limit(message.memory.usage_limit),
        "oom_kills": message.memory_events.oom_kill if counts_kills else None,
        "read_bytes": sum(entry.rbytes for entry in message.io.usage),
        "written_bytes": sum(entry.wbytes for entry in message.io.usage),
        "received_bytes": None,
        "sent_bytes": None,
    }


def _limit(value: int) -> int | None:
    return value if 0 < value < _NO_LIMIT else None


def task_info(process: task_types.Process, container_id: str) -> TaskInfo:
    """The state of a process; one that this project does not know is *unknown*."""
    return TaskInfo(
        container_id=container_id,
        pid=int(process.pid),
        state=_STATES.get(process.status, TaskState.UNKNOWN),
        exit_status=int(process.exit_status),
        exited_at=utc(process.exited_at),
        stdin=process.stdin,
        stdout=process.stdout,
        stderr=process.stderr,
    )


def exec_id_of(info: AnyMessage) -> str:
    """Of which exec a process is; empty where it is none's, or nothing that can be read."""
    details = runc_options_pb2.ProcessDetails()
    try:
        details.ParseFromString(info.value)
    except DecodeError:
        return ""
    return details.exec_id
