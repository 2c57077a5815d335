"""What in the folder of all places is a place, and whose it is from first to last."""

from __future__ import annotations

import fcntl
import os
import shutil
from pathlib import Path

import pytest

from iluvatar_bench.containerd.daemon import place as place_module
from iluvatar_bench.containerd.daemon.place import (
    Place,
    abandoned_places,
    any_place,
    claim_place,
    fresh_place,
    try_lock_place,
)

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@pytest.fixture(autouse=True)
def homes(short_folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Homes of these tests alone: what is empty of the common ones anybody may remove."""
    homes = short_folder / "run", short_folder / "lib"
    for name, home in zip(("STATE_HOME", "DATA_HOME"), homes, strict=True):
        home.mkdir()
        monkeypatch.setattr(place_module, name, home)
    return homes


@pytest.fixture
def left_behind() -> Place:
    """What an owner leaves that is killed at once."""
    place = fresh_place()
    with claim_place(place):
        pass
    return place


def test_a_hidden_file_is_no_place_that_somebody_left(
    homes: tuple[Path, Path], left_behind: Place
) -> None:
    """``bench test`` keeps the folder with one, while something is mounted there."""
    (homes[1] / ".test-place").touch()
    assert [place.id for place in abandoned_places()] == [left_behind.id]


def test_whoever_looks_while_a_place_is_claimed_sees_that_it_is_owned(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also in the moment before its owner has the lock: what nobody holds is removed."""
    place, lock = fresh_place(), fcntl.flock
    seen = []

    def look_and_lock(descriptor: int, how: int) -> None:
        if how == fcntl.LOCK_EX:
            with try_lock_place(place) as abandoned:
                seen.append(abandoned)
        lock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", look_and_lock)
    with claim_place(place):
        assert seen == [False]
        assert list(abandoned_places()) == []


@pytest.mark.parametrize("moment", ["listed", "opened"])
def test_a_place_whose_owner_ends_as_it_is_looked_at_is_not_one_that_was_left(
    moment: str, left_behind: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = os.open

    def end() -> None:
        for folder in (left_behind.data, left_behind.state):
            shutil.rmtree(folder)

    def open_late(path: Path, *rest: int, **more: int) -> int:
        if path != left_behind.lock:
            return opened(path, *rest, **more)
        if moment == "listed":
            end()
        descriptor = opened(path, *rest, **more)
        if moment == "opened":
            end()
        return descriptor

    monkeypatch.setattr(place_module.os, "open", open_late)
    assert list(abandoned_places()) == []


def test_homes_that_go_as_they_are_listed_have_no_places(
    homes: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = os.listdir

    def list_late(path: Path) -> list[str]:
        if path in homes:
            path.rmdir()
        return listed(path)

    monkeypatch.setattr(os, "listdir", list_late)
    assert list(abandoned_places()) == []
    assert not any(home.exists() for home in homes)
    assert not any_place()
