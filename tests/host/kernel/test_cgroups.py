"""Control groups of our own, on whatever hierarchy this host has."""

from __future__ import annotations

import os
import secrets
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from iluvatar_bench.host.kernel import cgroups, processes
from iluvatar_bench.host.kernel.controllers import give_controllers
from tests.support.limits_here import needs_memory

pytestmark = pytest.mark.daemon


@pytest.fixture
def path() -> Iterator[str]:
    path = f"{cgroups.PARENT}/test-{secrets.token_hex(4)}"
    # Not Path.mkdir: a neighbour's end may remove the shared one above it in between.
    cgroups.make(f"{path}/inner")
    give_controllers(path)
    yield path
    cgroups.remove_tree(path)
    cgroups.remove_if_empty(cgroups.PARENT)


def test_members_are_found_and_the_tree_is_removed(path: str) -> None:
    assert cgroups.members(path) == frozenset()
    child = subprocess.Popen(["sleep", "60"])
    try:
        inner = f"{path}/inner"
        for directory in cgroups._directories(inner):
            (directory / "cgroup.procs").write_text(str(child.pid))
        assert cgroups.members(inner) == {child.pid}
        assert cgroups.members(path) == frozenset()
        assert cgroups.members(path, recursive=True) == {child.pid}
        assert cgroups.remove_tree(path), "an occupied cgroup cannot be removed, and is named"
    finally:
        assert processes.end(lambda: [child.pid]) == ()
        child.wait()
    assert cgroups.remove_tree(path) == []
    assert cgroups.members(path) is None


def test_a_cgroup_that_was_made_again_is_another_one(path: str) -> None:
    first = cgroups.identity(path)
    assert first == cgroups.identity(path) is not None
    assert cgroups.remove_tree(path) == []
    assert cgroups.identity(path) is None
    cgroups.make(path)
    assert cgroups.identity(path) not in (None, first)


@needs_memory
def test_the_oom_counter_starts_at_zero_and_goes_with_the_cgroup(path: str) -> None:
    assert cgroups.oom_kills(path) == 0
    assert cgroups.remove_tree(path) == []
    assert cgroups.oom_kills(path) is None


def test_the_root_cgroup_is_never_ours() -> None:
    for operation in (cgroups.members, cgroups.remove_tree, cgroups.oom_kills):
        with pytest.raises(ValueError, match="never ours"):
            operation("/")


@pytest.mark.skipif(
    "CGROUP2_ALONE" in os.environ,
    reason="the kernel tells of hierarchies that are not mounted here",
)
def test_the_mode_is_what_the_kernel_says_of_a_process() -> None:
    """cgroups(7): a line ``0::`` is version 2's, one that names controllers version 1's."""
    lines = Path("/proc/self/cgroup").read_text().splitlines()
    unified = any(line.startswith("0::") for line in lines)
    named = any(line.split(":")[1] for line in lines)
    told = {(True, False): "v2", (False, True): "v1", (True, True): "hybrid"}
    assert cgroups.mode() == told[unified, named]


def test_one_that_is_found_and_goes_as_it_is_looked_at_is_made_again(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another one's, in each hierarchy once: mkdir has seen it, and it is no folder any more."""
    make, gone = os.mkdir, set()

    def mkdir(directory: Path, mode: int = 0o777) -> None:
        if directory.name != "shared" or directory in gone:
            make(directory, mode)
            return
        gone.add(directory)
        make(directory)
        try:
            make(directory, mode)
        finally:
            directory.rmdir()

    monkeypatch.setattr(os, "mkdir", mkdir)
    cgroups.make(f"{path}/shared/own")
    assert len(gone) == len(cgroups.hierarchies())
    assert all((directory / "own").is_dir() for directory in gone)


def test_who_leaves_last_takes_nothing_from_who_comes(path: str) -> None:
    """Two that begin and end at once, each of which removes what is above both if it can."""

    def come_and_go(name: str) -> None:
        for _ in range(60):
            cgroups.make(f"{path}/{name}")
            assert all((mount / path[1:] / name).is_dir() for mount in cgroups.hierarchies())
            cgroups.remove_tree(f"{path}/{name}")
            cgroups.remove_if_empty(path)

    with ThreadPoolExecutor(2) as pool:
        for ended in [pool.submit(come_and_go, name) for name in ("one", "other")]:
            ended.result()
