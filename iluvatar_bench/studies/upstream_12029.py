"""The calls of the open report containerd/containerd#12029, one by one.

The report's client sends Containers.Create, Tasks.Create and Tasks.Start, with a pause between the
last two, and runs ``python3 -c`` with an import. Its record names no snapshot. Here the same calls
go to a containerd that collects garbage only when it is told to, so that the moment is known: after
Start, when Python is up and before its import. https://github.com/containerd/containerd/issues/12029
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from signal import SIGKILL

import pandas as pd

from iluvatar_bench.containerd.daemon.private import Node
from iluvatar_bench.containerd.oci.image_import import ImportedImage, import_layout
from iluvatar_bench.containerd.oci.spec import BindMount, runtime_spec
from iluvatar_bench.containerd.values import ContainerRecord, ExitStatus
from iluvatar_bench.errors import UsageError
from iluvatar_bench.functions import BuildOptions, daemon_with, find_source, image_of
from iluvatar_bench.lifecycle.container import RUNTIME
from iluvatar_bench.lifecycle.container import STARTUP_SECONDS as READY_SECONDS
from iluvatar_bench.lifecycle.readiness import wait_for_text
from iluvatar_bench.lifecycle.start_barrier import (
    BARRIER_IN_CONTAINER,
    WAITING_TEXT,
    StartBarrier,
    barrier_at,
)
from iluvatar_bench.profiles.collector import QUIET_COLLECTOR
from iluvatar_bench.profiles.profile import factor_levels, resolve_profile
from iluvatar_bench.records import Trial
from iluvatar_bench.runs.cold_start import run_cold_start
from iluvatar_bench.runs.runner import Stop
from iluvatar_bench.studies.dose import was_collected

IMPORTED = "calendar"
"""A module of the standard library that a starting Python does not load by itself."""

LOOKED_AT = ("(list /)", "(stat /etc/passwd)")
"""What the container does before that import, and tells the answer of: whether its root is there.

Nothing needs these names, so the kernel has no use of them that would keep them.
"""

PROGRAM = f"""
import json, os, sys
barrier = open({BARRIER_IN_CONTAINER!r}, "rb", buffering=0)
print({WAITING_TEXT!r}, file=sys.stderr, flush=True)
barrier.read(1)
def look(name, call):
    try:
        answer = call()
    except OSError as error:
        answer = error.strerror
    print(name, answer, file=sys.stderr, sep=": ", flush=True)
look({LOOKED_AT[0]!r}, lambda: f"{{len(os.listdir('/'))}} names")
look({LOOKED_AT[1]!r}, lambda: os.stat("/etc/passwd") and "there")
import {IMPORTED}
print("imported {IMPORTED}", file=sys.stderr)
"""
"""What the container runs. Its first import makes Python write byte code into the snapshot.

The barrier is open before the program says that it waits: the collection that follows takes the
snapshot's directory, and under `native` the mount point of the barrier with it.
"""

REFERENCES = ("none", "container")
"""The report's record, and the one with the two lines: levels of ``snapshot_reference``."""

STEPS = ("before_mount", "before_start", "during_startup", "after_ready")
"""Where a collection is forced: the report's snapshot is there, and containerd's alone to keep."""

RUNS_A_SNAPSHOTTER = len(REFERENCES) * len(STEPS)
"""How many runs :func:`run_forced_steps` makes for each snapshotter."""

STARTUP_SECONDS = 60.0
_COPY_SECONDS = 5.0


Call = tuple[str, str, str]
"""What was asked, what matters of the request, what came back."""


async def report_calls(*, snapshotter: str = "overlayfs", named: bool = False) -> pd.DataFrame:
    """Send the report's calls for one container, with a forced collection before the import.

    Args:
        snapshotter: whose snapshot the container has.
        named: whether the record names its snapshot: the two lines that end the bug.

    Returns:
        A row a call, in order: ``call``, ``with`` (what matters of the request), ``answer``. The
        last row is how the process ended and its last words.

    Raises:
        UsageError: no such snapshotter; nothing was started.
        EnvironmentProblem: the host lacks something.
        ContainerdError, StartupFailed: a call failed that is not meant to.
    """
    if snapshotter not in factor_levels("snapshotter"):
        known = ", ".join(factor_levels("snapshotter"))
        raise UsageError(f"no snapshotter {snapshotter!r}; there are: {known}")
    built = await asyncio.to_thread(image_of, find_source("hello"), BuildOptions())
    calls: list[Call] = []
    quiet = daemon_with([built], snapshotters=[snapshotter], collector=QUIET_COLLECTOR)
    async with quiet as node:
        image = await import_layout(
            node.client, built.layout, name=built.name, snapshotters=(snapshotter,)
        )
        with _output(node, "report") as output, barrier_at(node.scratch / "barrier") as barrier:
            await _send(calls, node, image, snapshotter, named, output, barrier)
    return pd.DataFrame(calls, columns=["call", "with", "answer"])


