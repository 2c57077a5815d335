"""The watch of a daemon by itself: what ends it, what clears a suspicion, who is said to answer."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from pathlib import Path

import pytest

from iluvatar_bench.bugs import DaemonFact
from iluvatar_bench.containerd.client import Client, connect
from iluvatar_bench.containerd.daemon.private import private_daemon
from iluvatar_bench.errors import AnswerLost, Unreachable
from iluvatar_bench.monitor import who_listens
from iluvatar_bench.runs import daemon_watch
from iluvatar_bench.runs.daemon_watch import follow_daemon
from tests.monitor.test_real_deaths import another_daemon
from tests.support.fake_containerd import fake_containerd
from tests.support.waiting import wait_for


async def until_noticed(client: Client) -> None:
    """Until the client knows that nobody listens: a request before that is sent, and lost."""
    async with asyncio.timeout(20):
        while True:
            try:
                await client.introspection.version()
            except Unreachable:
                return
            except AnswerLost:
                continue


@pytest.mark.parametrize("turns", range(8))
async def test_a_watch_that_ends_as_it_is_told_of_a_suspicion_does_end(
    short_folder: Path, turns: int
) -> None:
    """However many turns of the event loop lie between the two."""
    async with (
        fake_containerd(short_folder / "s"),
        connect(short_folder / "s") as client,
        asyncio.timeout(20),
        follow_daemon(client, short_folder / "s") as watch,
    ):
        assert await watch.wait_serving()
        # It has come to where it waits for a suspicion.
        await asyncio.sleep(0.01)
        watch.suspect()
        for _ in range(turns):
            await asyncio.sleep(0)


class LateLook:
    """Who listens, looked up once the test lets it be: by a thread, which a busy host lets wait."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun, self.may_go_on = threading.Event(), threading.Event()
        monkeypatch.setattr(daemon_watch, "PERIOD_SECONDS", 0.05)
        monkeypatch.setattr(daemon_watch, "who_listens", self._look)

    def _look(self, address: Path) -> DaemonFact | None:
        self.begun.set()
        assert self.may_go_on.wait(60)
        return who_listens(address)

    async def wait_begun(self) -> None:
        """Return in the middle of a probe, behind containerd's answer."""
        self.begun.clear()
        assert await asyncio.to_thread(self.begun.wait, 60)


async def test_an_answer_from_before_a_suspicion_does_not_clear_it(
    short_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    socket = short_folder / "s"
    async with (
        fake_containerd(socket) as fake,
        connect(socket) as client,
        follow_daemon(client, socket) as watch,
    ):
        assert await watch.wait_serving()
        look = LateLook(monkeypatch)
        await look.wait_begun()
        asked = len(fake.calls)
        watch.suspect()
        look.may_go_on.set()
        assert await watch.wait_serving()
        assert [call for call, _, _ in fake.calls[asked:]][:1] == ["Version"]


def found_anew(address: Path, before: DaemonFact) -> bool:
    try:
        return who_listens(address) not in (None, before)
    except OSError:
        return False


@pytest.mark.daemon
async def test_a_restart_between_an_answer_and_the_look_at_who_gave_it_is_one_gap(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with (
        private_daemon() as node,
        connect(node.address) as client,
        follow_daemon(client, node.address) as watch,
    ):
        assert await watch.wait_serving()
        look = LateLook(monkeypatch)
        await look.wait_begun()
        before = who_listens(node.address)
        assert before is not None
        os.kill(before.pid, signal.SIGKILL)
        # The connection that is watched meets nobody, and is not tried again for a while.
        await until_noticed(client)
        async with another_daemon(node):
            await asyncio.to_thread(wait_for, lambda: found_anew(node.address, before))
            look.may_go_on.set()
            await asyncio.to_thread(wait_for, lambda: watch.gaps and watch.gaps[-1].ended_at)
            for _ in range(2):
                await look.wait_begun()
            gaps = tuple(watch.gaps)
    (gap,) = gaps
    assert gap.pid_before == before.pid
    assert gap.pid_after not in (None, before.pid)
