"""The watchdog's own program: it outlives the owner of a place, and removes what that one left.

It is started by path (``python -P watchdog_process.py``), so that it loads neither the package nor
anything else before it has to: see ``watchdog`` for its side of the owner.
"""

from __future__ import annotations

import os
import select
import sys

BOUND_SECONDS = 0.5
"""How often the place's files are looked at: what is written between two looks comes on top."""

LOCK_SECONDS = 2.0
"""How long a `clean` that has come first, or a forked child of the owner, is waited for."""

REMOVAL_SECONDS = 60.0
"""Within this time what does not go at once is tried again."""

FAREWELL = b"\n"

Bounds = tuple[tuple[str, str, str], ...]


def _main(place_id: str, log_path: str, farewell: str, owner: str, *, bounds: Bounds) -> int:
    """Wait for the owner's farewell, or for its end without one; then remove the place.

    ``farewell`` and ``owner`` are descriptors; ``bounds`` are files and folders of files, each with
    the bytes of head and tail that are kept.
    """
    if _owner_says_farewell(int(farewell), int(owner), bounds):
        return 0
    return _remove(place_id, log_path)


def _owner_says_farewell(farewell: int, owner: int, bounds: Bounds) -> bool:
    """Until the owner has said it (True), or is gone (False).

    It is gone when its pidfd says so, whoever has inherited its end of the pipe; or when that end
    is closed, as by an exec in the owner's place.
    """
    os.set_blocking(farewell, False)
    poller = select.poll()
    poller.register(farewell, select.POLLIN)
    poller.register(owner, select.POLLIN)
    while not poller.poll(int(BOUND_SECONDS * 1000)):
        _bound(bounds)
    try:
        return os.read(farewell, 1) == FAREWELL
    except BlockingIOError:
        return False


def _bound(bounds: Bounds) -> None:
    from iluvatar_bench.host.bounded_files import bound_file, bound_output

    for path, head, tail in bounds:
        act = bound_output if os.path.isdir(path) else bound_file  # noqa: PTH112
        try:
            act(path, head_bytes=int(head), tail_bytes=int(tail))
        except OSError:
            # Tried again at the next look; that a disk is read-only is for the owner to tell.
            continue


def _remove(place_id: str, log_path: str) -> int:
    import asyncio
    from pathlib import Path

    from iluvatar_bench.containerd.daemon.abandoned import remove_after_owner
    from iluvatar_bench.containerd.daemon.place import Place

    left = asyncio.run(
        remove_after_owner(
            Place(place_id),
            log_path=Path(log_path) if log_path else None,
            lock_seconds=LOCK_SECONDS,
            seconds=REMOVAL_SECONDS,
        )
    )
    return 1 if left else 0


if __name__ == "__main__":
    _, *settings = sys.argv
    files = settings[4:]
    bounds = tuple(zip(files[::3], files[1::3], files[2::3], strict=True))
    sys.exit(_main(*settings[:4], bounds=bounds))
