"""What this host has and lacks for a run, each with its remedy. Starts nothing, changes nothing."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from iluvatar_bench.errors import EnvironmentProblem
from iluvatar_bench.host import facts
from iluvatar_bench.host.kernel import cgroups, controllers, init_system
from iluvatar_bench.host.kernel.tracefs import open_tracefs
from iluvatar_bench.host.process_limits import limits_for

FREE_BYTES_WANTED = 2 * 1024**3


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at. ``remedy`` is empty when it is there.

    Without a ``required`` one no run can work; the others limit what a run can do.
    """

    name: str
    ok: bool
    found: str
    remedy: str = ""
    required: bool = True


def check_host(concurrency: int = 4) -> tuple[Check, ...]:
    """Every check, in the order in which a user would mend things.

    The host's limits are compared with what ``concurrency`` containers at a time need.
    """
    return tuple(_checks(concurrency))


def _checks(concurrency: int) -> Iterator[Check]:
    linux = platform.system() == "Linux"
    yield Check("linux", linux, platform.platform(), "" if linux else "run it on Linux")
    is_root = os.geteuid() == 0
    yield Check(
        "root",
        is_root,
        f"uid {os.geteuid()}",
        "" if is_root else "run as root: containers need mounts, cgroups and namespaces",
    )
    yield _program("containerd", "containerd", "--version")
    yield _program("containerd-shim-runc-v2", "containerd", "-v")
    yield _program("runc", "runc", "--version")
    yield _plugins()
    iproute2 = facts.program_version("ip", "-V")
    yield Check(
        "iproute2",
        iproute2 is not None,
        iproute2 or "not found",
        "" if iproute2 else "apt-get install iproute2, which network=bridge needs",
        required=False,
    )
    overlay = facts.has_overlayfs()
    yield Check(
        "overlayfs",
        overlay,
        "known to the kernel" if overlay else "unknown to the kernel",
        "" if overlay else "modprobe overlay, or use --set snapshotter=native",
        required=False,
    )
    mode = cgroups.mode()
    yield Check(
        "cgroups", mode != "none", mode, "" if mode != "none" else "mount a cgroup hierarchy"
    )
    yield _controllers()
    yield _driver()
    yield _traces()
    yield _space()
    for limit in limits_for(concurrency):
        have = "no limit" if limit.have is None else str(limit.have)
        yield Check(
            limit.name,
            limit.enough,
            f"{have}; {limit.needed} needed for {concurrency} containers at a time",
            "" if limit.enough else limit.remedy,
        )


def _program(name: str, package: str, flag: str) -> Check:
    version = facts.program_version(name, flag)
    remedy = "" if version else f"apt-get install {package} (or ./bench, which does it as root)"
    return Check(name, version is not None, version or "not installed", remedy)


def _controllers() -> Check:
    """Whether limits can be kept."""
    missing = controllers.missing_controllers()
    have = ", ".join(name for name in controllers.WANTED if name not in missing)
    lacking = ", ".join(missing)
    found = f"{have}; not {lacking}" if have and missing else have or f"none of {lacking}"
    return Check(
        "cgroup controllers",
        not missing,
        found,
        f"limits of {lacking} are refused: {controllers.how_to_give(missing)}" if missing else "",
        required=False,
    )


def _driver() -> Check:
    """Which cgroup driver fits this host; cgroupfs works on every one."""
    systemd = init_system.is_systemd()
    return Check(
        "cgroup driver",
        systemd,
        "systemd, which is the init, and cgroupfs"
        if systemd
        else f"cgroupfs; systemd is not the init, which is {init_system.init_name()}",
        "" if systemd else "nothing, unless you want --set cgroup_driver=systemd",
        required=False,
    )


def _traces() -> Check:
    """Whether the kernel can be asked who killed whom."""
    try:
        with open_tracefs():
            return Check("kernel traces", True, "can be read", "", required=False)
    except EnvironmentProblem as error:
        remedy = "root on the host itself; without, kills are told by their times alone"
        return Check("kernel traces", False, str(error), remedy, required=False)


def _plugins() -> Check:
    found = facts.cni_facts()
    home = found["home"]
    looked = ", ".join(map(str, facts.plugin_homes()))
    return Check(
        "CNI plugins",
        home is not None,
        f"{home}: {found['bridge']}" if home else f"not found (looked in {looked})",
        "" if home else "apt-get install containernetworking-plugins, or set CNI_PATH",
        required=False,
    )


def _space() -> Check:
    path = Path("/var/lib")
    free = shutil.disk_usage(path).free
    enough = free >= FREE_BYTES_WANTED
    return Check(
        "disk space",
        enough,
        f"{free / 1024**3:.1f} GiB free on {path}",
        "" if enough else f"free {FREE_BYTES_WANTED / 1024**3:.0f} GiB on {path}",
    )
