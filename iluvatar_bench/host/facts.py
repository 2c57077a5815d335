"""Facts about this host that a result depends on, for the manifest and for doctor."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil

from iluvatar_bench.host.kernel import cgroups

CNI_HOMES = (Path("/usr/lib/cni"), Path("/opt/cni/bin"), Path("/usr/libexec/cni"))


def program_version(*command: str) -> str | None:
    """What a program prints of its version, on one line; None where it is not installed.

    The first line as a rule; where that is only a heading (the shim's own path and a colon), the
    line that names the version.
    """
    program = shutil.which(command[0])
    if program is None:
        return None
    done = subprocess.run(
        [program, *command[1:]], capture_output=True, text=True, check=False, timeout=20
    )
    lines = [line.strip() for line in (done.stdout or done.stderr).strip().splitlines()]
    if lines and lines[0].endswith(":"):
        lines = [line for line in lines if line.startswith("Version")] or lines
    return lines[0] if lines else "unknown"


def package_versions() -> dict[str, str]:
    """The versions of this package and of those that a result can depend on."""
    names = ("iluvatar-bench", "grpcio", "numpy", "pandas", "scipy")
    return {name: metadata.version(name) for name in names}


def git_revision(folder: Path) -> str | None:
    """The commit of a source checkout, marked ``-dirty`` with local changes; None elsewhere."""
    if shutil.which("git") is None:
        return None
    done = subprocess.run(
        ["git", "-C", str(folder), "describe", "--always", "--dirty", "--exclude=*"],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() or None


def plugin_homes(configured: Sequence[Path] = ()) -> tuple[Path, ...]:
    """Where CNI plugins are looked for: as configured, or by CNI_PATH, or in the usual places."""
    if configured:
        return tuple(configured)
    variable = os.environ.get("CNI_PATH", "")
    return tuple(Path(part) for part in variable.split(":") if part) or CNI_HOMES


def cni_home(configured: Sequence[Path] = ()) -> Path | None:
    """The folder of the CNI plugins; None where they are not installed."""
    homes = plugin_homes(configured)
    return next((home for home in homes if os.access(home / "bridge", os.X_OK)), None)


def cni_facts() -> dict[str, str | None]:
    """Where the CNI plugins are and what ``bridge`` says of itself; None where there are none."""
    home = cni_home()
    # Without a command in its environment a plugin prints its version (pkg/skel of CNI).
    version = program_version(str(home / "bridge")) if home else None
    return {"home": str(home) if home else None, "bridge": version}


def has_overlayfs() -> bool:
    """Whether the running kernel knows overlayfs, loaded or as a module."""
    known = Path("/proc/filesystems").read_text()
    modules = Path("/lib/modules") / platform.release() / "modules.dep"
    try:
        loadable = "overlay.ko" in modules.read_text()
    except OSError:
        loadable = False
    return "overlay" in known or loadable


def started_as() -> list[str]:
    """What this process was started as: its program without the folder, and the arguments."""
    program, *arguments = sys.argv or [""]
    return [Path(program).name, *arguments]


def host_facts() -> dict[str, Any]:
    """What a result depends on, as JSON-ready values."""
    memory = psutil.virtual_memory()
    return {
        "hostname": platform.node(),
        "kernel": platform.release(),
        "machine": platform.machine(),
        "cpus": os.cpu_count(),
        "memory_bytes": memory.total,
        "cgroup_mode": cgroups.mode(),
        "python": platform.python_version(),
        "runc": program_version("runc", "--version"),
        "shim": program_version("containerd-shim-runc-v2", "-v"),
        "cni": cni_facts(),
        "packages": package_versions(),
        "git_revision": git_revision(Path(__file__).parent),
    }
