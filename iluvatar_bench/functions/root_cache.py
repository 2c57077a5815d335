"""Roots of containerd in the cache folder, each with the same images in it.

::

    roots/<key>/images.json   digests of the images; its time is when the root was last asked for
               /root/         what an import of them leaves behind: content, snapshots, databases
               /whole.json    written last: how much is in the root

A root is copied, made and removed under the lock of its folder, which the kernel releases when
the holder ends. Nobody waits for it: an import does as well.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from iluvatar_bench.functions.build import BuiltImage
from iluvatar_bench.functions.cache import image_home, remove_folder
from iluvatar_bench.host.whole_files import write_whole

KEPT = 8
"""Roots that are kept, those asked for last; each takes what its images take unpacked."""

_FORMAT = "1"
"""Another one when a root with the same key is to hold something else."""


def root_home() -> Path:
    """Where roots are kept, beside the images."""
    return image_home().parent / "roots"


def root_folder(images: Sequence[BuiltImage], snapshotters: Sequence[str], program: Path) -> Path:
    """The folder for the root of this containerd with these images, unpacked so.

    Raises:
        OSError: there is no such program.
    """
    there = program.stat()
    parts = (
        _FORMAT,
        str(program.resolve()),
        str(there.st_size),
        str(there.st_mtime_ns),
        *sorted(snapshotters),
        *sorted(f"{image.name} {image.digest}" for image in images),
    )
    return root_home() / hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def asked_before(folder: Path, images: Sequence[BuiltImage]) -> bool:
    """Whether somebody has asked for this root before; now somebody has.

    Raises:
        DiskFull, OSError: the cache cannot be written.
    """
    try:
        os.utime(folder / "images.json")
        return True
    except FileNotFoundError:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_whole(folder / "images.json", json.dumps([image.digest for image in images]))
    for old in sorted(_folders(), key=_last_asked, reverse=True)[KEPT:]:
        remove_root(old)
    return False


def _last_asked(folder: Path) -> float:
    try:
        return (folder / "images.json").stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _folders() -> list[Path]:
    home = root_home()
    return [p for p in home.iterdir() if not p.name.startswith(".")] if home.is_dir() else []


def remove_roots_of(digest: str) -> None:
    """Remove every root that holds the image of that digest."""
    for folder in _folders():
        try:
            held = json.loads((folder / "images.json").read_text())
        except (OSError, ValueError):
            continue
        if digest in held:
            remove_root(folder)


def remove_root(folder: Path) -> None:
    """Remove a root, unless somebody copies or makes it in this moment."""
    with locked(folder, fcntl.LOCK_EX) as held:
        if held:
            remove_folder(folder)


@contextmanager
def locked(folder: Path, how: int) -> Iterator[bool]:
    """Whether the folder is there and its lock is free; if so, it is held for the block.

    ``how`` is ``fcntl.LOCK_SH`` to copy what is in it, ``LOCK_EX`` to change that.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        yield False
        return
    try:
        try:
            fcntl.flock(descriptor, how | fcntl.LOCK_NB)
            # Whoever held it a moment ago may have removed it.
            held = folder.exists() and os.path.samestat(folder.stat(), os.fstat(descriptor))
        except BlockingIOError:
            held = False
        yield held
    finally:
        os.close(descriptor)


def keep(folder: Path) -> None:
    """Say of the root in the folder, which is complete, that it is; the caller holds the lock."""
    # It is found after a crash of the host, too: what it holds is to be on the disk before.
    subprocess.run(["sync", "--file-system", str(folder)], check=True)
    write_whole(folder / "whole.json", json.dumps(_amount(folder / "root")))


@contextmanager
def whole_root(folder: Path) -> Iterator[Path | None]:
    """The root in the folder, kept as it is for the block; None where there is none to be had.

    One that lacks a file is none: somebody may have cleaned the cache folder.
    """
    with ExitStack() as stack:
        held = stack.enter_context(locked(folder, fcntl.LOCK_SH))
        whole = held and is_whole(folder)
        if not whole:
            # So that it can be made in the block.
            stack.close()
        yield folder / "root" if whole else None


def is_whole(folder: Path) -> bool:
    """Whether there is a root in the folder, and all of it."""
    try:
        stated = json.loads((folder / "whole.json").read_text())
    except (OSError, ValueError):
        return False
    return bool(stated == _amount(folder / "root"))


def _amount(root: Path) -> dict[str, int]:
    """How many files there are, of every kind, and their bytes."""
    files = size = 0
    for folder, _, names in os.walk(root):
        for name in names:
            files += 1
            size += Path(folder, name).lstat().st_size
    return {"files": files, "bytes": size}
