"""Deaths told in every order, twice, late or not at all: found, and counted once."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

import grpc
import pytest

from iluvatar_bench.containerd.client import connect
from iluvatar_bench.containerd.services.events import DaemonEvent
from iluvatar_bench.containerd.values import ExitStatus
from iluvatar_bench.errors import UsageError
from iluvatar_bench.monitor import Monitor, open_monitor
from iluvatar_bench.monitor.exit_watcher import MOST_CLOSED, ExitWatcher
from iluvatar_bench.records import Death, Way
from tests.monitor.test_event_log import calls, gap_closed, until
from tests.support.fake_containerd import FakeContainerd, FakeTask, fake_containerd


class Watching:
    """A fake daemon, a monitor on it, and what the monitor reported as it happened."""

    def __init__(self, fake: FakeContainerd, monitor: Monitor, reported: list[str]) -> None:
        self.fake = fake
        self.monitor = monitor
        self.exits = monitor.exits
        self.reported = reported

    async def told(self, *ways: Way) -> None:
        async with asyncio.timeout(30):
            await self.exits.wait_told(["c"], ways)


@asynccontextmanager
async def watching(folder: Path) -> AsyncIterator[Watching]:
    reported: list[str] = []
    async with (
        fake_containerd(folder / "s") as fake,
        connect(folder / "s") as client,
        open_monitor(client, sample_seconds=0, on_death=reported.append) as monitor,
    ):
        fake.tasks["c"] = FakeTask(pid=7)
        try:
            yield Watching(fake, monitor, reported)
        finally:
            for task in fake.tasks.values():
                task.ended.set()


def never() -> asyncio.Future[ExitStatus]:
    """A Tasks.Wait of somebody else's that is not answered."""
    return asyncio.get_running_loop().create_future()


async def test_a_death_in_a_gap_is_found_and_a_late_event_does_not_count_again(
    short_folder: Path,
) -> None:
    async with watching(short_folder) as w:
        w.exits.watch("c", pid=7, process=None, exited=never())
        w.fake.answers = {"Events.Subscribe": grpc.StatusCode.UNAVAILABLE}
        w.fake.break_streams()
        await until(lambda: len(w.monitor.events.gaps) == 1)
        w.fake.tasks["c"].ended.set()
        w.fake.answers = {}
        await w.told(Way.LIST)
        assert w.reported == ["c"]
        # The shim sends again what it could not deliver; containerd may deliver it twice.
        for _ in range(2):
            w.fake.emit_exit("c", pid=7)
        await until(lambda: len(w.monitor.events.events) == 2)
        (death,) = w.exits.deaths("run")
        assert w.reported == ["c"]
        assert (death.first_way, death.exit_status) == (Way.LIST, 137)
        assert death.list_at is not None
        assert death.event_at is not None
        assert death.list_at < death.event_at
        assert (death.pidfd_at, death.wait_at, death.poll_at) == (None, None, None)


async def test_a_wait_that_broke_is_made_again(short_folder: Path) -> None:
    async with watching(short_folder) as w:
        w.fake.answers = {"Tasks.Wait": grpc.StatusCode.UNAVAILABLE}
        w.exits.watch("c", pid=7, process=None)
        await until(lambda: calls(w.fake, "Tasks.Wait") >= 2)
        assert w.reported == []
        w.fake.answers = {}
        w.fake.tasks["c"].ended.set()
        await w.told(Way.WAIT)
        (death,) = w.exits.deaths("run")
        assert (death.first_way, death.exit_status, w.reported) == (Way.WAIT, 137, ["c"])


