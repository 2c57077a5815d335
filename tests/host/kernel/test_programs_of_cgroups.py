"""What the kernel answers where the program of a cgroup, or the cgroup itself, is there no more.

With version 2 a runtime denies devices by such a program: a neighbour that takes their shared
cgroup along makes that fail, and so does one that replaces the program meanwhile. The rules about
the words (bugs/rules/own_cgroup.py) rest on this.
"""

from __future__ import annotations

import ctypes
import os
import platform
import secrets
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from iluvatar_bench.host.kernel import cgroups

_BPF = {"x86_64": 321, "aarch64": 280}.get(platform.machine())
"""The system call's number (asm/unistd.h)."""
_LOAD, _ATTACH, _DETACH, _OF_DEVICES, _MULTIPLE, _REPLACE = 5, 8, 9, 6, 2, 4
"""BPF_PROG_LOAD, BPF_PROG_ATTACH, BPF_PROG_DETACH, BPF_CGROUP_DEVICE, BPF_F_ALLOW_MULTI,
BPF_F_REPLACE (linux/bpf.h)."""
_KIND = 15
"""BPF_PROG_TYPE_CGROUP_DEVICE."""
_ALLOW = struct.pack("<BBhi", 0xB7, 0, 0, 1) + struct.pack("<BBhi", 0x95, 0, 0, 0)
"""r0 = 1; exit."""


def bpf(command: int, attributes: bytes) -> int:
    assert _BPF is not None
    library = ctypes.CDLL(None, use_errno=True)
    buffer = ctypes.create_string_buffer(attributes.ljust(120, b"\0"), 120)
    done = library.syscall(_BPF, command, buffer, len(buffer))
    if done < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return int(done)


def program() -> int:
    code = ctypes.create_string_buffer(_ALLOW, len(_ALLOW))
    license_ = ctypes.create_string_buffer(b"GPL")
    places = (ctypes.addressof(code), ctypes.addressof(license_))
    try:
        return bpf(_LOAD, struct.pack("<IIQQ", _KIND, len(_ALLOW) // 8, *places))
    except PermissionError:
        pytest.skip("this host lets nobody load programs (CAP_BPF)")


pytestmark = [
    pytest.mark.daemon,
    pytest.mark.skipif(_BPF is None, reason="the system call's number is not known here"),
    pytest.mark.skipif(cgroups.mode() not in ("v2", "hybrid"), reason="needs cgroup version 2"),
]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A cgroup of version 2; the test may remove it."""
    path = f"{cgroups.PARENT}/test-{secrets.token_hex(4)}"
    # Not Path.mkdir: a neighbour's end may remove the shared one above it in between.
    cgroups.make(path)
    yield cgroups.hierarchies()[0] / path.lstrip("/")
    cgroups.remove_tree(path)
    cgroups.remove_if_empty(cgroups.PARENT)


@pytest.fixture
def opened(folder: Path) -> Iterator[int]:
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    yield number
    os.close(number)


@pytest.fixture
def programs() -> Iterator[tuple[int, int, int]]:
    """Three that a runtime could have loaded."""
    loaded = (program(), program(), program())
    yield loaded
    for number in loaded:
        os.close(number)


def attach(cgroup: int, loaded: int, *, instead_of: int | None = None) -> None:
    flags, replaced = (_MULTIPLE, 0) if instead_of is None else (_MULTIPLE | _REPLACE, instead_of)
    assert bpf(_ATTACH, struct.pack("<IIIII", cgroup, loaded, _OF_DEVICES, flags, replaced)) == 0


def detach(cgroup: int, loaded: int) -> None:
    assert bpf(_DETACH, struct.pack("<III", cgroup, loaded, _OF_DEVICES)) == 0


def test_a_cgroup_that_was_removed_after_it_was_opened_is_no_file_or_directory(
    folder: Path, opened: int, programs: tuple[int, int, int]
) -> None:
    first, *_ = programs
    attach(opened, first)
    folder.rmdir()
    with pytest.raises(FileNotFoundError):
        attach(opened, first)
    with pytest.raises(FileNotFoundError):
        detach(opened, first)


def test_so_is_a_program_that_another_runtime_replaced_in_a_cgroup_that_is_there(
    folder: Path, opened: int, programs: tuple[int, int, int]
) -> None:
    found, of_the_other, own = programs
    attach(opened, found)
    attach(opened, of_the_other, instead_of=found)
    with pytest.raises(FileNotFoundError):
        attach(opened, own, instead_of=found)
    with pytest.raises(FileNotFoundError):
        detach(opened, found)
    detach(opened, of_the_other)
    assert folder.is_dir()
