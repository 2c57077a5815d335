"""Whatever kills the owner of a private containerd, nothing of it is left after ten seconds."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from iluvatar_bench.containerd.daemon import watchdog_process
from iluvatar_bench.containerd.daemon.place import Place, abandoned_places
from iluvatar_bench.containerd.daemon.teardown import remove_place
from iluvatar_bench.containerd.daemon.watchdog import own_place
from iluvatar_bench.functions import BuiltImage
from iluvatar_bench.host.kernel import processes
from iluvatar_bench.host.network import bridge
from iluvatar_bench.host.network.bridge_use import BridgePlace
from iluvatar_bench.host.network.network_residue import holdings
from iluvatar_bench.host.network.ownership import NETWORK_HOME, Owner
from tests.support.command import PROGRAM
from tests.support.networks import needs_root
from tests.support.traces import traces_after, traces_of
from tests.support.watchdogs import only_watchdog, watchdogs_of

pytestmark = pytest.mark.daemon

ROOT = Path(__file__).resolve().parents[2]
PROMISED_SECONDS = 10.0
CONTAINERS = 5


class OwnerProcess:
    """A process of ``tests.support.daemon_owner`` and what it says."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        self.process = process
        self.output: IO[str] = process.stdout
        self.pids: list[int] = []

    def until(self, *words: str) -> str:
        """Read up to a line that begins so; what follows is given back."""
        for line in self.output:
            word, *rest = line.split()
            if word == "running":
                self.pids.append(int(rest[0]))
            if word in words:
                return " ".join(rest)
        raise AssertionError(f"the owner ended before it said {words}")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@contextmanager
