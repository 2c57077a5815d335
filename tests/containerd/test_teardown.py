"""What all places of a host share stays while one of them is in use, whoever leaves."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from iluvatar_bench.containerd.daemon.place import Place, any_place
from iluvatar_bench.containerd.daemon.teardown import remove_place, remove_shared
from iluvatar_bench.containerd.daemon.watchdog import own_place
from iluvatar_bench.host.kernel import cgroups, init_system
from iluvatar_bench.host.kernel.cgroup_names import TOP_SLICE, slice_path

pytestmark = pytest.mark.daemon

TIMES = 300


@pytest.fixture
def place() -> Iterator[Place]:
    with own_place() as place:
        yield place


def below_every_hierarchy(path: str) -> list[Path]:
    return [mount / path.strip("/") for mount in cgroups.hierarchies()]


def test_a_runtime_finds_the_shared_cgroup_although_others_leave(place: Place) -> None:
    """As runc does it: ``mkdir -p``, with nothing of the place below the shared one before."""
    assert all(home.is_dir() for home in below_every_hierarchy(place.cgroup))

    def make_and_remove() -> None:
        for _ in range(TIMES):
            for home in below_every_hierarchy(f"{place.cgroup}/container"):
                home.mkdir(parents=True)
                home.rmdir()

    def leave() -> None:
        for _ in range(TIMES):
            assert remove_shared() == []

    with ThreadPoolExecutor(2) as pool:
        for ended in [pool.submit(make_and_remove), pool.submit(leave)]:
            ended.result()
    assert all(home.is_dir() for home in below_every_hierarchy(place.cgroup))


def test_a_place_takes_its_cgroup_along() -> None:
    with own_place() as place:
        homes = below_every_hierarchy(place.cgroup)
        assert homes
    assert not any(home.exists() for home in homes)


@pytest.mark.skipif(init_system.is_systemd(), reason="slices are systemd's to make here")
def test_the_shared_slice_stays_while_any_place_is_there(place: Place) -> None:
    assert any_place()
    homes = below_every_hierarchy(f"/{TOP_SLICE}")
    for home in homes:
        home.mkdir(exist_ok=True)
    try:
        assert remove_shared() == []
        assert all(home.is_dir() for home in homes)
        assert cgroups.members(slice_path(place.cgroup)) is None
    finally:
        cgroups.remove_if_empty(f"/{TOP_SLICE}")


def test_what_somebody_else_removes_meanwhile_is_removed(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A watchdog and ``clean``, say: a folder goes between its being found and its being read."""
    tasks = place.daemon_state / "io.containerd.runtime.v2.task"
    for namespace in ("a", "b"):
        (tasks / namespace / "c").mkdir(parents=True)
    read = os.scandir

    def overtaken(path: Any) -> Any:
        # Also for a folder that has been opened already, as shutil.rmtree does it.
        if not isinstance(path, int) and Path(path) == tasks / "a":
            shutil.rmtree(tasks / "a")
        return read(path)

    monkeypatch.setattr(os, "scandir", overtaken)
    assert remove_place(place) == []
    assert not (tasks / "a").exists()
    assert not place.state.exists()
