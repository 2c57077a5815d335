"""A containerd that lives on after its command, and all of it gone when it is told or killed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from iluvatar_bench.containerd.client import connect
from iluvatar_bench.containerd.daemon.place import Place, try_lock_place
from iluvatar_bench.containerd.daemon.teardown import RUNC_HOME
from iluvatar_bench.containerd.oci.image_import import import_layout
from iluvatar_bench.functions import BuiltImage
from iluvatar_bench.host.kernel import cgroups, processes
from iluvatar_bench.host.kernel.listener import listener_at
from tests.support.command import PROGRAM, command, own_process
from tests.support.limits_here import CTR_WITHOUT_SHARES
from tests.support.stopped import stop_process
from tests.support.traces import traces_after, traces_of
from tests.support.watchdogs import only_watchdog

pytestmark = pytest.mark.daemon

OTHER = f"ilbt-somebody-{os.getpid()}"
"""A namespace that no other client on this host uses, another run of these tests included: runc
keeps its state by namespace and name for all containerds of a host."""


def start(*options: str) -> dict[str, Any]:
    done = own_process("daemon", "start", "--json", *options)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture
def daemon() -> Iterator[dict[str, Any]]:
    started = start()
    yield started
    if traces_of(started["id"]):
        command("daemon", "stop", started["id"])


def status_of(daemon: dict[str, Any]) -> dict[str, Any]:
    shown = json.loads(command("daemon", "status", "--json").stdout)
    (found,) = (one for one in shown if one["id"] == daemon["id"])
    return dict(found)


def by_hand(daemon: dict[str, Any], layout: Path) -> int:
    """Run a container in a namespace of its own with ctr, as people do; gives back its process."""

    async def make_image() -> None:
        async with connect(Path(daemon["address"]), namespace=OTHER) as client:
            await import_layout(client, layout, name="x:y", snapshotters=["overlayfs"])

    asyncio.run(make_image())
    ctr = ("ctr", "--address", daemon["address"], "--namespace", OTHER)
    sleep = ("python3", "-c", "import time; time.sleep(600)")
    subprocess.run(
        [*ctr, "run", "--detach", *CTR_WITHOUT_SHARES, "x:y", "by-hand", *sleep], check=True
    )
    listed = subprocess.run(
        [*ctr, "task", "list"], check=True, capture_output=True, text=True
    ).stdout
    pid = int(listed.splitlines()[1].split()[1])
    assert processes.is_alive(pid)
    assert (RUNC_HOME / OTHER / "by-hand").exists()
    assert cgroups.members(f"/{OTHER}/by-hand")
    return pid


def nothing_is_left(daemon: dict[str, Any], *pids: int) -> None:
    assert traces_after(daemon["id"]) == []
    assert not [pid for pid in (daemon["pid"], *pids) if processes.is_alive(pid)]
    assert not (RUNC_HOME / OTHER).exists()
    assert cgroups.members(f"/{OTHER}") is None


def test_it_lives_on_and_says_how_to_use_it() -> None:
    done = own_process("daemon", "start", "--collector", "quiet", "--log-level", "debug")
    assert (done.returncode, done.stderr) == (0, "")
    said = dict(line.split(": ", 1) for line in done.stdout.splitlines() if ": " in line)
    place_id = Path(said["socket"]).parent.name
    try:
        exported = f"export CONTAINERD_ADDRESS={said['socket']} CONTAINERD_NAMESPACE=iluvatar-bench"
        assert exported in done.stdout.splitlines()
        script = f"{exported}; ctr version && ctr containers list"
        assert subprocess.run(["sh", "-c", script], check=False).returncode == 0
        assert "level=debug" in Path(said["log"]).read_text()
        shown = command("daemon", "status")
        rows = [line for line in shown.stdout.splitlines() if line.endswith("/c.sock")]
        (row,) = (line for line in rows if line.startswith(place_id))
        assert "healthy" in row
        assert said["socket"] in row
        # It is about all of this host's, whoever has started the others.
        assert shown.returncode == (0 if all("healthy" in line for line in rows) else 1)
        found = status_of({"id": place_id})
        assert (found["collector"], found["log_level"]) == ("quiet", "debug")
        # In a session of its own: the end of this terminal is not its end.
        assert os.getsid(found["pid"]) == found["pid"]
    finally:
        stopped = command("daemon", "stop", place_id)
    assert stopped.returncode == 0
    assert f"stopped {place_id}" in stopped.stdout
    assert traces_of(place_id) == []


def test_run_and_audit_use_it(daemon: dict[str, Any], tmp_path: Path) -> None:
    at = ("--address", daemon["address"])
    run = command(
        "run",
        "cold-start",
        "--profile=guarded",
        "--set=byte_code=shipped",
        "--set=server=http_server",
        "--trials=3",
        *at,
        "--out",
        str(tmp_path),
    )
    assert run.returncode == 0, run.stderr
    assert "3 trials: 3 ok, 0 failed" in run.stdout
    audit = command("audit", *at, "--namespace", daemon["namespace"])
    assert (audit.returncode, audit.stderr) == (0, ""), audit.stdout
    assert "no container was there to look at" in audit.stdout
    assert status_of(daemon)["state"] == "healthy"


def test_a_stop_ends_what_other_clients_run(
    daemon: dict[str, Any], quick_hello: BuiltImage
) -> None:
    pid = by_hand(daemon, quick_hello.layout)
    assert status_of(daemon)["containers_running"] == 1
    assert command("daemon", "stop", daemon["id"]).returncode == 0
    nothing_is_left(daemon, pid)


def test_a_killed_supervisor_takes_all_of_it_along(
    daemon: dict[str, Any], quick_hello: BuiltImage
) -> None:
    pid = by_hand(daemon, quick_hello.layout)
    assert processes.end(lambda: [daemon["pid"]]) == ()
    nothing_is_left(daemon, pid)
    assert command("daemon", "stop", daemon["id"]).returncode == 2


def test_without_its_watchdog_it_is_left_behind_and_stop_removes_it(
    daemon: dict[str, Any], quick_hello: BuiltImage
) -> None:
    pid = by_hand(daemon, quick_hello.layout)
    watchdog, watched = only_watchdog(daemon["pid"])
    assert watched == daemon["id"]
    assert processes.end(lambda: [watchdog, daemon["pid"]]) == ()
    with try_lock_place(Place(daemon["id"])) as held:
        assert held
        assert status_of(daemon)["state"] == "being removed"
    assert status_of(daemon)["state"] == "left behind"
    assert command("daemon", "stop", daemon["id"]).returncode == 0
    nothing_is_left(daemon, pid)


def test_a_daemon_that_hangs_is_told_from_a_healthy_one(daemon: dict[str, Any]) -> None:
    containerd = listener_at(Path(daemon["address"]))
    assert containerd is not None
    stop_process(containerd.pid)
    try:
        done = command("daemon", "status", "--json")
        (found,) = (one for one in json.loads(done.stdout) if one["id"] == daemon["id"])
        assert (done.returncode, found["state"]) == (1, "does not answer")
        assert found["problem"]
    finally:
        os.kill(containerd.pid, signal.SIGCONT)
    assert status_of(daemon)["state"] == "healthy"


def test_clean_leaves_a_living_one_alone(daemon: dict[str, Any]) -> None:
    done = command("clean")
    assert done.returncode == 0, done.stderr
    assert "left alone, because they live: " in done.stdout
    assert daemon["id"] in done.stdout
    assert status_of(daemon)["state"] == "healthy"


def test_all_of_them_where_nobody_elses_are_to_be_seen(tmp_path: Path) -> None:
    """In a mount namespace with a /run and a /var/lib of its own."""
    bench = " ".join(f"'{word}'" for word in PROGRAM)
    script = f"""
