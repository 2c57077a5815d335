"""What snapshotters need that are not overlayfs: a disk of their own, a program, to be named.

A private containerd has a file for it among its data. It is mounted below them, so that its end
unmounts it; the loop device goes with the mount. A thin pool has two, and is removed by its name.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from iluvatar_bench.containerd.daemon.place import Place
from iluvatar_bench.errors import EnvironmentProblem, MissingProgram
from iluvatar_bench.host.kernel import thin_pool

_PLUGIN = "io.containerd.snapshotter.v1"
_DISK_BYTES = 4 * 1024**3
"""Of a file with holes: what is written to it is all that it takes."""

_SCRATCH_BYTES = 512 * 1024**2
"""Of the file that each of blockfile's snapshots begins as a copy of, holes and all; and of each of
devmapper's devices."""

_SECONDS = 60.0


def snapshotter_settings(place: Place, snapshotters: Iterable[str]) -> dict[str, Any]:
    """Make what the snapshotters need, and say to containerd's configuration where it is.

    What is made lies below the place's data, and goes with it.

    Raises:
        MissingProgram: a program that makes file systems is not installed.
        EnvironmentProblem: the kernel or the disk does not allow it.
    """
    names = tuple(dict.fromkeys(snapshotters))
    settings = _unpacked_by_daemon(names)
    for name in names:
        if name in _MAKERS:
            settings |= _MAKERS[name](place)
    return settings


def _unpacked_by_daemon(names: Sequence[str]) -> dict[str, Any]:
    """Have the Transfer service unpack for them: by itself it does so for overlayfs alone.

    Containerd 2.1.9, plugins/transfer/plugin.go and core/transfer/local/pull.go; 1.6 passes over
    the settings of a plugin that it does not have.
    """
    if set(names) <= {"overlayfs"}:
        return {}
    # Without an architecture the platform has the host's (containerd/platforms, Parse).
    targets = [
        {
            "platform": "linux",
            "snapshotter": name,
            "differ": "erofs" if name == "erofs" else "walking",
        }
        for name in names
    ]
    return {"io.containerd.transfer.v1.local": {"unpack_config": targets}}


def _btrfs(place: Place) -> dict[str, Any]:
    _require("mkfs.btrfs", "btrfs-progs")
    disk, home = place.data / "btrfs.disk", place.data / "btrfs"
    _sparse(disk, _DISK_BYTES)
    home.mkdir()
    _do("mkfs.btrfs", "--quiet", str(disk))
    _do("mount", "--types", "btrfs", "--options", "loop", str(disk), str(home))
    return {f"{_PLUGIN}.btrfs": {"root_path": str(home)}}


def _blockfile(place: Place) -> dict[str, Any]:
    _require("mkfs.ext4", "e2fsprogs")
    home = place.data / "blockfile"
    home.mkdir()
    scratch = home / "scratch"
    _sparse(scratch, _SCRATCH_BYTES)
    # Without a journal, which each copy would carry, and without tables that are written later.
    _do("mkfs.ext4", "-q", "-m0", "-O", "^has_journal", "-E", "nodiscard", str(scratch))
    (home / "snapshots").mkdir()
    return {
        f"{_PLUGIN}.blockfile": {
            "root_path": str(home / "snapshots"),
            "scratch_file": str(scratch),
            "fs_type": "ext4",
            "mount_options": ["loop"],
        }
    }


def _erofs(place: Place) -> dict[str, Any]:
    _require("mkfs.erofs", "erofs-utils")
    # Seen: 1.5 (Debian 12) has no such option, and every layer fails to be unpacked.
    usage = subprocess.run(
        ["mkfs.erofs", "--help"], capture_output=True, text=True, check=False, timeout=_SECONDS
    )
    if "--tar" not in usage.stdout + usage.stderr:
        raise EnvironmentProblem(
            "this mkfs.erofs cannot make a file system of an archive (--tar), which containerd has "
            "it do for each layer; install erofs-utils 1.7 or later, or choose another snapshotter"
        )
    # Its own differ where it can, the walking one for all others.
    return {"io.containerd.service.v1.diff-service": {"default": ["erofs", "walking"]}}


def _devmapper(place: Place) -> dict[str, Any]:
    _require("dmsetup", "dmsetup")
    _require("mkfs.ext4", "e2fsprogs")
    _require("losetup", "mount")
    try:
        thin_pool.require_target()
    except OSError as error:
        raise EnvironmentProblem(
            f"this kernel has no thin pools of the device mapper ({error}); modprobe "
            f"{thin_pool.MODULE} loads them where they were built, which Debian's kernels have; or "
            "choose another snapshotter"
        ) from error
    home = place.thin_pool_home
    home.mkdir()
    try:
        thin_pool.make_pool(place.thin_pool, home, data_bytes=_DISK_BYTES)
    except OSError as error:
        raise EnvironmentProblem(f"no thin pool could be made: {error}") from error
    return {
        f"{_PLUGIN}.devmapper": {
            "root_path": str(home / "snapshots"),
            "pool_name": place.thin_pool,
            "base_image_size": f"{_SCRATCH_BYTES // 1024**2}MB",
        }
    }


_MAKERS: dict[str, Callable[[Place], dict[str, Any]]] = {
    "btrfs": _btrfs,
    "blockfile": _blockfile,
    "devmapper": _devmapper,
    "erofs": _erofs,
}


def _require(program: str, package: str) -> None:
    if shutil.which(program) is None:
        raise MissingProgram(
            f"{program} is not installed, which this snapshotter needs; on Debian or Ubuntu: "
            f"apt-get install {package}"
        )


def _sparse(file: Path, size: int) -> None:
    with file.open("wb") as opened:
        opened.truncate(size)


def _do(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_SECONDS)
    if done.returncode != 0:
        raise EnvironmentProblem(f"{' '.join(command)} failed: {done.stderr.strip()}")
