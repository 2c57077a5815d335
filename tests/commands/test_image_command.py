"""The image commands as a user meets them, on disk and in a running containerd."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from iluvatar_bench.containerd.daemon.private import Node
from tests.support.archives import FOREIGN, configuration, docker_files, write
from tests.support.command import command, own_process


def image(cache: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """``iluvatar-bench image ...`` with an image cache of its own."""
    return command("image", *arguments, env={**os.environ, "XDG_CACHE_HOME": str(cache)})


def image_process(cache: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The same as a process of its own, for a test that has an event loop running."""
    return own_process("image", *arguments, env={**os.environ, "XDG_CACHE_HOME": str(cache)})


def test_import_list_remove_on_disk(tmp_path: Path) -> None:
    assert image(tmp_path, "list").stdout.strip() == "no image"
    archive = write(tmp_path / "tiny.tar.gz", docker_files(tags=("team/tiny:1",)), mode="w:gz")
    done = image(tmp_path, "import", str(archive))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("team/tiny:1  sha256:")
    (line,) = image(tmp_path, "list").stdout.splitlines()
    assert line.split()[0] == "team/tiny:1"
    assert "2 layers" in line
    assert "removed" in image(tmp_path, "remove", "team/tiny:1").stdout
    assert image(tmp_path, "list").stdout.strip() == "no image"


@pytest.mark.daemon
async def test_import_list_remove_in_a_daemon(quiet_node: Node, tmp_path: Path) -> None:
    address = ("--address", str(quiet_node.address))
    archive = write(tmp_path / "tiny.tar", docker_files(tags=("team/tiny:1",)))
    done = image_process(tmp_path, "import", str(archive), *address)
    assert done.returncode == 0, done.stderr
    assert image_process(tmp_path, "list", *address).stdout.split()[0] == "team/tiny:1"
    assert image_process(tmp_path, "list").stdout.strip() == "no image"
    assert image_process(tmp_path, "remove", "team/tiny:1", *address).returncode == 0
    assert image_process(tmp_path, "list", *address).stdout.strip() == "no image"
    assert await quiet_node.client.content.digests() == ()
    # One on disk is given to a daemon by its name.
    assert image_process(tmp_path, "import", str(archive)).returncode == 0
    done = image_process(tmp_path, "import", "team/tiny:1", *address)
    assert done.returncode == 0, done.stderr
    assert image_process(tmp_path, "list", *address).stdout.split()[0] == "team/tiny:1"


def test_mistakes_and_damage_give_one_line(tmp_path: Path) -> None:
    folder = tmp_path / "function"
    folder.mkdir()
    (folder / "main.py").write_text("def main(args):\n    return {}\n")
    (folder / "reqs.txt").write_text("no-such-package-x ==0.0.1 !\n")
    foreign = docker_files(config=configuration(architecture=FOREIGN))
    write(tmp_path / "foreign.tar", foreign)
    (tmp_path / "cut.tar").write_bytes((tmp_path / "foreign.tar").read_bytes()[:2000])
    empty = tmp_path / "empty"
    empty.mkdir()
    cases: list[tuple[int, str, list[str]]] = [
        (
            2,
            "no server 'apache'; there are: flask, gunicorn, http_server",
            ["build", "hello", "--server=apache"],
        ),
        (2, "has no main.py", ["build", str(empty)]),
        (1, "do not install: ERROR: Invalid requirement", ["build", str(folder)]),
        (1, f"is for linux/{FOREIGN}; this host", ["import", str(tmp_path / "foreign.tar")]),
        (1, "is cut off or damaged", ["import", str(tmp_path / "cut.tar")]),
        (2, "No such file", ["import", str(tmp_path / "absent.tar")]),
        (2, "no image 'x:1' on disk", ["remove", "x:1"]),
        (2, "no full reference", ["pull", "busybox", "--address", str(tmp_path / "no")]),
        (1, "is not there", ["list", "--address", str(tmp_path / "none.sock")]),
    ]
    for status, words, arguments in cases:
        done = image(tmp_path / "cache", *arguments)
        assert (done.returncode, done.stderr.count("\n")) == (status, 1), done.stderr
        assert words in done.stderr
        assert done.stderr.startswith("error: ")


def test_the_same_with_byte_code_or_another_server_is_another_image(tmp_path: Path) -> None:
    for options in ([], ["--server", "gunicorn"], ["--byte-code"]):
        done = image(tmp_path, "build", "hello", *options)
        assert done.returncode == 0, done.stderr
    names = [line.split(":")[0] for line in image(tmp_path, "list").stdout.splitlines()]
    assert names == [f"iluvatar-bench/hello{tag}" for tag in ("-byte-code", "-gunicorn", "")]
