"""Deaths on a real containerd: seen in every way, at once, counted once, over a restart too."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

import pandas as pd
import pytest

from iluvatar_bench.benchmarks.poller import COUNTED, POLLER, PSUTIL, PSUTIL_ALL, measure_poller
from iluvatar_bench.containerd.client import connect
from iluvatar_bench.containerd.daemon.private import Node
from iluvatar_bench.containerd.daemon.versions import Release, release
from iluvatar_bench.containerd.oci.image_import import ImportedImage
from iluvatar_bench.errors import UsageError
from iluvatar_bench.host.facts import program_version
from iluvatar_bench.host.kernel.held_process import HeldProcess
from iluvatar_bench.host.kernel.listener import listener_at
from iluvatar_bench.monitor import open_monitor
from iluvatar_bench.records import Way
from iluvatar_bench.report import detection_latencies, latency_table
from iluvatar_bench.studies.detection import (
    WAYS,
    idle_containers,
    measure_detection,
    open_detection,
)
from tests.monitor.test_event_log import gap_closed, until

pytestmark = pytest.mark.daemon

CPU_SHARE = 0.01


async def test_deaths_from_outside_are_seen_in_every_way_at_once_and_counted_once(
    tmp_path: Path,
) -> None:
    detection = await measure_detection(containers=10, seed=1, sample_seconds=0.5)
    names = [f"watched-{number:03d}" for number in range(10)]
    assert sorted(detection.reported) == sorted(detection.deaths["container_id"]) == names
    assert (detection.deaths["exit_status"] == 128 + signal.SIGKILL).all()
    latencies = detection_latencies(detection.deaths)
    table = latency_table(latencies).set_index("way")
    assert set(table.index) == {str(way) for way in WAYS}
    assert (table["count"] == 10).all()
    assert table["first"].sum() == 10
    assert (latencies["latency_ms"] > 0).all()
    # Never later than the next round; how long it takes after the signal is luck.
    assert (
        detection.samples.groupby("container_id")["rss_bytes"]
        .apply(lambda rss: rss.isna().sum() == 1 and pd.isna(rss.iloc[-1]))
        .all()
    )
    detection.save(tmp_path)
    again = open_detection(tmp_path)
    pd.testing.assert_frame_equal(detection_latencies(again.deaths), latencies)
    (tmp_path / "samples.parquet").write_bytes((tmp_path / "samples.parquet").read_bytes()[:-9])
    with pytest.raises(UsageError, match=r"recorded detection in .* cannot be read"):
        open_detection(tmp_path)


def daemon_of(node: Node) -> int:
    """The PID of the private containerd that this test started.

    Not by its command line: a child that is to be a shim has the same until it is one.
    """
    listener = listener_at(node.address)
    assert listener is not None
    return listener.pid


@asynccontextmanager
async def another_daemon(node: Node) -> AsyncIterator[None]:
    """The private containerd once more, at the same place, until the end of the block."""
    config = node.address.with_name("config.toml")
    with node.address.with_name("containerd.log").open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            "containerd", "--config", str(config), stdout=output, stderr=output
        )
    try:
        yield
    finally:
        process.terminate()
        await process.wait()


async def test_a_death_while_containerd_is_down_is_found_when_it_is_back(
    quiet_node: Node, image: ImportedImage
) -> None:
    reported: list[str] = []
    async with (
        AsyncExitStack() as later,
        # The connection that outlives the daemon, as a worker's would.
        connect(quiet_node.address) as client,
        open_monitor(client, sample_seconds=0, on_death=reported.append) as monitor,
        idle_containers(quiet_node, image, monitor, 3) as (in_sight, out_of_sight, survivor),
    ):
        # One that only containerd can tell of, as if its process were on another host.
        assert out_of_sight.pid is not None
        monitor.unwatch(out_of_sight.id)
        monitor.exits.watch(
            out_of_sight.id,
            pid=out_of_sight.pid,
            process=None,
            exited=asyncio.get_running_loop().create_future(),
        )
        os.kill(daemon_of(quiet_node), signal.SIGKILL)
        await until(lambda: len(monitor.events.gaps) == 1)
        for container in (in_sight, out_of_sight):
            assert container.pid is not None
            with HeldProcess(container.pid) as process:
                signal.pidfd_send_signal(process.pidfd, signal.SIGKILL)
        async with asyncio.timeout(30):
            await monitor.exits.wait_told([in_sight.id], [Way.PIDFD])
        assert reported == [in_sight.id]
        await later.enter_async_context(another_daemon(quiet_node))
        await until(gap_closed(monitor.events, 1))
        async with asyncio.timeout(30):
            await monitor.exits.wait_told([out_of_sight.id], [Way.LIST])
        for container in (in_sight, out_of_sight, survivor):
            # The old ones broke with the daemon.
            container.exited = asyncio.ensure_future(client.tasks.wait_exit(container.id))
        assert reported == [in_sight.id, out_of_sight.id]
        deaths = {death.container_id: death for death in monitor.exits.deaths("run")}
        assert len(deaths) == 2
    assert deaths[in_sight.id].first_way is Way.PIDFD
    # From 1.7 on containerd forgets a task without processes as it starts ("leaked shim").
    installed = release(program_version("containerd", "--version") or "")
    forgotten = installed is not None and installed >= Release(1, 7, 0)
    known = None if forgotten else 128 + signal.SIGKILL
    assert deaths[out_of_sight.id].exit_status == known
    # The survivor's own end, when it was removed, and nothing else.
    assert reported == [in_sight.id, out_of_sight.id, survivor.id]
    assert not monitor.events.complete


@pytest.mark.slow
async def test_a_hundred_idle_containers_cost_next_to_nothing_and_none_is_called_dead(
    quiet_node: Node, image: ImportedImage, record_property: Callable[[str, object], None]
) -> None:
    reported: list[str] = []
    async with (
        open_monitor(quiet_node.client, on_death=reported.append) as monitor,
        idle_containers(quiet_node, image, monitor, 100) as containers,
    ):
        pids = [container.pid for container in containers if container.pid is not None]
        frame = await asyncio.to_thread(partial(measure_poller, pids, rounds=100))
        costs = frame.set_index("what")
        # Of processor time, which other load does not stretch. All that is counted, against four
        # files that psutil reads for less.
        ways = [POLLER, PSUTIL, COUNTED, PSUTIL_ALL]
        poll_us, psutil_us, counted_us, by_psutil_us = costs.loc[ways, "processor_us"]
        # All of this process in that minute: the monitor, its event loop and gRPC's threads.
        wall, cpu = time.monotonic(), time.process_time()
        await asyncio.sleep(60)
        share = (time.process_time() - cpu) / (time.monotonic() - wall)
        assert reported == []
        assert len(monitor.memory.watched) == 100
        last = monitor.memory.rounds[-1]
        assert len(last.containers) == 100
        assert all(last.rss_bytes)
        assert monitor.events.complete
        assert monitor.exits.deaths("run") == []
        # For a report: pytest --junitxml.
        record_property("monitor_share_of_one_core", share)
        record_property("poll_us", costs["processor_us"].to_dict())
    assert share < CPU_SHARE
    # 2.3 us when nothing else ran, up to 4.8 at a load of 20, which empties the caches.
    assert poll_us < psutil_us
    assert counted_us < by_psutil_us
