"""Programs that wait at a barrier have it open before they say so.

What follows the words may be a collection: it takes the snapshot's directory, and where that is the
root itself (``native``) the FIFO's mount point too. A program that opens afterwards races with it.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from iluvatar_bench.functions.catalog import SERVER_HOME
from iluvatar_bench.lifecycle.start_barrier import (
    BARRIER_IN_CONTAINER,
    BARRIER_VARIABLE,
    WAITING_TEXT,
)
from iluvatar_bench.studies.upstream_12029 import PROGRAM


@pytest.mark.parametrize(
    "arguments",
    [[str(SERVER_HOME / "server.py")], ["-c", PROGRAM]],
    ids=["the functions' server", "containerd#12029"],
)
def test_nothing_waits_at_a_barrier_that_is_not_there(arguments: list[str]) -> None:
    assert not Path(BARRIER_IN_CONTAINER).exists()
    ended = subprocess.run(
        [sys.executable, *arguments],
        env={BARRIER_VARIABLE: BARRIER_IN_CONTAINER},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 1
    assert f"No such file or directory: '{BARRIER_IN_CONTAINER}'" in ended.stderr
    assert WAITING_TEXT not in ended.stderr
