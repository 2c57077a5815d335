"""What a snapshotter needs is looked for before containerd is started."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from iluvatar_bench.containerd.daemon.place import DATA_HOME, Place
from iluvatar_bench.containerd.daemon.private import private_daemon
from iluvatar_bench.containerd.daemon.snapshot_homes import snapshotter_settings
from iluvatar_bench.containerd.daemon.teardown import remove_place
from iluvatar_bench.containerd.daemon.versions import needs_release, release
from iluvatar_bench.containerd.daemon.watchdog import own_place
from iluvatar_bench.errors import DaemonStartFailed, EnvironmentProblem, MissingProgram
from tests.support.device_mapper import StandIn
from tests.support.waiting import wait_for

PLACE = Place("00000000")

OWNER = """
import os, signal
from iluvatar_bench.containerd.daemon.snapshot_homes import snapshotter_settings
from iluvatar_bench.containerd.daemon.watchdog import own_place

with own_place() as place:
    snapshotter_settings(place, ["devmapper"])
    print(place.id, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def mapper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    stand_in = StandIn(tmp_path / "programs")
    monkeypatch.setenv("PATH", str(stand_in.folder), prepend=":")
    return stand_in


def test_a_mkfs_that_reads_no_archives_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "mkfs.erofs"
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    program.write_text("#!/bin/sh\necho 'usage: [options] FILE DIRECTORY' >&2; exit 1\n")
    program.chmod(0o755)
    with pytest.raises(EnvironmentProblem, match=r"--tar.*erofs-utils 1\.7 or later"):
        snapshotter_settings(PLACE, ["erofs"])
    program.write_text("#!/bin/sh\necho ' --tar=X  generate an image from a tarball'\n")
    assert snapshotter_settings(PLACE, ["erofs"])
    monkeypatch.setenv("PATH", str(tmp_path / "none"))
    with pytest.raises(MissingProgram, match="apt-get install erofs-utils"):
        snapshotter_settings(PLACE, ["overlayfs", "erofs"])


@pytest.mark.daemon
async def test_a_containerd_without_the_snapshotter_says_which_one_has_it() -> None:
    try:
        async with private_daemon(snapshotters=["blockfile"]) as node:
            found = release((await node.client.introspection.version()).version)
    except DaemonStartFailed as refused:
        assert "no plugin io.containerd.snapshotter.v1.blockfile, which comes with 1.7" in str(
            refused
        )
    else:
        assert found is not None and found >= (1, 7)


def test_a_kernel_without_thin_pools_is_refused_with_the_remedy(mapper: StandIn) -> None:
    mapper.change(targets=["linear"])
    with pytest.raises(
        EnvironmentProblem, match=r"no thin pools .* modprobe dm_thin_pool .* another snapshotter"
    ):
        snapshotter_settings(PLACE, ["devmapper"])
    assert (mapper.devices, mapper.loops) == ({}, {})
    assert not PLACE.data.exists()


def test_without_dmsetup_its_package_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingProgram, match=r"dmsetup is not installed.*apt-get install dmsetup"):
        snapshotter_settings(PLACE, ["devmapper"])


def test_a_plugin_that_a_build_left_out_is_told_by_its_tag() -> None:
    assert "left out (no_devmapper)" in needs_release("io.containerd.snapshotter.v1.devmapper")
    assert needs_release("io.containerd.snapshotter.v1.native") == ""


@pytest.mark.daemon
def test_a_place_takes_its_thin_pool_along(mapper: StandIn) -> None:
    with own_place() as place:
        found = snapshotter_settings(place, ["devmapper", "overlayfs"])
        settings = found["io.containerd.snapshotter.v1.devmapper"]
        assert settings["pool_name"] == f"iluvatar-bench-{place.id}"
        assert Path(settings["root_path"]).is_relative_to(place.data)
        assert list(mapper.devices) == [settings["pool_name"]]
        assert all(Path(file).is_relative_to(place.data) for file in mapper.loops.values())
        mapper.activate(place.thin_pool, f"{place.thin_pool}-snap-3")
    assert (mapper.devices, mapper.loops) == ({}, {})
    assert not place.data.exists()


@pytest.mark.daemon
def test_a_thin_pool_that_is_in_use_keeps_its_files_until_it_is_not(mapper: StandIn) -> None:
    with own_place() as place:
        snapshotter_settings(place, ["devmapper"])
        mapper.change(in_use=[place.thin_pool])
    assert list(mapper.devices) == [place.thin_pool]
    assert all(Path(file).is_file() for file in mapper.loops.values())
    mapper.change(in_use=[])
    assert remove_place(place) == []
    assert (mapper.devices, mapper.loops) == ({}, {})
    assert not place.data.exists()


@pytest.mark.daemon
def test_the_watchdog_of_a_killed_owner_removes_its_thin_pool(mapper: StandIn) -> None:
    done = subprocess.run(
        [sys.executable, "-c", OWNER], capture_output=True, text=True, check=False, timeout=60
    )
    place = Place(done.stdout.strip())
    assert place.data.parent == DATA_HOME
    wait_for(lambda: not place.data.exists() and not place.state.exists())
    assert (mapper.devices, mapper.loops) == ({}, {})
    assert mapper.removals() == [place.thin_pool]
