"""Whose number it was when it was looked up may be another's when the signal is sent."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator

import pytest

from iluvatar_bench.host.kernel import processes


@pytest.fixture
def bystander() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(["sleep", "60"])
    yield process
    process.kill()
    process.wait()


def test_a_number_that_became_anothers_is_not_killed(bystander: subprocess.Popen[bytes]) -> None:
    """The process that was meant ended, and this one got its number, before it was held."""
    looks = iter([[bystander.pid], []])
    assert processes.end(lambda: next(looks)) == ()
    assert bystander.poll() is None
    with pytest.raises(ProcessLookupError, match="is another one now"):
        processes.send_signal(bystander.pid, signal.SIGKILL, still=lambda: False)
    assert bystander.poll() is None


def test_who_is_found_twice_is_killed_and_awaited(bystander: subprocess.Popen[bytes]) -> None:
    assert processes.end(lambda: [bystander.pid, 1 << 22]) == ()
    assert bystander.wait() == -signal.SIGKILL


def test_a_signal_to_the_process_that_is_meant(bystander: subprocess.Popen[bytes]) -> None:
    own = bystander.pid
    processes.send_signal(
        own, signal.SIGTERM, still=lambda: processes.parent_of(own) == os.getpid()
    )
    assert bystander.wait() == -signal.SIGTERM
