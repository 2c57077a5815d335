"""From numbers to senders: descents on record, numbers that were given out again, runtimes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import tracemalloc

import pytest

from iluvatar_bench.bugs import SenderKind, SignalFact
from iluvatar_bench.host.kernel import ancestry as ancestry_module
from iluvatar_bench.host.kernel.ancestry import Ancestry, read_process
from iluvatar_bench.host.kernel.signal_senders import SignalEvent, process_of, signal_fact

GONE = 1 << 23
"""No kernel gives out such a number (PID_MAX_LIMIT is half of it)."""


def judged(ancestry: Ancestry, *, sender: int, at: float, code: int = 0) -> SignalFact:
    event = SignalEvent(at=at, signal=9, code=code, sender=sender, target=GONE + 99, result=0)
    return signal_fact(event, ancestry, epoch=lambda seconds: seconds + 1000)


def test_one_that_lives_says_itself_who_it_is() -> None:
    fact = judged(Ancestry(), sender=os.getpid(), at=time.monotonic())
    own = read_process(os.getpid())
    assert own is not None
    assert (fact.sender_pid, fact.sender_command) == (os.getpid(), own.command)
    assert (fact.sender_uid, fact.sender_cgroup) == (os.geteuid(), own.cgroup)
    assert fact.sender_parent_pid is None
    assert fact.sender_kind is SenderKind.PROCESS
    assert fact.at > 1000


def test_one_that_is_gone_is_told_by_its_forks_and_its_nearest_living_ancestor() -> None:
    ancestry = Ancestry()
    now = time.monotonic()
    ancestry.fork(now - 0.3, os.getpid(), GONE, "python")
    ancestry.exec(now - 0.2, GONE, "/bin/kill")
    fact = judged(ancestry, sender=GONE, at=now)
    assert (fact.sender_pid, fact.sender_command) == (GONE, "kill")
    assert fact.sender_parent_pid == os.getpid()
    assert fact.sender_uid == os.geteuid()


def test_a_number_that_was_given_out_again_is_not_the_senders() -> None:
    ancestry = Ancestry()
    now = time.monotonic()
    ancestry.fork(now, os.getpid(), GONE, "python")
    ancestry.exec(now, GONE, "/bin/kill")
    before = judged(ancestry, sender=GONE, at=now - 1)
    assert (before.sender_command, before.sender_uid) == ("", None)
    # A process that lives now, and began after what is asked about.
    with subprocess.Popen(["sleep", "100"]) as later:
        found = process_of(later.pid, Ancestry(), at=now - 5)
        later.kill()
    assert found.command == ""


def test_a_new_process_forgets_what_its_number_had_run() -> None:
    ancestry = Ancestry()
    now = time.monotonic()
    ancestry.fork(now - 3, os.getpid(), GONE, "a")
    ancestry.exec(now - 2, GONE, "/usr/sbin/runc")
    ancestry.fork(now - 1, os.getpid(), GONE, "b")
    assert judged(ancestry, sender=GONE, at=now).sender_command == "b"


def test_what_is_remembered_stays_within_its_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """A month has millions of forks, each with a number of its own where numbers are not scarce."""
    bound = 2000
    monkeypatch.setattr(ancestry_module, "MOST_KEPT", bound)
    ancestry, now = Ancestry(), time.monotonic()

    def take(first: int, last: int) -> int:
        for number in range(first, last):
            name = number % 50
            ancestry.fork(now + number, os.getpid(), GONE + number, f"thread-{name}")
            ancestry.exec(now + number, GONE + number, f"/bin/program-{name}")
        own = tracemalloc.Filter(inclusive=True, filename_pattern=ancestry_module.__file__)
        held = tracemalloc.take_snapshot().filter_traces([own]).statistics("filename")
        return sum(one.size for one in held)

    tracemalloc.start()
    try:
        # Its tables have their size by then: what goes leaves holes, and they grow once for them.
        full = take(0, 3 * bound)
        assert take(3 * bound, 8 * bound) < 1.05 * full < 1024 * bound
    finally:
        tracemalloc.stop()
    newest = 8 * bound - 1
    last = judged(ancestry, sender=GONE + newest, at=now + newest + 1)
    assert (last.sender_command, last.sender_parent_pid) == (
        f"program-{newest % 50}",
        os.getpid(),
    )


def test_threads_of_a_runtime_are_the_process_that_was_executed() -> None:
    ancestry = Ancestry()
    now = time.monotonic()
    ancestry.fork(now - 4, GONE + 50, GONE, "containerd-shim")
    ancestry.exec(now - 3, GONE, "/usr/sbin/runc")
    ancestry.fork(now - 2, GONE, GONE + 1, "runc")
    ancestry.fork(now - 1, GONE + 1, GONE + 2, "runc")
    fact = judged(ancestry, sender=GONE + 2, at=now)
    assert (fact.sender_pid, fact.sender_command) == (GONE, "runc")
    # Of unknown descent: a runtime, and nobody knows for whom it acted.
    assert (fact.sender_kind, fact.sender_container) == (SenderKind.RUNTIME, None)


def test_a_runtime_that_somebody_calls_by_hand_is_anybodys_program() -> None:
    ancestry = Ancestry()
    now = time.monotonic()
    ancestry.fork(now - 2, os.getpid(), GONE, "python")
    ancestry.exec(now - 1, GONE, "/usr/sbin/runc")
    assert judged(ancestry, sender=GONE, at=now).sender_kind is SenderKind.PROCESS
    # One that a shim's cleaning up had called: the shim is gone, and no stranger.
    ancestry.fork(now - 2, os.getpid(), GONE + 10, "containerd")
    ancestry.exec(now - 2, GONE + 10, "/usr/bin/containerd-shim-runc-v2")
    ancestry.fork(now - 2, GONE + 10, GONE, "containerd-shim")
    ancestry.exec(now - 1, GONE, "/usr/sbin/runc")
    fact = judged(ancestry, sender=GONE, at=now)
    assert (fact.sender_kind, fact.sender_container) == (SenderKind.RUNTIME, None)


_WITH_A_THREAD = """
import sys, threading
def told(): print(threading.get_native_id(), flush=True); sys.stdin.read()
threading.Thread(target=told).start()
"""


def test_a_shim_that_is_older_than_the_record_is_known_when_it_has_ended() -> None:
    """And by whichever of its threads it called the runtime, of which no fork is on record."""
    ancestry = Ancestry()
    address = ("-namespace", "n", "-address", "/run/x.sock", "-id", "one")
    with subprocess.Popen(
        ["containerd-shim-of-a-test", "-c", _WITH_A_THREAD, *address],
        executable=sys.executable,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as shim:
        assert shim.stdout is not None
        thread = int(shim.stdout.readline())
        ancestry.remember_older_shims()
    assert thread != shim.pid and read_process(shim.pid) is None
    now = time.monotonic()
    ancestry.fork(now - 1, thread, GONE, "containerd-shim")
    ancestry.exec(now - 1, GONE, "/usr/sbin/runc")
    fact = judged(ancestry, sender=GONE, at=now)
    assert (fact.sender_kind, fact.sender_container) == (SenderKind.RUNTIME, "one")
    assert fact.sender_shim == shim.pid
    # The number is another's from now on.
    ancestry.fork(now, os.getpid(), thread, "python")
    ancestry.fork(now, thread, GONE, "python")
    ancestry.exec(now, GONE, "/usr/sbin/runc")
    assert judged(ancestry, sender=GONE, at=now).sender_container is None


def test_the_kernels_own_signals_are_nobodys() -> None:
    fact = judged(Ancestry(), sender=os.getpid(), at=time.monotonic(), code=0x80)
    assert fact.sender_kind is SenderKind.KERNEL
    idle = judged(Ancestry(), sender=0, at=time.monotonic())
    assert (idle.sender_pid, idle.sender_command) == (0, "")


def test_a_circle_of_numbers_ends() -> None:
    ancestry = Ancestry()
    ancestry.fork(1.0, GONE, GONE + 1, "a")
    ancestry.fork(1.0, GONE + 1, GONE, "b")
    assert len(list(ancestry.descent(GONE, at=2.0))) == 2
