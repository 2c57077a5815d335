"""Whatever can be expected is told in one line: no traceback, no group of errors, no JSON library.

Each command is called as a user calls it, with something wrong with the host or its files.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import pkgutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from iluvatar_bench import benchmarks, containerd, runs, studies
from iluvatar_bench.containerd.daemon.place import claim_place, fresh_place
from iluvatar_bench.containerd.daemon.tasks_end import end_guests
from iluvatar_bench.containerd.daemon.teardown import clear_place
from tests.support.command import command, own_process

NEEDS_ROOT = [
    ("ground-truth", "--repeats", "1"),
    ("run", "cold-start", "--trials", "2"),
    ("run", "churn", "--arrivals", "3"),
    ("blame", "iluvatar-2022-07", "guarded"),
    ("root-cause", "--factors", "kill"),
    ("dose", "start_delay_ms", "0", "50"),
    ("network-benchmark",),
    ("daemon", "start"),
    ("daemon", "status"),
    ("clean",),
]


@contextmanager
def nobody() -> Iterator[None]:
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture(scope="module")
def everything_loaded() -> None:
    """What a command loads late may lie where only root can read."""
    for package in (benchmarks, containerd, runs, studies):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if "._api." not in module.name and not module.name.endswith("_process"):
                importlib.import_module(module.name)
    importlib.import_module("scipy.stats")


def one_line(done: subprocess.CompletedProcess[str], *, status: int = 1) -> str:
    assert done.returncode == status, done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("error: ")
    return done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give it up")
@pytest.mark.parametrize("arguments", NEEDS_ROOT, ids=" ".join)
def test_without_root(
    arguments: tuple[str, ...], short_folder: Path, everything_loaded: None
) -> None:
    """Said at once, before an image is built or a folder is made that stays."""
    short_folder.chmod(0o777)
    with nobody():
        done = command(*arguments, cwd=short_folder)
    assert "root; run it as root" in one_line(done)
    assert [path for path in short_folder.rglob("*") if path.name != "results"] == []


def test_a_results_folder_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for out in (tmp_path / "file", tmp_path / "file" / "below"):
        done = command("run", "cold-start", "--trials", "1", "--out", str(out))
        assert str(out) in one_line(done)


@pytest.mark.slow
async def test_a_daemon_that_takes_connections_and_never_answers(short_folder: Path) -> None:
    address = short_folder / "mute"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(address))
        listener.listen()
        commands = [
            ("audit", "--address", str(address)),
            ("audit", "--watch", "--address", str(address)),
            ("explain", "--live", "x", "--address", str(address)),
            ("run", "cold-start", "--trials", "1", "--address", str(address), "--out", "r"),
        ]
        done = await asyncio.gather(
            *(
                asyncio.to_thread(own_process, *one, cwd=short_folder, timeout=120)
                for one in commands
            )
        )
    for one in done:
        said = one.stderr.splitlines()[-1]
        assert f"containerd at {address} does not answer within 10 s" in said
        assert "Traceback" not in one.stderr
        assert one.returncode == 1


@pytest.mark.daemon
@pytest.mark.parametrize("content", ["", '["/run/c.so', "7", "[1, 2]", '{"a": 1, "b": 2}', "[]"])
async def test_what_a_killed_process_could_not_finish_to_write(content: str) -> None:
    place = fresh_place()
    with claim_place(place):
        try:
            place.guest_of.write_text(content)
            (said,) = await end_guests(place)
        finally:
            assert clear_place(place) == []
    assert f"{place.guest_of} cannot be read (it is torn)" in said
    assert f"iluvatar-bench/place={place.id}" in said
    assert "\n" not in said
