"""A thin pool of the device mapper on two sparse files, and all that stands on it.

The files are seen as loop devices. Each is told at once to go with its last user, which the pool is
(losetup(8), --detach): whatever removes the pool ends them too. The table is that of the kernel's
Documentation/admin-guide/device-mapper/thin-provisioning.rst.
"""

from __future__ import annotations

import subprocess
import time
from contextlib import suppress
from pathlib import Path

TARGET = "thin-pool"
MODULE = "dm_thin_pool"

_SECTOR_BYTES = 512
_BLOCK_SECTORS = 128
"""64 KiB, the smallest: snapshots share and copy whole blocks."""

_METADATA_BYTES = 64 * 1024**2
"""The kernel's document asks for 48 bytes of each block of data, and for room for snapshots."""

_FEATURES = ("skip_block_zeroing", "error_if_no_space")
"""A new file has nothing in it to be hidden; and a pool that is full would let writers wait."""

_SECONDS = 30.0
"""Of one command. ``dmsetup remove --retry`` asks 25 times, each fifth of a second."""

_REMOVAL_SECONDS = 60.0
"""As long a removal waits for devices in use, all of them together."""


def require_target() -> None:
    """Look for thin pools in the kernel, whose module is loaded if it is there.

    Raises:
        OSError: it has none, or dmsetup cannot ask it.
    """
    try:
        known = TARGET in _targets()
    except OSError:
        known = False
    if not known:
        # Without it, or without kmod, what the kernel has is said by itself.
        with suppress(OSError):
            _run("modprobe", "--quiet", MODULE)
        if TARGET not in _targets():
            raise OSError(f"dmsetup targets: no {TARGET}")


def _targets() -> frozenset[str]:
    return frozenset(
        line.split()[0] for line in _run("dmsetup", "targets").splitlines() if line.split()
    )


def make_pool(name: str, folder: Path, *, data_bytes: int) -> None:
    """Make a pool of so many bytes, on files in a folder of its own.

    Raises:
        OSError: a program is not there, or was refused.
    """
    sizes = {"metadata": _METADATA_BYTES, "data": data_bytes}
    devices = []
    for file, size in ((folder / part, size) for part, size in sizes.items()):
        with file.open("wb") as opened:
            opened.truncate(size)
        devices.append(_run("losetup", "--find", "--show", str(file)).strip())
    options = (*devices, _BLOCK_SECTORS, 0, len(_FEATURES), *_FEATURES)
    table = f"0 {data_bytes // _SECTOR_BYTES} {TARGET} {' '.join(map(str, options))}"
    _run("dmsetup", "create", name, "--table", table)
    for device in devices:
        _run("losetup", "--detach", device)


def remove_pool(name: str, folder: Path) -> list[str]:
    """Remove a pool with the devices on it, which begin with its name, and end its loop devices.

    Nothing is to use them any more: one that is in use is asked for again for some seconds. Safe
    to repeat, also where a part was never made.

    Returns:
        what could not be removed, with the reason.
    """
    deadline = time.monotonic() + _REMOVAL_SECONDS
    refused: dict[str, str] = {}
    try:
        # A pool is in use as long as a device is on it.
        for device in [*_devices_on(name), *_pool(name)]:
            retry = ("--retry",) if time.monotonic() < deadline else ()
            try:
                _run("dmsetup", "remove", *retry, device)
            except OSError as error:
                refused[device] = str(error)
        for device in _loop_devices(folder):
            # One that goes by itself meanwhile, as all are told to, is refused.
            with suppress(OSError):
                _run("losetup", "--detach", device)
        still = (*_devices_on(name), *_pool(name))
        left = [f"{device}: {refused.get(device, 'just made')}" for device in still]
        return left + [f"{device}: still in use" for device in _loop_devices(folder)]
    except OSError as error:
        return [f"{name}: {error}"]


def _devices_on(pool: str) -> list[str]:
    """By the names that containerd gives them (snapshots/devmapper/snapshotter.go)."""
    return [name for name in _devices() if name.startswith(f"{pool}-snap-")]


def _pool(name: str) -> list[str]:
    return [name] if name in _devices() else []


def _devices() -> list[str]:
    """The names of all there are: a line for each, or that there are none."""
    return [ln.split("\t")[0] for ln in _run("dmsetup", "ls").splitlines() if "\t" in ln]


def _loop_devices(folder: Path) -> list[str]:
    found = []
    for file in sorted(folder.iterdir()):
        if file.is_file():
            listed = _run("losetup", "--associated", str(file), "--noheadings", "--output", "NAME")
            found += listed.split()
    return found


def _run(*command: str) -> str:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=_SECONDS
        )
    except subprocess.TimeoutExpired as error:
        raise OSError(f"{' '.join(command[:2])} took longer than {_SECONDS:g} s") from error
    if done.returncode != 0:
        said = "; ".join(done.stderr.strip().splitlines())
        raise OSError(f"{' '.join(command)}: {said}")
    return done.stdout
