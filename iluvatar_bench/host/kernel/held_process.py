"""One process held by descriptors, so that a recycled PID is never taken for it.

A pidfd and an open file below ``/proc/<pid>`` both refer to the kernel's record of the process, not
to its number (pidfd_open(2); ``proc_pid_get_link`` and its kin look the task up through the inode).
Once the process has been reaped the file answers ESRCH, whoever has the number by then.
"""

from __future__ import annotations

import os
import select
from os import pread

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")

_STATM_BYTES = 128
"""More than the seven numbers of ``statm`` can take (proc(5))."""


class HeldProcess:
    """A living process. Close it, or use it as a context manager; it is not closed by its end.

    Raises:
        ProcessLookupError: there is no such process, or it ended while it was being opened.
    """

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._said = b""
        self._rss_bytes = 0
        self.pidfd = os.pidfd_open(pid)
        try:
            self._statm = _open_statm(pid)
            # Alive after both were opened: the number was its own throughout, so both are of it.
            if self.ended():
                os.close(self._statm)
                raise ProcessLookupError(f"process {pid} has ended")
        except BaseException:
            os.close(self.pidfd)
            raise

    def __enter__(self) -> HeldProcess:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def ended(self) -> bool:
        """Whether the process has ended, reaped or not."""
        poller = select.poll()
        poller.register(self.pidfd, select.POLLIN)
        return bool(poller.poll(0))

    def rss_bytes(self) -> int:
        """The memory that the process has resident, shared pages included (proc(5), ``statm``).

        Raises:
            ProcessLookupError: it has ended.
        """
        text = pread(self._statm, _STATM_BYTES, 0)
        if text == self._said:
            return self._rss_bytes
        size, resident, _ = text.split(b" ", 2)
        if size == b"0":
            # Ended and not yet reaped: its memory is gone, and statm is all zeros.
            raise ProcessLookupError(f"process {self.pid} has ended")
        self._rss_bytes = int(resident) * PAGE_BYTES
        self._said = text
        return self._rss_bytes

    def close(self) -> None:
        """Let go of the process. Safe to repeat."""
        if self.pidfd >= 0:
            os.close(self.pidfd)
            os.close(self._statm)
            self.pidfd = self._statm = -1


def _open_statm(pid: int) -> int:
    try:
        return os.open(f"/proc/{pid}/statm", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise ProcessLookupError(f"process {pid} has ended") from error
