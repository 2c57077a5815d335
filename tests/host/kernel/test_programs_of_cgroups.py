"""What the kernel answers where a program is attached to a cgroup that was removed meanwhile.

With version 2 a runtime denies devices by such a program: a neighbour that takes their shared
cgroup along makes that fail. The rule about the words (bugs/rules/own_cgroup.py) rests on this.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import secrets
import struct
from pathlib import Path

import pytest

from iluvatar_bench.host.kernel import cgroups

_BPF = {"x86_64": 321, "aarch64": 280}.get(platform.machine())
"""The system call's number (asm/unistd.h)."""
_LOAD, _ATTACH, _OF_DEVICES, _MULTIPLE = 5, 8, 6, 2
"""BPF_PROG_LOAD, BPF_PROG_ATTACH, BPF_CGROUP_DEVICE, BPF_F_ALLOW_MULTI (linux/bpf.h)."""
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


@pytest.mark.daemon
@pytest.mark.skipif(_BPF is None, reason="the system call's number is not known here")
@pytest.mark.skipif(cgroups.mode() not in ("v2", "hybrid"), reason="needs cgroup version 2")
def test_a_cgroup_that_was_removed_after_it_was_opened_is_no_file_or_directory() -> None:
    loaded = program()
    home = cgroups.hierarchies()[0]
    folder = home / cgroups.PARENT.lstrip("/") / f"test-{secrets.token_hex(4)}"
    folder.mkdir(parents=True)
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        request = struct.pack("<IIII", opened, loaded, _OF_DEVICES, _MULTIPLE)
        assert bpf(_ATTACH, request) == 0
        folder.rmdir()
        with pytest.raises(FileNotFoundError) as refused:
            bpf(_ATTACH, request)
        assert refused.value.errno == errno.ENOENT
    finally:
        os.close(opened)
        os.close(loaded)
        if Path(folder).exists():
            folder.rmdir()
        cgroups.remove_if_empty(cgroups.PARENT)