async def run_forced_steps(
    *,
    snapshotters: Sequence[str],
    trials: int,
    concurrency: int,
    seed: int,
    results: Path,
    ready_seconds: float = READY_SECONDS,
    on_trial: Callable[[Trial], None] | None = None,
    stop: Stop | None = None,
) -> pd.DataFrame:
    """Force a collection at each step of a start in turn, with the report's order of calls.

    Args:
        trials: containers a step, snapshotter and reference, each removed once it has answered.
        stop: once set, the step under way ends early and no further one begins.

    Returns:
        A row a step (``collection``), ``snapshotter``, ``snapshot_reference`` and what became of
        the containers: ``outcome`` (ok, unknown, or the bug class), ``snapshot`` (``collected`` if
        that was proven, else ``kept``), ``count``.

    Raises:
        UsageError: a name or number is wrong.
        EnvironmentProblem: the host lacks something.
    """
    columns = ["collection", "snapshotter", "snapshot_reference", "outcome", "snapshot", "count"]
    rows = []
    for snapshotter, reference, step in itertools.product(snapshotters, REFERENCES, STEPS):
        if stop is not None and stop.is_set():
            break
        factors = {
            "snapshotter": snapshotter,
            "snapshot_reference": reference,
            "collection": step,
        }
        settings = [f"{name}={level}" for name, level in factors.items()]
        run = await run_cold_start(
            resolve_profile("guarded", settings),
            trials=trials,
            concurrency=concurrency,
            seed=seed,
            results=results,
            ready_seconds=ready_seconds,
            hold_ms=(0, 0),
            on_trial=on_trial,
            stop=stop,
        )
        named = run.trials["bug_class"].fillna(run.trials["outcome"])
        snapshot = was_collected(run.trials).map({True: "collected", False: "kept"})
        counts = pd.DataFrame({"outcome": named, "snapshot": snapshot}).value_counts()
        rows.append(counts.reset_index().assign(**factors))
    return pd.concat(rows, ignore_index=True)[columns] if rows else pd.DataFrame(columns=columns)


@contextmanager
def _output(node: Node, name: str) -> Iterator[Path]:
    path = node.scratch / name
    path.touch()
    try:
        yield path
    finally:
        path.unlink()


async def _send(
    calls: list[Call],
    node: Node,
    image: ImportedImage,
    snapshotter: str,
    named: bool,
    output: Path,
    barrier: StartBarrier,
) -> None:
    client, key = node.client, "report"
    reference = (snapshotter, key) if named else ("", "")
    await client.containers.create(_record(node, image, key, reference, barrier))
    shown = "snapshotter={!r}, snapshot_key={!r}".format(*reference)
    calls.append(("Containers.Create", shown, "ok"))
    mounts = await client.snapshots(snapshotter).prepare(key, parent=image.chain_id)
    calls.append(
        ("Snapshots.Prepare", f"key={key!r}, no lease", f"a mount of type {mounts[0].type}")
    )
    pid = await client.tasks.create(
        key, rootfs=mounts, stdout=output, stderr=output, runc_root=node.runc_root
    )
    calls.append(("Tasks.Create", "the mounts", f"pid {pid}, mounted, not started"))
    async with _ended(node, key) as exited:
        await client.tasks.start(key)
        calls.append(("Tasks.Start", "", "ok: Python runs"))
        await wait_for_text(
            WAITING_TEXT,
            container_id=key,
            stdout=output,
            stderr=output,
            exited=exited,
            seconds=STARTUP_SECONDS,
        )
        await client.leases.force_collection()
        calls.append(("(collection)", "containerd collects garbage now", "done"))
        found = await client.snapshots(snapshotter).exists(key)
        answer = "found" if found else "not found: collected, though nobody removed it"
        calls.append(("Snapshots.Stat", f"key={key!r}", answer))
        barrier.open()
        async with asyncio.timeout(STARTUP_SECONDS):
            status = await asyncio.shield(exited)
    await client.tasks.delete(key)
    lines = await _last_words(output)
    for line in lines:
        name, _, answer = line.partition(": ")
        if name in LOOKED_AT:
            calls.append((name, "Python goes on", answer))
    words = lines[-1]
    calls.append((f"(import {IMPORTED})", "Python goes on", f"exit {status.status}: {words}"))


async def _last_words(output: Path) -> list[str]:
    """What the program said, to its end: after its answers it tells how the import went.

    On a busy host (load 8 to 10) the shim's copy lacked that line when the task was deleted, in two
    of some twenty containers.
    """
    deadline = time.monotonic() + _COPY_SECONDS
    while True:
        lines = output.read_text().strip().splitlines()
        if lines[-1].partition(": ")[0] not in LOOKED_AT or time.monotonic() > deadline:
            return lines
        await asyncio.sleep(0.05)


@asynccontextmanager
async def _ended(node: Node, key: str) -> AsyncIterator[asyncio.Future[ExitStatus]]:
    """The exit of a created task; at the end it is over, whatever came between."""
    exited = asyncio.ensure_future(node.client.tasks.wait_exit(key))
    try:
        yield exited
    finally:
        if not exited.done():
            await node.client.tasks.kill(key, signal=SIGKILL, all_processes=False)
            await exited


def _record(
    node: Node, image: ImportedImage, key: str, reference: tuple[str, str], barrier: StartBarrier
) -> ContainerRecord:
    snapshotter, snapshot_key = reference
    return ContainerRecord(
        id=key,
        image=image.name,
        runtime=RUNTIME,
        spec=runtime_spec(
            args=["python3", "-c", PROGRAM],
            env=image.env,
            cwd=image.cwd,
            hostname=key,
            cgroups_path=f"{node.cgroup_parent}/{key}",
            cgroup_v2=node.unified,
            binds=[BindMount(str(barrier.path), BARRIER_IN_CONTAINER, read_only=False)],
        ),
        snapshotter=snapshotter,
        snapshot_key=snapshot_key,
    )
