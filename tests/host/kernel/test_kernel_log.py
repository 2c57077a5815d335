"""The kernel's log: its format, what is about one container, and a device that nobody may read."""

from __future__ import annotations

import os
import time
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iluvatar_bench.host.kernel.kernel_log import (
    DEVICE,
    MOST_LINES,
    SLACK_SECONDS,
    KernelLine,
    lines_about,
    parse_record,
    read_kernel_log,
)

OOM = "oom-kill:constraint=CONSTRAINT_MEMCG,task_memcg=/iluvatar-bench/a/c-1,task=python3,pid=70"


def about(*messages: str, pids: tuple[int, ...] = (70,), at: float = 50.0) -> tuple[str, ...]:
    lines = [KernelLine(at, message) for message in messages]
    names = ["c-1", "/iluvatar-bench/a/c-1"]
    return lines_about(lines, names=names, pids=pids, since=40.0, until=60.0)


def test_a_record_has_a_time_and_a_message() -> None:
    record = "6,1234,5000000,-;docker0: port; up\n SUBSYSTEM=net\n"
    assert parse_record(record, booted_at=100.0) == KernelLine(105.0, "docker0: port; up")
    assert parse_record("4,1,2,c,caller=T1;x", booted_at=0.0) == KernelLine(2e-6, "x")
    assert parse_record("no record", booted_at=0.0) is None


@given(st.text(max_size=80))
def test_any_record_is_read(text: str) -> None:
    line = parse_record(text, booted_at=0.0)
    assert line is None or isinstance(line.message, str)


def test_only_what_names_the_container_its_process_or_overlayfs() -> None:
    kept = (
        OOM,
        "Memory cgroup out of memory: Killed process 70 (python3)",
        "python3[70]: segfault at 0",
        "overlayfs: failed to resolve '/x': -2",
        "Memory cgroup stats for /iluvatar-bench/a/c-1:",
    )
    other = (
        "oom-kill:task_memcg=/iluvatar-bench/a/c-10,task=python3,pid=701",
        "Killed process 7 (python3)",
        "eth0: 70 packets",
        "an overlay of something",
        "task_memcg=/iluvatar-bench/a/c-1-neighbour,pid=9",
    )
    assert about(*kept, *other) == kept


def test_only_the_time_window_and_only_the_last_lines() -> None:
    assert about(OOM, at=38.5) == ()
    assert about(OOM, at=61.5) == ()
    assert about(OOM, at=60.5) == (OOM,)
    many = [f"overlayfs: {i}" for i in range(MOST_LINES + 5)]
    assert about(*many) == tuple(many[5:])


def test_without_a_pid_no_number_counts() -> None:
    assert about("Killed process 70 (x)", pids=()) == ()


def test_a_device_that_is_not_there_raises(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="none"):
        list(read_kernel_log(tmp_path / "none"))


@pytest.mark.skipif(not os.access(DEVICE, os.R_OK), reason="needs a readable /dev/kmsg")
def test_the_running_kernels_log_ends_without_waiting() -> None:
    try:
        lines = list(read_kernel_log())
    except PermissionError:
        pytest.skip("dmesg_restrict")
    assert all(line.at <= time.time() + 60 for line in lines)
    # In the order of the ring, whose clock may step back: by 2.7 ms in a machine that booted, where
    # the kernel came to another clocksource (Linux 6.1).
    assert all(a.at - SLACK_SECONDS < b.at for a, b in pairwise(lines))
