"""What the machine has, by which some steps are left out and others come to something else."""

from __future__ import annotations

import re
import resource
import shutil
import subprocess
from pathlib import Path


def memory_limits() -> bool:
    """Whether there can be any: on a hybrid host's kernel the controllers are version 1's."""
    return "memory" in Path("/sys/fs/cgroup/cgroup.controllers").read_text().split()


CAP_SYS_RESOURCE = 24
"""Its bit in a set of capabilities (include/uapi/linux/capability.h)."""


def may_lock_memory() -> bool:
    """Whether crun may: with cgroup version 2 it does, for its program of devices."""
    unlimited = resource.getrlimit(resource.RLIMIT_MEMLOCK)[1] == resource.RLIM_INFINITY
    status = Path("/proc/self/status").read_text()
    (effective,) = re.findall(r"^CapEff:\s*(\w+)", status, re.MULTILINE)
    return unlimited or bool(int(effective, 16) >> CAP_SYS_RESOURCE & 1)


def runc_refuses_units() -> bool:
    """Whether this runc refuses a unit that exists, as 1.1.6 and later do."""
    said = subprocess.run(["runc", "--version"], capture_output=True, text=True, check=True)
    found = re.search(r"(\d+)\.(\d+)\.(\d+)", said.stdout)
    return found is not None and tuple(map(int, found.groups())) >= (1, 1, 6)


def erofs_lacks() -> str:
    """What the snapshotter of that name takes and is not here."""
    made_by = subprocess.run(["mkfs.erofs", "--help"], capture_output=True, text=True, check=False)
    if "--tar" not in made_by.stdout + made_by.stderr:
        return "its mkfs.erofs takes no archive"
    said = subprocess.run(["containerd", "-v"], capture_output=True, text=True, check=True).stdout
    found = re.search(r" v?(\d+)\.(\d+)\.", said)
    if found is None or (int(found[1]), int(found[2])) < (2, 1):
        return "its containerd has no such snapshotter"
    return ""


def devmapper_lacks() -> str:
    """The same of the snapshotter of this name; the kernel loads the module if it has it."""
    if shutil.which("dmsetup") is None:
        return "no dmsetup is installed"
    subprocess.run(["modprobe", "--quiet", "dm_thin_pool"], check=False)
    told = subprocess.run(["dmsetup", "targets"], capture_output=True, text=True, check=False)
    return "" if "thin-pool" in told.stdout else "its kernel has no dm_thin_pool"
