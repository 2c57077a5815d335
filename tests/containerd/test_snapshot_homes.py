"""What a snapshotter needs is looked for before containerd is started."""

from __future__ import annotations

from pathlib import Path

import pytest

from iluvatar_bench.containerd.daemon.place import Place
from iluvatar_bench.containerd.daemon.private import private_daemon
from iluvatar_bench.containerd.daemon.snapshot_homes import snapshotter_settings
from iluvatar_bench.containerd.daemon.versions import release
from iluvatar_bench.errors import DaemonStartFailed, EnvironmentProblem, MissingProgram

PLACE = Place("00000000")


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
