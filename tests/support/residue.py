"""What a private containerd has left on this host, found by its own name."""

from __future__ import annotations

import os
import re
from pathlib import Path

from iluvatar_bench.containerd.daemon.place import DATA_HOME, STATE_HOME


def place_of(run_folder: Path) -> str:
    """The name of the place that the run's containerd lived in, from its log."""
    log = (run_folder / "containerd.log").read_text()
    found = re.search(rf"{STATE_HOME}/([0-9a-f]+)/", log)
    assert found is not None, "the log names no place"
    return found[1]


def residue_of(place: str) -> list[str]:
    """Mounts, cgroups, processes and folders with the place's name; none once it is gone."""
    mounts = [line for line in Path("/proc/self/mounts").read_text().splitlines() if place in line]
    # Not Path.rglob, which fails where another test's cgroup goes away while it looks.
    cgroups = [
        str(Path(directory, name))
        for directory, below, _ in os.walk("/sys/fs/cgroup")
        for name in below
        if place in name
    ]
    folders = [str(home / place) for home in (STATE_HOME, DATA_HOME) if (home / place).exists()]
    return [*mounts, *cgroups, *folders, *_processes(place)]


def _processes(place: str) -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes()
        except OSError:  # it has ended
            continue
        if place.encode() in words:
            found.append(words.replace(b"\0", b" ").decode(errors="replace"))
    return found
