"""A cold-start run from a profile's name to a finished run folder."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from iluvatar_bench.containerd.daemon import Node, existing_daemon, private_daemon
from iluvatar_bench.containerd.image_import import import_layout
from iluvatar_bench.errors import UsageError
from iluvatar_bench.experiments.ledger import take_stock
from iluvatar_bench.experiments.result import RunResult, RunStatus, open_run
from iluvatar_bench.experiments.runner import run_plan
from iluvatar_bench.experiments.store import RunFolder, trials_frame
from iluvatar_bench.experiments.trial import Setting
from iluvatar_bench.functions import (
    BuildOptions,
    Function,
    StoredImage,
    find_source,
    image_of,
    require_buildable,
)
from iluvatar_bench.host.attachment import NetworkMode, NetworkSettings
from iluvatar_bench.host.facts import host_facts
from iluvatar_bench.host.network_pool import NetworkPool, open_pool
from iluvatar_bench.host.networks import open_network
from iluvatar_bench.lifecycle import KillLog, Profile
from iluvatar_bench.lifecycle.container import STARTUP_SECONDS
from iluvatar_bench.lifecycle.invocation import Invoker, open_invoker
from iluvatar_bench.monitor import event_log
from iluvatar_bench.plans import ColdStartPlan, cold_start
from iluvatar_bench.records import Trial


async def run_cold_start(
    profile: Profile,
    *,
    trials: int,
    concurrency: int,
    seed: int,
    results: Path,
    function: str = "hello",
    hold_ms: tuple[int, int] = (200, 1500),
    ready_seconds: float = STARTUP_SECONDS,
    pool_size: int = 0,
    address: Path | None = None,
    on_trial: Callable[[Trial], None] | None = None,
) -> RunResult:
    """Cold-start ``trials`` containers under one profile and keep what happened.

    A private containerd is started for the run unless ``address`` names the socket of one that
    runs already. ``function`` is a built-in function, a function's folder or an image on disk
    (``functions.images``). ``pool_size`` networks are kept warm (0: each is made when it is
    needed). ``on_trial`` is called as each trial ends.

    Raises:
        UsageError: a name or number is wrong; nothing was started.
        EnvironmentProblem: the host lacks something.
    """
    source, options = _checked(profile, function, address)
    name = source.container_name
    plan = cold_start(
        trials=trials, concurrency=concurrency, seed=seed, function=name, hold_ms=hold_ms
    )
    folder = RunFolder.create(results, profile_name=profile.name)
    try:
        built = await asyncio.to_thread(image_of, source, options)
        async with (
            _node(profile, address, folder) as node,
            _network(profile, pool_size) as (networks, invoker),
        ):
            image = await import_layout(
                node.client, built.layout, name=built.name, snapshotters=[profile.snapshotter]
            )
            setting = Setting(
                folder.run_id, node, image, profile, KillLog(), networks, invoker, ready_seconds
            )
            manifest = await _manifest(node, profile, plan, source.name)
            return await _run(setting, plan, folder, manifest, on_trial)
    finally:
        folder.discard_if_empty()


def _checked(
    profile: Profile, function: str, address: Path | None
) -> tuple[Function | StoredImage, BuildOptions]:
    """What the containers are made from, and how it is built if it is a function."""
    if address is not None and profile.collection != "natural":
        raise UsageError(
            f"collection={profile.collection} needs a private containerd: "
            "the collector of a running one is not ours to set"
        )
    source = find_source(function)
    options = BuildOptions(server=profile.server, byte_code=profile.byte_code == "shipped")
    require_buildable(source, options)
    return source, options


@asynccontextmanager
async def _node(profile: Profile, address: Path | None, folder: RunFolder) -> AsyncIterator[Node]:
    if address is not None:
        async with existing_daemon(address) as node:
            yield node
    else:
        log_path = folder.path / "containerd.log"
        async with private_daemon(collector=profile.collector, log_path=log_path) as node:
            yield node


@asynccontextmanager
async def _network(profile: Profile, pool_size: int) -> AsyncIterator[tuple[NetworkPool, Invoker]]:
    settings = NetworkSettings(mode=NetworkMode(profile.network))
    async with (
        open_network(settings) as network,
        open_pool(network, size=pool_size) as pool,
        open_invoker(network.book) as invoker,
    ):
        yield pool, invoker


async def _run(
    setting: Setting,
    plan: ColdStartPlan,
    folder: RunFolder,
    manifest: dict[str, Any],
    on_trial: Callable[[Trial], None] | None,
) -> RunResult:
    sinks = (folder.append, on_trial) if on_trial else (folder.append,)
    folder.write_manifest({**manifest, "status": RunStatus.RUNNING})
    status = RunStatus.INTERRUPTED
    snapshotter = setting.profile.snapshotter
    before = await take_stock(setting.node, snapshotter=snapshotter)
    leaked: dict[str, list[str]] | None = None
    async with event_log(setting.node.client) as events:
        try:
            await run_plan(replace(setting, events=events), plan, sinks=sinks)
            status = RunStatus.FINISHED
            after = await take_stock(setting.node, snapshotter=snapshotter)
            leaked = after.beyond(before)
        finally:
            # Also after Ctrl-C: what was lived through is kept as tables, not only as a journal.
            folder.close()
            frame = trials_frame(folder.journal())
            folder.write_tables(frame, events.records(folder.run_id))
            ended = {
                "status": status,
                "ended_at": datetime.now(UTC).isoformat(),
                "events_complete": events.broken is None,
                "ledger": {"before": asdict(before), "leaked": leaked},
            }
            folder.write_manifest({**manifest, **ended})
    result = open_run(folder.path)
    result.rates.to_csv(folder.path / "failure_rates.csv", index=False)
    return replace(result, recorded=False)


async def _manifest(
    node: Node, profile: Profile, plan: ColdStartPlan, function: str
) -> dict[str, Any]:
    version = await node.client.introspection.version()
    return {
        "started_at": datetime.now(UTC).isoformat(),
        "profile": profile.model_dump(),
        "function": function,
        "plan": plan.as_json(),
        "containerd": {"version": version.version, "revision": version.revision},
        "private_daemon": node.collector is not None,
        "host": await asyncio.to_thread(host_facts),
    }
