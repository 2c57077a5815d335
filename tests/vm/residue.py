"""What is left in the machine of what is ours."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path


def commands() -> dict[int, str]:
    """What each process was started as; the kernel's own threads were not."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
            except OSError:
                continue
            if words:
                found[int(entry.name)] = words
    return found


def text_of(file: Path) -> str:
    """What it says; nothing where it is gone."""
    try:
        return file.read_text().strip()
    except OSError:
        return ""


def residue() -> dict[str, list[str]]:
    """Units, cgroups, processes, mounts, folders, and devices of ours."""
    units = subprocess.run(
        ["systemctl", "list-units", "--all", "--plain", "--no-legend", "iluvatar*"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    cgroups = [str(p) for p in Path("/sys/fs/cgroup").rglob("*iluvatar*") if p.is_dir()]
    ours = re.compile(r"containerd|/functions/|server\.py|iluvatar-bench")
    alive = [words for words in commands().values() if ours.search(words)]
    mounts = [line for line in Path("/proc/self/mounts").read_text().splitlines() if "iluv" in line]
    folders = [str(p) for h in ("/run", "/var/lib") for p in Path(h).glob("iluvatar-bench/*")]
    # ./bench keeps this file for those that mount something there.
    folders = [folder for folder in folders if not folder.endswith("/.mount-point")]
    blocks = Path("/sys/block")
    told = [*blocks.glob("dm-*/dm/name"), *blocks.glob("loop*/loop/backing_file")]
    devices = [name for name in map(text_of, told) if "iluvatar" in name]
    found = {
        "units": [line.split()[0] for line in units.splitlines() if line.split()],
        "cgroups": cgroups,
        "processes": alive,
        "mounts": mounts,
        "folders": folders,
        "devices": devices,
    }
    return {kind: names for kind, names in found.items() if names}