set -e
mount -t tmpfs none /run
mount -t tmpfs none /var/lib
say() {{ echo "== $1"; }}
say none; {bench} daemon stop
{bench} daemon start --json >/dev/null
{bench} daemon start --json >/dev/null
say several; {bench} daemon stop || echo "exit $?"
say clean; {bench} clean --all
say empty; {bench} daemon status; ls /run /var/lib
{bench} daemon start --json >/dev/null
{bench} daemon start --json >/dev/null
say all; {bench} daemon stop --all; {bench} daemon status
"""
    done = subprocess.run(
        ["unshare", "--mount", "--propagation", "private", "sh", "-c", script],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = dict(part.split("\n", 1) for part in done.stdout.split("== ")[1:])
    assert said["none"] == "no daemon is there to stop\n"
    assert said["several"] == "exit 2\n"
    assert "error: several daemons are there; name one, or all of them with --all: " in done.stderr
    assert said["clean"].count("stopped ") == 2
    assert "no daemon; iluvatar-bench daemon start" in said["empty"]
    assert "iluvatar-bench" not in said["empty"].splitlines()[1:]
    assert said["all"].count("stopped ") == 2
    assert "no daemon; iluvatar-bench daemon start" in said["all"]


def test_what_cannot_be_is_one_line(tmp_path: Path) -> None:
    for arguments, code, message in (
        (("daemon", "stop", "nope"), 2, "no daemon 'nope'; there are: "),
        (("daemon", "stop", "x", "--all"), 2, "name a daemon, or all of them with --all"),
    ):
        done = command(*arguments)
        assert (done.returncode, done.stderr.count("\n")) == (code, 1), done.stderr
        assert message in done.stderr
    done = own_process("daemon", "start", env={**os.environ, "PATH": str(tmp_path)})
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
    assert "apt-get install containerd" in done.stderr


def test_a_supervisor_that_says_nothing_is_told_of(tmp_path: Path) -> None:
    """One whose interpreter cannot find its standard library, say."""
    environment = {**os.environ, "PYTHONHOME": str(tmp_path)}
    lie = "import os, sys; os.environ['PYTHONHOME'] = sys.argv[1]; sys.argv[1:] = sys.argv[2:]; "
    code = f"{lie}from iluvatar_bench.commands.app import main; main()"
    done = subprocess.run(
        [PROGRAM[0], "-c", code, environment["PYTHONHOME"], "daemon", "start"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "the supervisor ended with status 1 and said nothing" in done.stderr
    assert done.stderr.count("\n") == 1
