"""What can be wrong with an address, a namespace or a daemon: one clear line each."""

from __future__ import annotations

import asyncio
import os
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import grpc
import pytest

from iluvatar_bench.audit import HostPlaces, audit_daemon, live_container, watch_daemon
from iluvatar_bench.containerd.client import connect
from iluvatar_bench.containerd.daemon.private import Node, private_daemon
from iluvatar_bench.containerd.values import ContainerRecord
from iluvatar_bench.errors import (
    AnswerLost,
    DaemonFault,
    DeadlineExceeded,
    IluvatarBenchError,
    Unreachable,
    UnusablePath,
    UsageError,
)
from tests.audit.clients import NOWHERE, RUNTIME, audited, first_alarm, named
from tests.support.command import command
from tests.support.fake_containerd import fake_containerd


@contextmanager
def listening(path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        yield listener


async def one_line(
    error: type[IluvatarBenchError], words: str, address: Path, *, connect_seconds: float = 10.0
) -> None:
    with pytest.raises(error, match=words) as raised:
        await audit_daemon(address, connect_seconds=connect_seconds)
    assert "\n" not in str(raised.value)
    assert str(address) in str(raised.value)


async def test_an_address_that_is_no_containerd(short_folder: Path) -> None:
    await one_line(UnusablePath, "is not there", short_folder / "none")
    (short_folder / "file").touch()
    await one_line(UnusablePath, "is no socket", short_folder / "file")
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(short_folder / "stale"))
    await one_line(Unreachable, "no containerd answers", short_folder / "stale")


class Web(socketserver.StreamRequestHandler):
    """As Docker, which speaks HTTP."""

    def handle(self) -> None:
        self.request.recv(10)
        # The client may have gone by then.
        with suppress(BrokenPipeError):
            self.wfile.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")


async def test_a_server_of_another_kind(short_folder: Path) -> None:
    with socketserver.UnixStreamServer(str(short_folder / "docker"), Web) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            words = "what listens at .* is no containerd"
            await one_line(Unreachable, words, short_folder / "docker")
        finally:
            await asyncio.to_thread(server.shutdown)
            thread.join()


async def test_a_server_that_says_nothing(short_folder: Path) -> None:
    with listening(short_folder / "mute"):
        words = r"containerd at .* does not answer within 0\.2 s"
        await one_line(DeadlineExceeded, words, short_folder / "mute", connect_seconds=0.2)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give it up")
async def test_no_permission(short_folder: Path) -> None:
    short_folder.chmod(0o755)
    with listening(short_folder / "closed"):
        (short_folder / "closed").chmod(0o600)
        os.seteuid(65534)
        try:
            await one_line(UnusablePath, "no permission to use", short_folder / "closed")
        finally:
            os.seteuid(0)


READS = [
    "Introspection.Plugins",
    "Namespaces.List",
    "Snapshots.List",
    "Snapshots.Mounts",
    "Leases.List",
    "Leases.ListResources",
    "Containers.List",
    "Tasks.List",
    "Content.List",
    "Images.List",
]


@pytest.mark.parametrize("call", READS)
async def test_a_daemon_that_fails_in_the_middle(short_folder: Path, call: str) -> None:
    """One line that names the call; a daemon that cannot be read is never called healthy."""
    async with fake_containerd(short_folder / "c") as fake:
        fake.snapshots.update({"one", "two"})
        fake.answers[call] = grpc.StatusCode.INTERNAL
        with pytest.raises(DaemonFault) as raised:
            await audit_daemon(short_folder / "c", places=NOWHERE)
    assert raised.value.operation == call
    assert "\n" not in str(raised.value)


async def test_only_these_calls_are_made_and_none_that_changes_anything(
    short_folder: Path,
) -> None:
    async with fake_containerd(short_folder / "c") as fake:
        fake.snapshots.add("loose")
        audit = await audit_daemon(short_folder / "c", places=NOWHERE)
    assert {call for call, _, _ in fake.calls} == {"Version", *READS}
    assert not any(lease for _, _, lease in fake.calls)
    assert named(audit) == {"snapshot_unreferenced": 1}
    # What listens there is this test's own process: no configuration that could be read.
    assert audit.state.version == "0.0-fake"


