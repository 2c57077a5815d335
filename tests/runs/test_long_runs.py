"""Many containers at once, many one after another, for long: nothing fails, nothing piles up."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from iluvatar_bench.containerd.daemon.private import private_daemon
from iluvatar_bench.containerd.oci.image_import import import_layout
from iluvatar_bench.functions import BuildOptions, build_image, load_function
from iluvatar_bench.host.kernel import processes
from iluvatar_bench.host.process_limits import raise_descriptor_limit
from iluvatar_bench.lifecycle import Container, KillLog
from iluvatar_bench.monitor import open_monitor
from iluvatar_bench.records import Trial
from iluvatar_bench.runs import RunResult, open_run, run_cold_start
from iluvatar_bench.runs.trial import Setting, live_trial
from tests.support.own_resources import Held, held, pooled_threads, slope
from tests.support.quick_profiles import quick
from tests.support.residue import place_of
from tests.support.traces import traces_of

pytestmark = pytest.mark.daemon

GUARDED = quick("guarded")
"""With byte code Python starts in a third of the time."""

ALIVE = 200
STARTS_AT_A_TIME = 8

CHURN_SECONDS = 600
WARM_SECONDS = 60

FILLING_BYTES = 8 * 1024
"""What a lifecycle may add to memory while the last 10,000 events, the last 10,000 Kills and the
last 1,000 ends, which evidence is taken from, are not that many yet."""

FILLED_LIFECYCLES = 2000
"""From here on (five events each) nothing more is kept than goes."""

FLAT_BYTES = 1024


def check_clean(run: RunResult, lifecycles: int) -> None:
    assert len(run.trials) == lifecycles
    bad = run.trials[run.trials["outcome"] != "ok"]
    assert bad.empty, bad[["trial", "outcome", "bug_class", "mechanism", "error"]].to_dict(
        "records"
    )
    assert run.leaked == {}
    assert traces_of(place_of(run.folder)) == []


def lifecycles(count: int, results: Path, *, concurrency: int = 8) -> tuple[RunResult, list[Held]]:
    """So many of them in a loop of their own, and what the process held as each ended."""
    seen: list[Held] = []

    def look(_: Trial) -> None:
        seen.append(held())

    run = asyncio.run(
        run_cold_start(
            GUARDED,
            trials=count,
            concurrency=concurrency,
            seed=1,
            hold_ms=(0, 50),
            results=results,
            on_trial=look,
        )
    )
    return run, seen


def test_40_lifecycles_leave_no_descriptor_and_no_thread(tmp_path: Path) -> None:
    # What a process has from its first run on: the threads of gRPC, say.
    _, few = lifecycles(4, tmp_path)
    before = held(collect=True)
    run, many = lifecycles(40, tmp_path)
    after = held(collect=True)
    check_clean(run, 40)
    check_nothing_is_held(before, after)
    # Nor while the run goes on: as the last of them ends, none of the others is alive.
    assert many[-1].descriptors <= few[-1].descriptors + 8


def check_nothing_is_held(before: Held, after: Held) -> None:
    """Of a run's containers; libraries have pools that a busy host lets grow a little later."""
    assert (after.descriptors, after.python_threads) == (before.descriptors, before.python_threads)
    assert after.threads <= before.threads + pooled_threads()


@pytest.mark.slow
def test_1000_lifecycles_at_8_a_time_without_a_failure(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    lifecycles(4, tmp_path)
    before = held(collect=True)
    run, seen = lifecycles(1000, tmp_path)
    after = held(collect=True)
    check_clean(run, 1000)
    check_nothing_is_held(before, after)
    warm = seen[100:]
    numbers = range(len(warm))
    found = {
        "descriptors": slope(numbers, [h.descriptors for h in warm]),
        "threads": slope(numbers, [h.threads for h in warm]),
        "memory_bytes": slope(numbers, [h.memory_bytes for h in warm]),
    }
    for name, value in found.items():
        record_property(f"{name} a lifecycle", str(value))
    # One that is left by every hundredth lifecycle would be 0.01.
    assert found["descriptors"].low < 0.005, found
    assert found["threads"].low < 0.005, found
    assert found["memory_bytes"].low < FILLING_BYTES, found


@pytest.mark.slow
async def test_200_containers_alive_at_once() -> None:
    raise_descriptor_limit()
    alive: set[int] = set()
    all_alive, starting = asyncio.Event(), asyncio.Semaphore(STARTS_AT_A_TIME)
    built = build_image(load_function("hello"), BuildOptions("http_server", byte_code=True))
    async with private_daemon() as node:
        image = await import_layout(
            node.client, built.layout, name=built.name, snapshotters=["overlayfs"]
        )
        async with open_monitor(node.client, sample_seconds=1.0) as monitor:
            setting = Setting("run-of-200", node, image, GUARDED, KillLog(), monitor=monitor)

            async def one(index: int) -> Trial:
                await starting.acquire()

                async def live(container: Container) -> None:
                    starting.release()
                    assert container.pid is not None
                    alive.add(container.pid)
                    if len(alive) == ALIVE:
                        all_alive.set()
                    await all_alive.wait()
                    await container.stay_alive(2.0)

                trial = await live_trial(setting, live, index=index, function="hello", seconds=600)
                if trial.outcome != "ok":
                    # The others would wait for it in vain.
                    all_alive.set()
                return trial

            async with asyncio.timeout(900):
                trials = [asyncio.create_task(one(index)) for index in range(ALIVE)]
                await all_alive.wait()
                lived = [pid for pid in alive if processes.is_alive(pid)]
                done = await asyncio.gather(*trials)
        assert [trial.error for trial in done if trial.outcome != "ok"] == []
        assert len(lived) == len(alive) == ALIVE
        assert await node.client.tasks.list() == ()
    assert traces_of(node.id) == []


@pytest.mark.slow
def test_ten_minutes_of_churn_pile_nothing_up(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    program = [sys.executable, "-m", "tests.support.long_churn", str(CHURN_SECONDS), str(tmp_path)]
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    *samples, end = [json.loads(line) for line in done.stdout.splitlines()]
    run = open_run(Path(end["run"]))
    check_clean(run, len(run.trials))
    warm = [sample for sample in samples if sample["seconds"] > WARM_SECONDS]
    seconds = [sample["seconds"] for sample in warm]
    lived = [sample["trials"] for sample in warm]
    for what in ("descriptors", "threads"):
        a_minute = slope([at / 60 for at in seconds], [sample[what] for sample in warm])
        record_property(f"{what} a minute", str(a_minute))
        assert a_minute.low < 0.5, (what, str(a_minute))
    a_lifecycle = slope(lived, [sample["memory_bytes"] for sample in warm])
    record_property("bytes a lifecycle", str(a_lifecycle))
    assert a_lifecycle.low < FILLING_BYTES, str(a_lifecycle)
    filled = [sample for sample in warm if sample["trials"] > FILLED_LIFECYCLES]
    if len(filled) > 60:
        # On a machine that is fast enough to come so far.
        later = slope(
            [sample["trials"] for sample in filled], [sample["memory_bytes"] for sample in filled]
        )
        record_property("bytes a lifecycle, filled", str(later))
        assert later.low < FLAT_BYTES, str(later)
    assert lived[-1] > 200
