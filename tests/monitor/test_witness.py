"""The kernel's witness on the real kernel: what it sees, when it does not, and what it leaves."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

from iluvatar_bench.bugs import SenderKind
from iluvatar_bench.host.kernel import kill_reader, processes
from iluvatar_bench.host.kernel.ancestry import Served
from iluvatar_bench.host.kernel.trace_instance import TRACE_HOME, instances_of
from iluvatar_bench.host.kernel.tracefs import open_tracefs
from iluvatar_bench.monitor import Testimony, Witness, open_witness
from tests.support.command import own_process
from tests.support.descriptors import open_descriptors
from tests.support.networks import needs_root
from tests.support.witnesses import needs_witness

pytestmark = needs_root()

OWNER = """
import asyncio
from iluvatar_bench.monitor.witness import open_witness

async def main():
    async with open_witness() as witness:
        print(witness.sees, witness.remark, flush=True)
        await asyncio.to_thread(input)

asyncio.run(main())
"""


def sleeper() -> subprocess.Popen[bytes]:
    return subprocess.Popen(["sleep", "1000"])


def one_without_ears() -> subprocess.Popen[bytes]:
    """A process that ignores SIGTERM, ends with its standard input, and says when it is there."""
    program = (
        "import signal, sys\nsignal.signal(15, signal.SIG_IGN)\nprint(flush=True)\nsys.stdin.read()"
    )
    return subprocess.Popen(
        [sys.executable, "-Sc", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )


async def heard(witness: Witness, pid: int, since: float) -> Testimony:
    said = await witness.testimony("none", pid=pid, shim_pid=None, since=since)
    assert said is not None
    return said


def readers_of(owner: int) -> list[int]:
    name = kill_reader.__name__
    readers = [pid for pid in processes.all_pids() if name in processes.command_line(pid)]
    return [pid for pid in readers if processes.parent_of(pid) == owner]


def reader_of(owner: int) -> int:
    (found,) = readers_of(owner)
    return found


def token_of(owner: int) -> str:
    """By the lock that its reader holds: other runs on this host have traces of their own."""
    links = (link for _, link in open_descriptors(reader_of(owner)))
    (found,) = (link.name for link in links if link.parent == TRACE_HOME)
    assert found in tokens()
    return found


def tokens() -> set[str]:
    with open_tracefs() as root:
        return set(instances_of(root))


def wait_until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@needs_witness
async def test_a_stranger_that_is_gone_is_named_with_its_parent_and_ours_as_ours() -> None:
    async with open_witness() as witness:
        assert witness.sees, witness.remark
        since = time.time()
        first, second = sleeper(), sleeper()
        shell = await asyncio.create_subprocess_exec("sh", "-c", f"sh -c 'kill -9 {first.pid}'; :")
        await shell.wait()
        second.terminate()
        first.wait()
        second.wait()
        (killed,) = (await heard(witness, first.pid, since)).signals
        (ended,) = (await heard(witness, second.pid, since)).signals
        assert (killed.signal, killed.pid, killed.delivered) == (9, first.pid, True)
        assert since - 0.05 <= killed.at <= time.time()
        assert killed.sender_kind is SenderKind.PROCESS
        assert killed.sender_command in ("sh", "dash", "bash")
        assert killed.sender_uid == os.geteuid()
        assert (ended.signal, ended.sender_pid) == (15, os.getpid())
        # What came before the life that is asked about was another's.
        later = await heard(witness, first.pid, time.time() + 1)
        assert later.signals == ()
        assert (witness.heard >= 2, witness.lost) == (True, 0)


def shim_with_child(program: Path, served: Served) -> tuple[subprocess.Popen[str], int]:
    """A process with a shim's name and arguments, and what it has started."""
    words = ["-c", "sh -c 'echo $$; exec sleep 1000' & wait"]
    for name, value in asdict(served).items():
        words += [f"-{name.removeprefix('container_')}", value]
    shim = subprocess.Popen([program, *words], stdout=subprocess.PIPE, text=True)
    assert shim.stdout is not None
    return shim, int(shim.stdout.readline())


@needs_witness
async def test_a_namesake_under_another_shim_is_somebody_elses(tmp_path: Path) -> None:
    """Two containerds of one host, each with a container of this name.

    By the shim's number, and, where nobody knows it any more, by whose container it served.
    """
    homes = [
        Served(container_id="namesake", address=f"{tmp_path}/{name}.sock", namespace="default")
        for name in ("one", "other")
    ]
    program = Path(shutil.copy("/bin/sh", tmp_path / "containerd-shim-test"))
    async with open_witness() as witness:
        since = time.time()
        shims = [shim_with_child(program, served) for served in homes]
        # Whom a shim serves is read while it lives: it ends with its child here.
        assert (await heard(witness, os.getpid(), since)).signals == ()
        for _, child in shims:
            os.kill(child, signal.SIGKILL)
        ask = partial(witness.testimony, "namesake", pid=None, since=since)
        for served, (shim, child) in zip(homes, shims, strict=True):
            shim.communicate()
            by_number = await ask(shim_pid=shim.pid)
            by_home = await ask(shim_pid=None, served=served)
            assert by_number is not None
            assert by_home is not None
            assert by_number.signals == by_home.signals
            (fact,) = by_number.signals
            assert (fact.pid, fact.shim, fact.container_id) == (child, shim.pid, "namesake")
        elsewhere = await ask(shim_pid=None, served=replace(homes[0], namespace="k8s.io"))
        assert elsewhere is not None
        assert elsewhere.signals == ()


