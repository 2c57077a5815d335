"""A thin pool: made whole, and taken apart from whatever a killed process has left of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from iluvatar_bench.host.kernel.thin_pool import make_pool, remove_pool, require_target
from tests.support.device_mapper import StandIn

POOL = "iluvatar-bench-1f2e3d4c"
SNAPS = (f"{POOL}-snap-1", f"{POOL}-snap-12")
OTHERS = {
    "vg-root": "0 8 linear 8:1 0",
    "iluvatar-bench-aaaaaaaa": "0 8 thin-pool /dev/loop90 /dev/loop91 128 0",
    "iluvatar-bench-aaaaaaaa-snap-1": "0 8 thin /dev/mapper/iluvatar-bench-aaaaaaaa 1",
}
"""What is none of ours."""
MIB = 1024**2


@pytest.fixture
def mapper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    stand_in = StandIn(tmp_path / "programs")
    monkeypatch.setenv("PATH", str(stand_in.folder), prepend=":")
    stand_in.change(devices=OTHERS)
    return stand_in


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "disks"
    (folder / "snapshots").mkdir(parents=True)
    return folder


def test_a_pool_stands_on_two_files_and_everything_goes_with_it(
    mapper: StandIn, folder: Path
) -> None:
    make_pool(POOL, folder, data_bytes=64 * MIB)
    words = mapper.devices[POOL].split()
    files = [Path(mapper.loops[device]) for device in words[3:5]]
    assert files == [folder / "metadata", folder / "data"]
    assert words[:3] == ["0", str(64 * MIB // 512), "thin-pool"]
    assert words[5:] == ["128", "0", "2", "skip_block_zeroing", "error_if_no_space"]
    assert files[1].stat().st_size == 64 * MIB
    assert files[1].stat().st_blocks == 0, "with holes"
    assert set(mapper.told_to_go) == set(words[3:5]), "each goes with the pool"
    mapper.activate(POOL, *SNAPS)
    assert remove_pool(POOL, folder) == []
    assert mapper.removals() == [*SNAPS, POOL], "children first"
    assert mapper.devices == OTHERS
    assert mapper.loops == {}
    assert remove_pool(POOL, folder) == [], "safe to repeat"


def test_one_that_was_killed_before_the_loop_devices_were_told(
    mapper: StandIn, folder: Path
) -> None:
    make_pool(POOL, folder, data_bytes=MIB)
    mapper.change(told_to_go=[])
    assert remove_pool(POOL, folder) == []
    assert (mapper.devices, mapper.loops) == (OTHERS, {})


def test_one_that_was_killed_before_the_pool_was_there(mapper: StandIn, folder: Path) -> None:
    make_pool(POOL, folder, data_bytes=MIB)
    mapper.change(
        devices=OTHERS, told_to_go=[], loops={**mapper.loops, "/dev/loop77": "/srv/other"}
    )
    assert remove_pool(POOL, folder) == []
    assert mapper.loops == {"/dev/loop77": "/srv/other"}
    assert remove_pool(POOL, folder) == []


def test_what_is_in_use_is_told_and_goes_later(mapper: StandIn, folder: Path) -> None:
    make_pool(POOL, folder, data_bytes=MIB)
    mapper.activate(POOL, *SNAPS)
    mapper.change(in_use=[SNAPS[1]])
    left = remove_pool(POOL, folder)
    named = [problem.partition(":")[0] for problem in left]
    assert (named[:2], set(named[2:])) == ([SNAPS[1], POOL], set(mapper.loops))
    assert "Device or resource busy" in left[0]
    assert set(mapper.devices) == {*OTHERS, POOL, SNAPS[1]}
    mapper.change(in_use=[])
    assert remove_pool(POOL, folder) == []
    assert (mapper.devices, mapper.loops) == (OTHERS, {})


def test_a_device_that_goes_by_itself_is_not_left(mapper: StandIn, folder: Path) -> None:
    make_pool(POOL, folder, data_bytes=MIB)
    mapper.activate(POOL, *SNAPS)
    mapper.change(ending=[SNAPS[0]])
    assert remove_pool(POOL, folder) == []
    assert (mapper.devices, mapper.loops) == (OTHERS, {})


def test_a_name_that_is_taken_is_not_made_anew(mapper: StandIn, folder: Path) -> None:
    make_pool(POOL, folder, data_bytes=MIB)
    with pytest.raises(OSError, match=rf"dmsetup create {POOL} .*Device or resource busy"):
        make_pool(POOL, folder, data_bytes=MIB)
    assert remove_pool(POOL, folder) == []
    assert mapper.loops == {}


def test_the_module_is_loaded_where_it_is_there(mapper: StandIn) -> None:
    require_target()
    mapper.change(targets=["linear"], loadable=["thin-pool", "thin"])
    require_target()
    mapper.change(targets=["linear"])
    with pytest.raises(OSError, match="no thin-pool"):
        require_target()


def test_a_program_that_is_gone_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(folder))
    (problem,) = remove_pool(POOL, folder)
    assert problem.startswith(f"{POOL}: ")
    assert "dmsetup" in problem
    with pytest.raises(OSError, match="dmsetup"):
        require_target()
