"""The mount table, as the kernel prints it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iluvatar_bench.host.kernel.mounts import (
    mounts_below,
    parse_mountinfo,
    read_mountinfo,
    unmount_below,
)

OVERLAY = (
    "36 35 0:31 / /run/x/rootfs rw,relatime shared:1 master:2 - overlay overlay "
    "rw,lowerdir=/a:/b,upperdir=/snap/7/fs,workdir=/snap/7/work\n"
)
DELETED_BIND = "37 35 254:0 /snap/9//deleted /run/y/rootfs rw - ext4 /dev/vda rw\n"
SPACES = "38 35 0:5 / /mnt/with\\040space\\011tab rw - tmpfs tmpfs rw,size=1k\n"


def test_an_overlay_names_its_upper_directory() -> None:
    (entry,) = parse_mountinfo(OVERLAY)
    assert (entry.mount_point, entry.fs_type) == ("/run/x/rootfs", "overlay")
    assert entry.upper_directory == "/snap/7/fs"
    assert not entry.root_deleted


def test_a_bind_whose_source_is_gone_says_so() -> None:
    (entry,) = parse_mountinfo(DELETED_BIND)
    assert entry.root_deleted
    assert entry.upper_directory == "/snap/9"


def test_octal_escapes_are_resolved() -> None:
    (entry,) = parse_mountinfo(SPACES)
    assert entry.mount_point == "/mnt/with space\ttab"
    assert entry.upper_directory is None


def test_our_own_mounts_have_a_root_and_an_ended_process_has_none() -> None:
    assert any(entry.mount_point == "/" for entry in read_mountinfo())
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    assert read_mountinfo(child) == ()


AS_SOMEBODY_ELSE_FIRST = """\
#!/bin/sh
{umount} "$@"
exec {umount} "$@"
"""


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to mount")
def test_what_somebody_else_unmounts_meanwhile_is_unmounted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    umount = shutil.which("umount")
    outer = tmp_path / "mounted"
    for folder in (outer, outer / "inner"):
        folder.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "none", str(folder)], check=True)
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "umount").write_text(AS_SOMEBODY_ELSE_FIRST.format(umount=umount))
    (programs / "umount").chmod(0o755)
    try:
        with monkeypatch.context() as patch:
            patch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
            assert unmount_below(outer) == []
            assert mounts_below(outer) == ()
            (programs / "umount").write_text("#!/bin/sh\necho no >&2; exit 32\n")
            subprocess.run(["mount", "-t", "tmpfs", "none", str(outer)], check=True)
            assert unmount_below(outer) == [f"{outer}: no"]
    finally:
        assert unmount_below(outer) == []


@given(st.text())
def test_any_text_is_read_without_an_exception(text: str) -> None:
    for entry in parse_mountinfo(text):
        assert isinstance(entry.mount_point, str)
