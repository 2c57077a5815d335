"""A held process is that process and no other, whoever gets its number."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest

from iluvatar_bench.host.kernel.held_process import HeldProcess


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    # It has answered, so it is at rest: its memory changes no more.
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b"word\n")
    process.stdin.flush()
    assert process.stdout.readline() == b"word\n"
    yield process
    process.kill()
    process.communicate()


def test_it_reads_what_psutil_reads(child: subprocess.Popen[bytes]) -> None:
    with HeldProcess(child.pid) as held:
        assert held.rss_bytes() == psutil.Process(child.pid).memory_info().rss > 0
        assert not held.ended()


def test_dead_is_dead_before_and_after_the_reaping(child: subprocess.Popen[bytes]) -> None:
    with HeldProcess(child.pid) as held:
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert psutil.Process(child.pid).status() == psutil.STATUS_ZOMBIE
        assert held.ended()
        with pytest.raises(ProcessLookupError):
            held.rss_bytes()
        child.wait()
        assert held.ended()
        with pytest.raises(ProcessLookupError):
            held.rss_bytes()


def test_what_has_ended_cannot_be_held(child: subprocess.Popen[bytes]) -> None:
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    before = set(os.listdir("/proc/self/fd"))  # noqa: PTH208
    with pytest.raises(ProcessLookupError):
        HeldProcess(child.pid)
    child.wait()
    with pytest.raises(ProcessLookupError):
        HeldProcess(child.pid)
    assert set(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


def test_closing_twice_closes_nothing_else(child: subprocess.Popen[bytes]) -> None:
    held = HeldProcess(child.pid)
    held.close()
    reused = [os.open("/dev/null", os.O_RDONLY) for _ in range(2)]
    held.close()
    for descriptor in reused:
        os.close(descriptor)


RECYCLE = """
import os, signal
from pathlib import Path
from iluvatar_bench.host.kernel.held_process import HeldProcess

def sleeper():
    pid = os.fork()
    if pid == 0:
        signal.pause()
    return pid

first = sleeper()
held = HeldProcess(first)
assert held.rss_bytes() > 0
os.kill(first, signal.SIGKILL)
os.waitpid(first, 0)
Path("/proc/sys/kernel/ns_last_pid").write_text(str(first - 1))
second = sleeper()
assert second == first, (first, second)
assert int(Path(f"/proc/{second}/statm").read_text().split()[1]) > 0
assert held.ended()
try:
    held.rss_bytes()
except ProcessLookupError:
    print("refused")
os.kill(second, signal.SIGKILL)
os.waitpid(second, 0)
"""


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
@pytest.mark.skipif(shutil.which("unshare") is None, reason="needs unshare (util-linux)")
@pytest.mark.skipif(
    not os.path.exists("/proc/sys/kernel/ns_last_pid"),  # noqa: PTH110
    reason="this kernel cannot choose a PID",
)
def test_a_recycled_pid_is_never_taken_for_the_process() -> None:
    """In a PID namespace of its own, where the next PID is ours to choose."""
    done = subprocess.run(
        ["unshare", "--pid", "--fork", "--mount-proc", sys.executable, "-c", RECYCLE],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.stdout, done.returncode) == ("refused\n", 0), done.stderr
