"""A process that runs on in a snapshot of a place that is gone is found by its root, and ended."""

from __future__ import annotations

import secrets
import subprocess
from pathlib import Path

import pytest

from iluvatar_bench.containerd.daemon.outlived import remove_outlived
from iluvatar_bench.containerd.daemon.place import Place
from iluvatar_bench.host.kernel import processes

ROOTED = """\
mount -t overlay overlay -o lowerdir=/,upperdir=$1/r/upper,workdir=$1/r/work $1/root &&
cd $1/root && pivot_root . mnt && echo ready && exec sleep 60
"""


@pytest.mark.daemon
@pytest.mark.parametrize("there", [False, True])
def test_only_what_runs_in_a_place_that_is_gone_is_ended(tmp_path: Path, there: bool) -> None:
    place = Place(secrets.token_hex(4))
    home = tmp_path / "iluvatar-bench" / place.id
    for name in ("r/upper", "r/work", "root"):
        (home / name).mkdir(parents=True)
    if there:
        place.state.mkdir(parents=True)
    child = subprocess.Popen(
        ["unshare", "--mount", "--propagation", "private", "sh", "-c", ROOTED, "sh", str(home)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        removed, left = remove_outlived()
        assert left == []
        assert (f"process {child.pid}" in removed) is not there
        assert processes.is_alive(child.pid) is there
    finally:
        child.kill()
        child.wait()
        assert child.stdout is not None
        child.stdout.close()
        if there:
            place.state.rmdir()
