"""What a proxy that was killed leaves can be told from what a living one has."""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from iluvatar_bench.containerd.proxy.own_folder import (
    INNER_SOCKET,
    PREFIX,
    own_folder,
    remove_abandoned_proxies,
)
from tests.support.networks import needs_root
from tests.support.waiting import wait_for

pytestmark = needs_root()

HOLDER = """
import socket, sys, time
from pathlib import Path
from iluvatar_bench.containerd.proxy.own_folder import INNER_SOCKET, own_folder
listen = Path(sys.argv[1])
with own_folder(listen, home=listen.parent) as folder, socket.socket(socket.AF_UNIX) as inner, \\
        socket.socket(socket.AF_UNIX) as front:
    inner.bind(str(folder / INNER_SOCKET))
    front.bind(str(listen))
    front.listen()
    print(folder, flush=True)
    time.sleep(60)
"""
"""The proxy's own part of a proxy: its folder and its two sockets."""


@contextmanager
def holder(listen: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(listen)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        yield process, Path(process.stdout.readline().strip())
    finally:
        process.kill()
        process.communicate()


def test_the_folder_of_a_killed_proxy_goes_and_that_of_a_living_one_stays(
    short_folder: Path,
) -> None:
    """In a home of its own: in the common one every owner's watchdog cleans as well."""
    with (
        holder(short_folder / "killed") as (killed, left),
        holder(short_folder / "living") as (_, kept),
        holder(short_folder / "again") as (other, taken),
    ):
        assert str(left) not in remove_abandoned_proxies(short_folder)[0]
        killed.kill()
        other.kill()
        wait_for(lambda: killed.poll() is not None and other.poll() is not None)
        (short_folder / "again").unlink()
        with socket.socket(socket.AF_UNIX) as successor:
            # Somebody else listens there meanwhile.
            successor.bind(str(short_folder / "again"))
            successor.listen()
            removed, problems = remove_abandoned_proxies(short_folder)
        assert {str(left), str(taken)} <= set(removed)
        assert problems == []
        assert not left.exists()
        assert not (short_folder / "killed").exists()
        assert (short_folder / "again").is_socket()
        assert kept.exists()
        assert (short_folder / "living").is_socket()
    removed, _ = remove_abandoned_proxies(short_folder)
    assert str(kept) in removed


def test_whoever_cleans_while_a_proxy_begins_leaves_it_alone(
    short_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also in the moment before it holds its lock: what nobody holds is removed."""
    lock, cleaned = fcntl.flock, []

    def clean_and_lock(descriptor: int, how: int) -> None:
        if how == fcntl.LOCK_EX:
            cleaned.append(remove_abandoned_proxies(short_folder))
        lock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", clean_and_lock)
    with own_folder(short_folder / "listen", home=short_folder) as folder:
        assert cleaned == [([], [])]
        assert folder.is_dir()
        assert remove_abandoned_proxies(short_folder) == ([], [])


def test_whoever_cleans_while_a_proxy_ends_has_nothing_to_remove(
    short_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remove, cleaned = shutil.rmtree, []

    def clean_and_remove(*folder: Path, **how: object) -> None:
        if not cleaned:
            cleaned.append(([], ["not yet"]))
            cleaned[0] = remove_abandoned_proxies(short_folder)
        remove(*folder, **how)

    with own_folder(short_folder / "listen", home=short_folder) as folder:
        monkeypatch.setattr(shutil, "rmtree", clean_and_remove)
    assert cleaned == [([], [])]
    assert not folder.exists()


@pytest.mark.parametrize("old", [False, True])
def test_a_folder_without_a_lock_goes_only_when_it_is_old_and_nobody_is_there(
    old: bool, short_folder: Path
) -> None:
    folder = short_folder / f"{PREFIX}test"
    folder.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(folder / INNER_SOCKET))
        server.listen()
        if old:
            os.utime(folder, (0, 0))
        assert str(folder) not in remove_abandoned_proxies(short_folder)[0]
    assert (str(folder) in remove_abandoned_proxies(short_folder)[0]) is old
    assert folder.exists() is not old
