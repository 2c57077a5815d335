"""Copies containerd's root: content, snapshots and databases, as one folder on disk."""

from __future__ import annotations

import subprocess
from pathlib import Path

from iluvatar_bench.errors import UnusablePath
from iluvatar_bench.host.full_disk import disk_full, has_room


def copy_root(source: Path, target: Path) -> None:
    """Fill the folder ``target`` with the root of a containerd that nothing writes to meanwhile.

    On one file system files are linked: containerd writes to none of them but its databases.

    Raises:
        DiskFull: there is no room for it.
        UnusablePath: it cannot be copied.
    """
    linked = source.stat().st_dev == target.stat().st_dev
    # By cp: what snapshots hold are also device nodes (whiteouts) and extended attributes.
    copies = [("cp", "--archive", *(["--link"] if linked else []), f"{source}/.", str(target))]
    if linked:
        copies += [
            (
                "cp",
                "--archive",
                "--remove-destination",
                str(path),
                str(target / path.relative_to(source)),
            )
            for path in source.glob("*/*.db")
        ]
    for command in copies:
        copied = subprocess.run(command, capture_output=True, text=True, check=False)
        if copied.returncode != 0:
            if not has_room(target):
                raise disk_full(target, f"{source} cannot be copied there")
            raise UnusablePath(f"{source} cannot be copied to {target}: {copied.stderr.strip()}")
