"""A process that runs on in a snapshot of a place that is gone is found by its root, and ended."""

from __future__ import annotations

import secrets
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from iluvatar_bench.containerd.daemon.outlived import remove_outlived
from iluvatar_bench.containerd.daemon.place import Place
from iluvatar_bench.containerd.daemon.private import Node
from iluvatar_bench.host.kernel import processes
from iluvatar_bench.host.shared_folders import make_below_shared
from tests.support.command import PROGRAM
from tests.support.waiting import wait_for

ROOTED = """\
mount -t overlay overlay -o lowerdir=/,upperdir=$1/r/upper,workdir=$1/r/work $1/root &&
cd $1/root && pivot_root . mnt && echo ready && exec sleep 60
"""


@contextmanager
def rooted_in(home: Path) -> Iterator[subprocess.Popen[str]]:
    """A process whose root is an overlay with its folders below ``home``, as a container's is."""
    for name in ("r/upper", "r/work", "root"):
        (home / name).mkdir(parents=True)
    child = subprocess.Popen(
        ["unshare", "--mount", "--propagation", "private", "sh", "-c", ROOTED, "sh", str(home)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        # Until it has become sleep, its command line names the folder.
        wait_for(lambda: processes.command_line(child.pid)[:1] == ("sleep",))
        yield child
    finally:
        child.kill()
        child.wait()
        assert child.stdout is not None
        child.stdout.close()


@pytest.mark.daemon
@pytest.mark.parametrize("there", [False, True])
def test_only_what_runs_in_a_place_that_is_gone_is_ended(tmp_path: Path, there: bool) -> None:
    place = Place(secrets.token_hex(4))
    if there:
        # Not Path.mkdir: a neighbour's end may remove the empty home in between.
        make_below_shared(place.state, mode=0o700)
    try:
        with rooted_in(tmp_path / "iluvatar-bench" / place.id) as child:
            removed, left = remove_outlived()
            assert left == []
            assert (f"process {child.pid}" in removed) is not there
            assert processes.is_alive(child.pid) is there
    finally:
        if there:
            place.state.rmdir()


@pytest.mark.daemon
def test_a_cleaner_with_a_run_of_its_own_leaves_those_outside_alone(
    quiet_node: Node, tmp_path: Path
) -> None:
    """As in a container that sees the host's processes and not its /run."""
    program = shlex.join([*PROGRAM, "clean"])
    script = f"set -e; mount -t tmpfs none /run; mount -t tmpfs none /var/lib; {program}"
    with rooted_in(tmp_path / "iluvatar-bench" / quiet_node.id) as child:
        done = subprocess.run(
            ["unshare", "--mount", "--propagation", "private", "sh", "-c", script],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert str(child.pid) not in done.stdout
        assert processes.is_alive(child.pid)
