"""The kernel's log (``/dev/kmsg``): its format, and the lines that are about one container.

https://www.kernel.org/doc/Documentation/ABI/testing/dev-kmsg
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

DEVICE = Path("/dev/kmsg")

MOST_RECORDS = 50_000
"""More than a ring of usual size holds: a kernel that logs without end does not hold us up."""

MOST_LINES = 20

SLACK_SECONDS = 1.0
"""The log's clock and the host's drift apart: so much is a line let in before and after."""

_RECORD_BYTES = 8192
"""CONSOLE_EXT_LOG_MAX: a read with less room fails with EINVAL."""

_RECORD = re.compile(r"\d+,\d+,(?P<microseconds>\d+),[^;]*;(?P<message>[^\n]*)")


@dataclass(frozen=True, slots=True)
class KernelLine:
    """One record. ``at`` is in seconds since the epoch."""

    at: float
    message: str


def parse_record(record: str, *, booted_at: float) -> KernelLine | None:
    """One record of the device as a line; None for what does not have its form."""
    match = _RECORD.match(record)
    if match is None:
        return None
    return KernelLine(booted_at + int(match["microseconds"]) / 1e6, match["message"])


def read_kernel_log(device: Path = DEVICE) -> Iterator[KernelLine]:
    """What the kernel's ring holds at this moment, oldest first. Waits for nothing.

    Raises:
        OSError: the device is not there, or may not be read.
    """
    booted_at = time.time() - time.monotonic()
    descriptor = os.open(device, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        for _ in range(MOST_RECORDS):
            try:
                record = os.read(descriptor, _RECORD_BYTES)
            except BlockingIOError:
                return
            except BrokenPipeError:
                # The record was overwritten before we came to it; the next read goes on behind.
                continue
            if not record:
                return
            line = parse_record(record.decode(errors="replace"), booted_at=booted_at)
            if line is not None:
                yield line
    finally:
        os.close(descriptor)


def lines_about(
    lines: Iterable[KernelLine],
    *,
    names: Iterable[str],
    pids: Iterable[int],
    since: float,
    until: float,
) -> tuple[str, ...]:
    """The lines of a time window that name something of a container, or are overlayfs's own.

    ``names`` are its id, its cgroup, its directories; ``pids`` count where a line calls them so
    (``pid=7``, ``process 7``, ``name[7]``): any number may stand in a log. At most the last 20.
    """
    numbers = "|".join(str(pid) for pid in pids)
    parts = [re.escape(name) + r"(?![\w-])" for name in names if name]
    parts += [rf"(?:\bpid[=: ]{{1,2}}|\bprocess |\[)(?:{numbers})\b"] if numbers else []
    about = re.compile("|".join([r"^overlay(?:fs)?:", *parts]))
    found = [
        line.message
        for line in lines
        if since - SLACK_SECONDS <= line.at <= until + SLACK_SECONDS and about.search(line.message)
    ]
    return tuple(found[-MOST_LINES:])