class Ending(asyncio.Event):
    """A task's end, as the daemon's Tasks.Wait awaits it; it keeps how each wait ended."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[str] = []

    async def wait(self) -> Literal[True]:
        try:
            await super().wait()
        except asyncio.CancelledError:
            self.waits.append("cancelled")
            raise
        self.waits.append("answered")
        return True


async def test_the_wait_of_one_that_is_watched_no_more_is_answered(short_folder: Path) -> None:
    """And tells nothing then. At the end those that are still open are cancelled."""
    async with watching(short_folder) as w:
        ending, staying = Ending(), Ending()
        w.fake.tasks = {"c": FakeTask(7, ending), "d": FakeTask(8, staying)}
        for name, pid in (("c", 7), ("d", 8)):
            w.exits.watch(name, pid=pid, process=None)
        await until(lambda: calls(w.fake, "Tasks.Wait") == 2)
        w.exits.unwatch("c")
        w.exits.unwatch("d")
        # Whatever was cancelled has come to the daemon by then.
        await w.exits.reconcile()
        assert ending.waits == []
        ending.set()
        await until(lambda: ending.waits == ["answered"])
        await w.exits.reconcile()
        assert w.exits.deaths("run") == []
        assert w.reported == []
        w.exits.close()
        await until(lambda: staying.waits == ["cancelled"])


async def test_a_task_that_the_list_leaves_out_is_asked_for_before_it_is_called_dead(
    short_folder: Path,
) -> None:
    async with watching(short_folder) as w:
        w.exits.watch("c", pid=7, process=None, exited=never())
        w.fake.tasks["c"].listed = False
        w.fake.break_streams()
        await until(gap_closed(w.monitor.events, 1))
        assert calls(w.fake, "Tasks.Get") == 1
        assert w.exits.deaths("run") == []
        # Deleted behind our back: now containerd knows nothing of it any more.
        w.fake.tasks.pop("c").ended.set()
        w.fake.break_streams()
        await w.told(Way.LIST)
        assert w.reported == ["c"]


async def test_a_living_process_is_not_dead_whatever_containerd_says(
    short_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    process = subprocess.Popen(["sleep", "600"])  # noqa: ASYNC220
    try:
        async with watching(short_folder) as w:
            w.monitor.watch("c", process.pid, exited=never())
            w.fake.tasks.pop("c").ended.set()
            with caplog.at_level(logging.WARNING):
                w.fake.break_streams()
                await until(gap_closed(w.monitor.events, 1))
            assert w.exits.deaths("run") == []
            assert f"no task c, but its process {process.pid} lives" in caplog.text
            os.kill(process.pid, signal.SIGKILL)
            await w.told(Way.PIDFD)
            assert w.reported == ["c"]
    finally:
        process.kill()
        process.wait()


async def test_an_exit_of_another_process_of_the_container_is_not_its_death(
    short_folder: Path,
) -> None:
    async with watching(short_folder) as w:
        w.exits.watch("c", pid=7, process=None, exited=never())
        w.fake.emit_exit("c", pid=8)
        w.fake.emit_exit("somebody-else", pid=7)
        await until(lambda: len(w.monitor.events.events) == 2)
        assert w.exits.deaths("run") == []


async def test_an_event_that_comes_after_the_watch_is_kept_with_the_death(
    short_folder: Path,
) -> None:
    async with watching(short_folder) as w:
        exited = never()
        w.exits.watch("c", pid=7, process=None, exited=exited)
        exited.set_result(ExitStatus(status=137, exited_at=None))
        await w.told(Way.WAIT)
        w.monitor.unwatch("c")
        w.exits.unwatch("c")
        w.fake.emit_exit("c", pid=7)
        await w.told(Way.EVENT)
        (death,) = w.exits.deaths("run")
        assert death.first_way is Way.WAIT
        assert w.reported == ["c"]


async def test_the_events_of_the_known_deaths_are_waited_for_and_of_no_others(
    short_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with watching(short_folder) as w:
        for number, name in enumerate("abc"):
            exited = never()
            w.exits.watch(name, pid=number, process=None, exited=exited)
            if name != "c":
                exited.set_result(ExitStatus(status=137, exited_at=None))
                await asyncio.sleep(0)
                w.monitor.unwatch(name)
        waiting = asyncio.create_task(w.monitor.wait_events(seconds=30))
        w.fake.emit_exit("a", pid=0)
        async with asyncio.timeout(30):
            await w.exits.wait_told(["a"], [Way.EVENT])
        with caplog.at_level(logging.WARNING):
            await w.monitor.wait_events(seconds=0.01)
        assert "no event has told every death within 0.01 s" in caplog.text
        assert not waiting.done()
        w.fake.emit_exit("b", pid=1)
        await waiting
        assert [event.container_id for event in w.monitor.events.events] == ["a", "b"]


async def test_where_events_were_missed_none_is_waited_for(short_folder: Path) -> None:
    async with watching(short_folder) as w:
        exited = never()
        w.exits.watch("c", pid=7, process=None, exited=exited)
        exited.set_result(ExitStatus(status=137, exited_at=None))
        await w.told(Way.WAIT)
        w.fake.break_streams()
        await until(gap_closed(w.monitor.events, 1))
        async with asyncio.timeout(20):
            await w.monitor.wait_events(seconds=1000)


async def test_one_id_is_watched_once_at_a_time_and_each_life_has_its_own_death(
    short_folder: Path,
) -> None:
    async with watching(short_folder) as w:
        for pid in (7, 8):
            w.exits.watch("c", pid=pid, process=None, exited=never())
            with pytest.raises(UsageError, match="watched already"):
                w.exits.watch("c", pid=pid, process=None, exited=never())
            w.fake.emit_exit("c", pid=pid)
            await w.told(Way.EVENT)
            w.exits.unwatch("c")
        assert [death.pid for death in w.exits.deaths("run")] == [7, 8]
        assert w.reported == ["c", "c"]


async def test_a_process_that_is_gone_before_the_watch_is_left_to_containerd(
    short_folder: Path,
) -> None:
    process = subprocess.Popen(["true"])  # noqa: ASYNC220
    process.wait()
    async with watching(short_folder) as w:
        exited = never()
        w.monitor.watch("c", process.pid, exited=exited)
        assert w.monitor.memory.watched == ()
        exited.set_result(ExitStatus(status=0, exited_at=None))
        await w.told(Way.WAIT)
        assert w.reported == ["c"]


async def test_what_a_sink_has_is_not_kept(short_folder: Path) -> None:
    """Containers come and go for hours; a death that is told late still has its container."""
    told: list[Death] = []
    async with fake_containerd(short_folder / "s"), connect(short_folder / "s") as client:
        exits = ExitWatcher(client, on_told=told.append, run_id="run")
        for number in range(2 * MOST_CLOSED):
            exited = never()
            exits.watch(f"c{number}", pid=number, process=None, exited=exited)
            exited.set_result(ExitStatus(status=137, exited_at=None))
            await asyncio.sleep(0)
            exits.unwatch(f"c{number}")
        assert len(told) == 2 * MOST_CLOSED
        assert len(exits.deaths("run")) == MOST_CLOSED
        last = 2 * MOST_CLOSED - 1
        exits.take_event(
            DaemonEvent(None, "n", "/tasks/exit", f"c{last}", pid=last, exit_status=137)
        )
        assert told[-1].container_id == f"c{last}"
        assert told[-1].event_at is not None
        exits.take_event(DaemonEvent(None, "n", "/tasks/exit", "c0", pid=0, exit_status=137))
        assert len(told) == 2 * MOST_CLOSED + 1
