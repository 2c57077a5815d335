"""The kernel's tracing file system, reached without mounting anything that others could see.

``fsopen``, ``fsconfig`` and ``fsmount`` (Linux 5.2, fsopen(2)) give a mount that hangs nowhere: it
is a descriptor of this process alone, in no table of mounts, and goes when the descriptor does,
also by SIGKILL. Older kernels: the mount of the host, where it has one.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from iluvatar_bench.errors import EnvironmentProblem, InsufficientPrivilege

HOST_MOUNTS = (Path("/sys/kernel/tracing"), Path("/sys/kernel/debug/tracing"))
"""Where a host that traces has mounted it, as a rule."""

_FSOPEN, _FSCONFIG, _FSMOUNT = 430, 431, 432
"""The same numbers on every architecture but alpha (include/uapi/asm-generic/unistd.h)."""

_CLOEXEC = 1
_CREATE = 6
"""FSCONFIG_CMD_CREATE (include/uapi/linux/mount.h)."""
_NOSUID_NODEV_NOEXEC = 2 | 4 | 8


class TraceFolder:
    """A folder of tracefs, held by its descriptor; every path is below it."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def open(self, path: str, flags: int = os.O_RDONLY) -> int:
        """A descriptor of a file below, the caller's to close.

        Raises:
            OSError: it is not there, or may not be opened.
        """
        return os.open(path, flags | os.O_CLOEXEC, dir_fd=self._descriptor)

    def read(self, path: str) -> str:
        """The whole text of a file below.

        Raises:
            OSError: it cannot be read.
        """
        with os.fdopen(self.open(path), errors="replace") as file:
            return file.read()

    def write(self, path: str, text: str) -> None:
        """Write a setting: these files take it in one piece.

        Raises:
            OSError: the kernel refuses it.
        """
        descriptor = self.open(path, os.O_WRONLY | os.O_TRUNC)
        try:
            os.write(descriptor, text.encode())
        finally:
            os.close(descriptor)

    def names(self, path: str = ".") -> tuple[str, ...]:
        """What is in a folder below."""
        descriptor = self.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            return tuple(sorted(os.listdir(descriptor)))  # noqa: PTH208
        finally:
            os.close(descriptor)

    def make(self, path: str) -> None:
        """Make a folder below: in ``instances`` a trace of its own."""
        os.mkdir(path, 0o700, dir_fd=self._descriptor)

    def remove(self, path: str) -> None:
        """Remove a folder below: in ``instances`` the trace with all its settings."""
        os.rmdir(path, dir_fd=self._descriptor)

    @contextmanager
    def below(self, path: str) -> Iterator[TraceFolder]:
        """A folder below, for the length of a block."""
        descriptor = self.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            yield TraceFolder(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def open_tracefs() -> Iterator[TraceFolder]:
    """The root of tracefs, for the length of a block.

    Raises:
        InsufficientPrivilege: not root.
        EnvironmentProblem: the kernel has none, or does not let this process at it (a container
            without CAP_SYS_ADMIN, a kernel that is locked down).
    """
    if os.geteuid() != 0:
        raise InsufficientPrivilege("the kernel's traces need root")
    try:
        descriptor = _root()
    except OSError as error:
        raise EnvironmentProblem(f"no tracefs can be had here: {error.strerror}") from error
    try:
        yield TraceFolder(descriptor)
    finally:
        os.close(descriptor)


def _root() -> int:
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
    try:
        mount = _detached_mount()
    except OSError:
        for path in HOST_MOUNTS:
            # Without tracefs on it, sysfs has an empty folder there.
            if (path / "instances").is_dir():
                return os.open(path, flags)
        raise
    try:
        # What fsmount gives is a mere place (O_PATH): it has to be opened to be read.
        return os.open(".", flags, dir_fd=mount)
    finally:
        os.close(mount)


def _detached_mount() -> int:
    context = _call(_FSOPEN, ctypes.c_char_p(b"tracefs"), ctypes.c_uint(_CLOEXEC))
    try:
        _call(_FSCONFIG, ctypes.c_int(context), ctypes.c_uint(_CREATE), None, None, ctypes.c_int(0))
        flags = ctypes.c_uint(_NOSUID_NODEV_NOEXEC)
        return _call(_FSMOUNT, ctypes.c_int(context), ctypes.c_uint(_CLOEXEC), flags)
    finally:
        os.close(context)


def _call(number: int, *arguments: object) -> int:
    """A system call that Python has no function for."""
    library = ctypes.CDLL(None, use_errno=True)
    result = int(library.syscall(ctypes.c_long(number), *arguments))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result
