"""The mount table, as the kernel prints it."""

from __future__ import annotations

import os

from hypothesis import given
from hypothesis import strategies as st

from iluvatar_bench.host.kernel.mounts import parse_mountinfo, read_mountinfo

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


@given(st.text())
def test_any_text_is_read_without_an_exception(text: str) -> None:
    for entry in parse_mountinfo(text):
        assert isinstance(entry.mount_point, str)
