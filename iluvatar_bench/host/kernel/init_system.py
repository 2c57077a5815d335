"""Whether systemd runs this host, which decides whether it can make cgroups."""

from __future__ import annotations

from pathlib import Path

from iluvatar_bench.errors import EnvironmentProblem
from iluvatar_bench.host.kernel.cgroup_names import CgroupDriver

_BOOTED = Path("/run/systemd/system")
"""Systemd makes this folder early in the boot, and nobody else does: sd_booted(3). runc looks for
the same one."""


def is_systemd() -> bool:
    """Whether systemd is this host's init."""
    return _BOOTED.is_dir()


def init_name() -> str:
    """What process 1 calls itself."""
    try:
        return Path("/proc/1/comm").read_text().strip()
    except OSError:
        return "unknown"


def require_driver(driver: CgroupDriver) -> None:
    """Refuse a cgroup driver that cannot work here, before anything is started.

    Raises:
        EnvironmentProblem: systemd is to make the cgroups and is not this host's init.
    """
    if driver is CgroupDriver.SYSTEMD and not is_systemd():
        raise EnvironmentProblem(
            f"cgroup_driver=systemd needs systemd as this host's init, which is {init_name()}; "
            "use cgroup_driver=cgroupfs"
        )