FLOOD = 600


def make_ring_small(token: str) -> None:
    """Some pages of a processor's signals instead of 128 KiB: what floods it floods no other's."""
    with open_tracefs() as root:
        name = min(instances_of(root)[token], key=len)
        root.write(f"instances/{name}/buffer_size_kb", "8")


@needs_witness
async def test_signals_that_are_ignored_are_marked_and_those_lost_are_counted() -> None:
    async with open_witness() as witness:
        since = time.time()
        deaf = one_without_ears()
        assert deaf.stdin is not None
        assert deaf.stdout is not None
        with deaf.stdin, deaf.stdout:
            deaf.stdout.readline()
            deaf.terminate()
            (fact,) = (await heard(witness, deaf.pid, since)).signals
            assert (fact.signal, fact.delivered) == (15, False)
            reader = reader_of(os.getpid())
            processors = os.sched_getaffinity(0)
            make_ring_small(token_of(os.getpid()))
            os.kill(reader, signal.SIGSTOP)
            try:
                # From one processor, more than its buffer holds, and far less than those of others.
                os.sched_setaffinity(0, {min(processors)})
                for _ in range(FLOOD):
                    os.kill(deaf.pid, signal.SIGTERM)
            finally:
                os.sched_setaffinity(0, processors)
                os.kill(reader, signal.SIGCONT)
            said = await heard(witness, deaf.pid, since)
        deaf.wait()
        # What others on this host sent is lost as well, and counted.
        assert said.lost > FLOOD / 3
        assert FLOOD / 10 < len(said.signals) <= FLOOD + 1
        assert witness.as_dict()["lost"] == said.lost


@needs_witness
async def test_nothing_is_left_in_order_or_when_the_reader_was_killed() -> None:
    async with open_witness():
        token = token_of(os.getpid())
        assert (TRACE_HOME / token).exists()
    assert token not in tokens()
    assert not (TRACE_HOME / token).exists()
    async with open_witness() as witness:
        token = token_of(os.getpid())
        os.kill(reader_of(os.getpid()), signal.SIGKILL)
        said = await witness.testimony("c", pid=1, shim_pid=None, since=time.time())
        assert said is None
        assert not witness.sees
        assert "ended before its time" in str(witness.remark)
    assert token not in tokens()
    assert not (TRACE_HOME / token).exists()


def start_owner() -> subprocess.Popen[str]:
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout is not None
    assert owner.stdout.readline() == "True None\n"
    return owner


def end_owner(owner: subprocess.Popen[str]) -> None:
    owner.kill()
    owner.communicate()


@needs_witness
def test_sigkill_of_the_owner_takes_the_trace_along() -> None:
    owner = start_owner()
    token = token_of(owner.pid)
    end_owner(owner)
    wait_until(lambda: token not in tokens() and not (TRACE_HOME / token).exists())


@needs_witness
def test_what_owner_and_reader_left_is_cleaned_and_a_living_ones_stays() -> None:
    owner, living = start_owner(), start_owner()
    try:
        token, other = token_of(owner.pid), token_of(living.pid)
        reader = reader_of(owner.pid)
        os.kill(reader, signal.SIGSTOP)
        end_owner(owner)
        os.kill(reader, signal.SIGKILL)
        wait_until(lambda: not processes.is_alive(reader))
        done = own_process("clean")
        assert done.returncode == 0, done.stderr
        # Whoever opens a witness meanwhile may be at work on it: that one is not waited for.
        wait_until(lambda: token not in tokens() and not (TRACE_HOME / token).exists())
        assert other in tokens()
    finally:
        end_owner(living)


def blind(prefix: str, program: str = OWNER) -> str:
    done = subprocess.run(
        [*prefix.split(), sys.executable, "-c", program],
        input="\n",
        capture_output=True,
        text=True,
        check=True,
        cwd="/",
    )
    return done.stdout


def test_without_the_right_and_in_a_pid_namespace_there_is_one_remark() -> None:
    said = blind("setpriv --bounding-set -sys_admin --inh-caps -sys_admin")
    assert said.startswith("False no tracefs can be had here: ")
    said = blind("unshare --pid --fork")
    assert said.startswith("False the kernel's traces do not show a kill of our own")
    assert "PID namespace" in said


async def test_one_that_is_not_wanted_starts_nothing() -> None:
    async with open_witness(wanted=False) as witness:
        assert not readers_of(os.getpid())
        assert await witness.testimony("c", pid=1, shim_pid=None, since=0.0) is None
        assert not witness.sees