def owner_process(layout: Path, *more: str, containers: int = CONTAINERS) -> Iterator[OwnerProcess]:
    command = [sys.executable, "-m", "tests.support.daemon_owner", str(layout), str(containers)]
    with subprocess.Popen(
        [*command, *more], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        try:
            yield OwnerProcess(process)
        finally:
            process.kill()


def test_five_running_containers_of_a_killed_owner_go(quick_hello: BuiltImage) -> None:
    with owner_process(quick_hello.layout) as owner, own_place() as living:
        place_id = owner.until("place")
        owner.until("ready")
        assert len(owner.pids) == CONTAINERS
        assert all(map(processes.is_alive, owner.pids))
        assert len([trace for trace in traces_of(place_id) if "mount" in trace]) >= CONTAINERS
        owner.kill()
        assert traces_after(place_id, PROMISED_SECONDS) == []
        assert not [pid for pid in owner.pids if processes.is_alive(pid)]
        assert living.lock.exists()
        assert living.root.exists()


@pytest.mark.parametrize(
    "arrivals",
    [
        pytest.param(n, marks=() if n in (1, 4) else pytest.mark.slow)
        for n in range(1, CONTAINERS + 1)
    ],
)
def test_an_owner_that_is_killed_as_it_creates_containers(
    quick_hello: BuiltImage, arrivals: int
) -> None:
    """So many creations are under way or done."""
    with owner_process(quick_hello.layout) as owner:
        place_id = owner.until("place")
        for _ in range(arrivals):
            owner.until("creating")
        owner.kill()
        assert traces_after(place_id, PROMISED_SECONDS) == []


def test_an_owner_that_is_killed_as_its_containers_start(quick_hello: BuiltImage) -> None:
    with owner_process(quick_hello.layout) as owner:
        place_id = owner.until("place")
        owner.until("running")
        owner.kill()
        assert traces_after(place_id, PROMISED_SECONDS) == []


@pytest.mark.parametrize("moment", ["watched", "folder", "data", "config", "socket"])
def test_an_owner_that_is_killed_as_its_daemon_starts(quick_hello: BuiltImage, moment: str) -> None:
    with owner_process(quick_hello.layout) as owner:
        _, place_id = only_watchdog(owner.process.pid)
        place = Place(place_id)
        awaited = {
            "watched": Path("/"),
            "folder": place.state,
            "data": place.root,
            "config": place.config,
            "socket": place.socket,
        }
        deadline = time.monotonic() + 30
        while not awaited[moment].exists():
            assert time.monotonic() < deadline
        owner.kill()
        assert traces_after(place_id, PROMISED_SECONDS) == []


@needs_root(bridge=True)[0]
def test_the_networks_of_a_killed_owner_go_too(quick_hello: BuiltImage) -> None:
    name = f"ilbt{secrets.token_hex(3)}"
    files = BridgePlace(name, NETWORK_HOME / "bridges" / name)
    with owner_process(quick_hello.layout, name) as owner:
        place_id = owner.until("place")
        owner.until("ready")
        reservations = files.reservations()
        assert len(reservations) == CONTAINERS
        theirs = Owner(next(iter(reservations.values())).split("-")[1], NETWORK_HOME)
        veths = bridge.ports(name)
        assert len(veths) == CONTAINERS
        owner.kill()
        assert traces_after(place_id, PROMISED_SECONDS) == []
    assert not bridge.exists_bridge(name)
    assert not files.folder.exists()
    assert not [veth for veth in veths if bridge.exists_bridge(veth)]
    assert not [n for n in holdings().namespaces if theirs.owns(n)]


def test_what_asks_a_process_to_end_does_not_end_the_watchdog(quick_hello: BuiltImage) -> None:
    with owner_process(quick_hello.layout, containers=1) as owner:
        watchdog, place_id = only_watchdog(owner.process.pid)
        # From its first moment on.
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
            os.kill(watchdog, number)
        owner.until("ready")
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
            os.kill(watchdog, number)
        assert os.getsid(watchdog) == watchdog
        owner.kill()
        assert traces_after(place_id, PROMISED_SECONDS) == []


def test_a_forked_child_of_the_owner_does_not_hold_the_watchdog_up(tmp_path: Path) -> None:
    """It has inherited lock and pipe, and outlives the owner."""
    program = """
import os, sys
from iluvatar_bench.containerd.daemon.watchdog import own_place
with own_place() as place:
    if os.fork() == 0:
        sys.stdin.read()
        os._exit(0)
    print(place.id, flush=True)
    os.kill(os.getpid(), 9)
"""
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout is not None
        place_id = owner.stdout.readline().strip()
        assert place_id
        assert traces_after(place_id, PROMISED_SECONDS) == []
        assert owner.stdin is not None
        owner.stdin.close()


@pytest.mark.slow
@pytest.mark.parametrize("killed", ["command", "kernel"])
def test_a_daemon_in_a_notebooks_kernel_goes_with_the_command_or_the_kernel(
    tmp_path: Path, killed: str
) -> None:
    """The kernel owns the daemon; it sees within a second that its parent is gone."""
    notebook = ("notebook", "cold_start", "-p", "trials=200", "--out", str(tmp_path))
    with subprocess.Popen([*PROGRAM, *notebook], stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 60
        owners: list[int] = []
        while not owners:
            assert time.monotonic() < deadline
            children = [p for p in processes.all_pids() if processes.parent_of(p) == process.pid]
            owners = [child for child in children if watchdogs_of(child)]
            # A look costs the processor that the notebook needs.
            time.sleep(0.2)
        _, place_id = only_watchdog(owners[0])
        while len([trace for trace in traces_of(place_id) if "mount" in trace]) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        os.kill({"command": process.pid, "kernel": owners[0]}[killed], signal.SIGKILL)
        assert traces_after(place_id, PROMISED_SECONDS) == []
        process.kill()


def test_without_its_watchdog_clean_still_finds_the_place(quick_hello: BuiltImage) -> None:
    with owner_process(quick_hello.layout, containers=1) as owner, own_place() as living:
        watchdog, place_id = only_watchdog(owner.process.pid)
        owner.until("ready")
        assert processes.end(lambda: [watchdog]) == ()
        owner.kill()
        found = []
        for place in abandoned_places():
            assert place.id != living.id
            if place.id == place_id:
                found.append(place.id)
                assert remove_place(place) == []
        assert found == [place_id]
        assert traces_of(place_id) == []


def test_an_owner_that_ends_in_good_order_leaves_no_watchdog() -> None:
    with own_place() as place:
        watchdog, watched = only_watchdog(os.getpid())
        assert watched == place.id
    assert not processes.is_alive(watchdog)
    assert traces_of(place.id) == []


def test_the_watchdog_loads_nothing_before_it_has_to() -> None:
    """It costs the start of a run a few milliseconds, and a bare interpreter's memory."""
    farewell, write_end = os.pipe()
    owner = os.pidfd_open(os.getpid())
    os.write(write_end, watchdog_process.FAREWELL)
    program = (watchdog_process.__file__, "0", "", str(farewell), str(owner))
    done = subprocess.run(
        [sys.executable, "-P", "-X", "importtime", *program],
        pass_fds=(farewell, owner),
        capture_output=True,
        text=True,
        check=True,
    )
    for descriptor in (farewell, write_end, owner):
        os.close(descriptor)
    loaded = [line.rpartition("|")[2].strip() for line in done.stderr.splitlines()]
    assert "select" in loaded
    assert not [n for n in loaded if n.startswith(("iluvatar_bench", "asyncio", "grpc"))]