async def test_a_lease_that_goes_away_while_it_is_read_is_passed_over(short_folder: Path) -> None:
    async with fake_containerd(short_folder / "c") as fake:
        fake.answers["Leases.ListResources"] = grpc.StatusCode.NOT_FOUND
        audit = await audit_daemon(short_folder / "c", places=NOWHERE)
        assert (audit.findings, audit.counts["leases"]) == ((), 0)
        fake.answers["Version"] = grpc.StatusCode.INTERNAL
        await one_line(UnusablePath, "does not answer as a containerd", short_folder / "c")


@pytest.mark.daemon
async def test_an_empty_daemon_and_names_that_do_not_exist(quiet_node: Node) -> None:
    audit = await audited(quiet_node)
    assert (audit.findings, audit.clients) == ((), ())
    assert audit.frame.empty
    assert audit.headline.endswith(": no container was there to look at")
    with pytest.raises(UsageError, match=r"no namespace 'moby' .*there are: iluvatar-bench"):
        await audited(quiet_node, namespace="moby")
    with pytest.raises(UsageError, match="no container 'x' in the containerd at"):
        live_container(audit, "x")
    with pytest.raises(UsageError, match="no namespace 'moby'"):
        await anext(watch_daemon(quiet_node.address, namespace="moby"))
    async with connect(quiet_node.address, namespace="second"):
        assert (await audited(quiet_node)).counts["namespaces"] == 2
        only = await audited(quiet_node, namespace="second")
        assert [namespace.name for namespace in only.state.namespaces] == ["second"]


@pytest.mark.daemon
async def test_the_end_of_the_daemon_ends_a_watch() -> None:
    """Of a watch that has begun and has nothing to do: who is still asking is told otherwise."""
    async with private_daemon() as node:

        async def create(number: int | str) -> None:
            record = ContainerRecord(
                id=f"c-{number}",
                image="",
                runtime=RUNTIME,
                spec={"root": {"path": "rootfs"}},
            )
            await node.client.containers.create(record)

        alarms = watch_daemon(node.address)
        alarm = await first_alarm(alarms, create)
        await create("last")
        async with asyncio.timeout(20):
            while alarm.container_id != "c-last":
                alarm = await anext(alarms)
        waiting = asyncio.ensure_future(anext(alarms))
    with pytest.raises(AnswerLost, match=r"Events\.Subscribe"):
        await waiting


def test_the_command_says_it_in_one_line(short_folder: Path) -> None:
    cases = [
        (1, "is not there", ["audit", "--address", str(short_folder / "none")]),
        (1, "is no socket", ["audit", "--address", str(short_folder)]),
        (1, "is not there", ["explain", "--live", "x", "--address", str(short_folder / "none")]),
        (2, "no run folder", ["explain", str(short_folder), "1"]),
        (2, "name either RUN (and TRIAL)", ["explain"]),
        (2, "name either RUN (and TRIAL)", ["explain", "r", "1", "--live", "x"]),
    ]
    for status, words, arguments in cases:
        done = command(*arguments)
        assert (done.returncode, done.stderr.count("\n")) == (status, 1), done.stderr
        assert words in done.stderr
        assert done.stderr.startswith("error: ")
        assert done.stdout == ""


def test_help_is_there_for_both_commands() -> None:
    for name, words in (("audit", "--save-profile"), ("explain", "--live")):
        done = command(name, "--help")
        assert done.returncode == 0
        assert words in done.stdout


def test_places_are_the_tools_own() -> None:
    places = HostPlaces()
    assert places.network_namespaces == (Path("/run/netns"),)
    assert places.addresses == (Path("/var/lib/cni/networks"),)
