"""A container's life where cgroup version 2 is alone, as on today's hosts."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from iluvatar_bench.host.kernel import cgroups

PROJECT = Path(__file__).resolve().parents[2]


@pytest.mark.daemon
@pytest.mark.skipif(cgroups.mode() != "hybrid", reason="needs version 2 beside version 1")
def test_a_life_where_version_2_is_alone() -> None:
    before = cgroups.hierarchies()
    done = subprocess.run(
        [PROJECT / "tests/cgroup2_alone", sys.executable, "-m", "tests.support.unified_life"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        cwd=PROJECT,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["mode"] == "v2"
    assert "cgroup" in told["namespaces"]
    assert (told["joined"], told["member"], told["told"]) == (True, True, True)
    # These controllers stay with version 1.
    assert told["missing"] == ["cpu", "memory", "pids"]
    assert not set(told["missing"]) & set(told["above"])
    # Its Kill reached it by its cgroup, which is gone with it, and so is the one of the place.
    assert (told["left"], told["home"]) == (None, False)
    assert cgroups.hierarchies() == before
