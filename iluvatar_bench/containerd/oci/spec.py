"""The OCI runtime spec of a function's container: hardened, and only what a function needs.

Field names: https://github.com/opencontainers/runtime-spec (config.md, config-linux.md).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from iluvatar_bench.profiles.limits import NO_LIMITS, Limits

_MASKED_PATHS = (
    "/proc/acpi",
    "/proc/asound",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/sys/firmware",
)
_READONLY_PATHS = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")


@dataclass(frozen=True, slots=True)
class BindMount:
    """A file or folder of the host that the container sees."""

    source: str
    destination: str
    read_only: bool = True


_CPU_PERIOD_MICROSECONDS = 100_000
"""The kernel's default for CFS bandwidth control."""


@dataclass(frozen=True, slots=True)
class NetworkNamespace:
    """Which network a container sees.

    ``path`` names a namespace that exists; without one the runtime makes a namespace with nothing
    but loopback, unless the container is to share the host's.
    """

    path: Path | None = None
    of_host: bool = False


def runtime_spec(
    *,
    args: Sequence[str],
    env: Mapping[str, str],
    cwd: str,
    hostname: str,
    cgroups_path: str,
    cgroup_v2: bool,
    binds: Sequence[BindMount] = (),
    network: NetworkNamespace = NetworkNamespace(),
    limits: Limits = NO_LIMITS,
) -> dict[str, Any]:
    """The spec as JSON-ready values.

    Every container has PID, IPC, UTS and mount namespaces of its own. ``cgroups_path`` is
    absolute.
    """
    namespaces: list[dict[str, str]] = [{"type": t} for t in ("pid", "ipc", "uts", "mount")]
    if cgroup_v2:
        namespaces.append({"type": "cgroup"})
    if network.path is not None:
        namespaces.append({"type": "network", "path": str(network.path)})
    elif not network.of_host:
        namespaces.append({"type": "network"})
    return {
        "ociVersion": "1.0.2",
        "process": process_spec(args, env=env, cwd=cwd, limits=limits),
        "root": {"path": "rootfs", "readonly": limits.read_only_root},
        "hostname": hostname,
        "mounts": _system_mounts() + [_bind(bind) for bind in binds],
        "linux": {
            "cgroupsPath": cgroups_path,
            "namespaces": namespaces,
            "maskedPaths": list(_MASKED_PATHS),
            "readonlyPaths": list(_READONLY_PATHS),
            "resources": _cgroup_limits(limits),
        },
    }


def process_spec(
    args: Sequence[str], *, env: Mapping[str, str], cwd: str, limits: Limits = NO_LIMITS
) -> dict[str, Any]:
    """A process of a container as JSON-ready values: its first, or one that exec adds."""
    return {
        "terminal": False,
        "user": {"uid": 0, "gid": 0},
        "args": list(args),
        "env": [f"{name}={value}" for name, value in env.items()],
        "cwd": cwd,
        "capabilities": {
            kind: [] for kind in ("bounding", "effective", "inheritable", "permitted")
        },
        "rlimits": [
            {"type": "RLIMIT_NOFILE", "hard": limits.open_files, "soft": limits.open_files}
        ],
        "noNewPrivileges": True,
    }


def _cgroup_limits(limits: Limits) -> dict[str, Any]:
    found: dict[str, Any] = {"devices": [{"allow": False, "access": "rwm"}]}
    if limits.memory_limit_bytes:
        found["memory"] = {"limit": limits.memory_limit_bytes}
    if limits.cpus:
        quota = int(limits.cpus * _CPU_PERIOD_MICROSECONDS)
        found["cpu"] = {"period": _CPU_PERIOD_MICROSECONDS, "quota": quota}
    if limits.cpu_shares:
        found.setdefault("cpu", {})["shares"] = limits.cpu_shares
    return found


def _system_mounts() -> list[dict[str, Any]]:
    def mount(destination: str, kind: str, *options: str) -> dict[str, Any]:
        return {
            "destination": destination,
            "type": kind,
            "source": kind,
            "options": ["nosuid", *options],
        }

    return [
        mount("/proc", "proc", "noexec", "nodev"),
        mount("/dev", "tmpfs", "strictatime", "mode=755", "size=65536k"),
        mount("/dev/pts", "devpts", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"),
        mount("/dev/shm", "tmpfs", "noexec", "nodev", "mode=1777", "size=65536k"),
        mount("/dev/mqueue", "mqueue", "noexec", "nodev"),
        mount("/sys", "sysfs", "noexec", "nodev", "ro"),
    ]


def _bind(bind: BindMount) -> dict[str, Any]:
    return {
        "destination": bind.destination,
        "type": "bind",
        "source": bind.source,
        "options": ["bind", "nosuid", "nodev", "ro" if bind.read_only else "rw"],
    }
