"""The built-in functions, each server, with and without byte code, on a real containerd."""

from __future__ import annotations

import asyncio
import importlib.util
import time
from collections.abc import AsyncIterator
from pathlib import Path
from types import ModuleType

import pytest
import pytest_asyncio

from iluvatar_bench.containerd.daemon.private import Node, private_daemon
from iluvatar_bench.containerd.oci.image_import import ImportedImage, import_layout
from iluvatar_bench.functions import BuildOptions, build_image, builtin_names, load_function
from iluvatar_bench.functions.catalog import BUILTIN_HOME
from iluvatar_bench.host.network.attachment import NetworkMode, NetworkSettings
from iluvatar_bench.host.network.network_pool import open_pool
from iluvatar_bench.host.network.networks import open_network
from iluvatar_bench.lifecycle import KillLog, remove_container
from iluvatar_bench.lifecycle.container import open_container
from iluvatar_bench.lifecycle.invocation import open_invoker
from iluvatar_bench.plans import PlannedTrial
from iluvatar_bench.profiles import resolve_profile
from iluvatar_bench.profiles.collector import QUIET_COLLECTOR
from iluvatar_bench.records import Trial
from iluvatar_bench.runs.trial import Setting, run_trial

GUARDED = resolve_profile("guarded")
FLASK, GUNICORN = BuildOptions(), BuildOptions("gunicorn")

module_loop = pytest.mark.asyncio(loop_scope="module")


def loaded(name: str) -> ModuleType:
    """A function's module in this process."""
    spec = importlib.util.spec_from_file_location(name, BUILTIN_HOME / name / "main.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_which_there_are() -> None:
    assert builtin_names() == (
        *("chameleon", "float_operation", "hello", "memory_hog", "missing_import", "silent"),
        "stand_in",
    )


def test_what_they_compute() -> None:
    done = loaded("float_operation").main({"n": 3})
    assert done["n"] == 3
    assert done["result"] == pytest.approx(2.490461, abs=1e-6)
    assert loaded("memory_hog").main({"mib": 5, "step_mib": 2}) == {"taken_mib": 5}
    assert loaded("memory_hog").main({"mib": 0}) == {"taken_mib": 0}
    stand_in = loaded("stand_in")
    before = stand_in.resident() // stand_in.MIB
    began = time.monotonic()
    assert stand_in.main({"duration_ms": 150, "memory_mib": before + 40})["resident_mib"] >= (
        before + 40
    )
    assert time.monotonic() - began >= 0.15
    # What it holds it keeps, and takes no more.
    assert stand_in.main({"memory_mib": before + 40})["resident_mib"] <= before + 60
    assert loaded("hello").main({})["greeting"] == "Hello world from python"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def node() -> AsyncIterator[Node]:
    """One quiet daemon for all tests of this module: the images share their layers."""
    async with private_daemon(collector=QUIET_COLLECTOR) as node:
        yield node


async def image_in(node: Node, name: str, options: BuildOptions) -> ImportedImage:
    built = await asyncio.to_thread(build_image, load_function(name), options)
    return await import_layout(
        node.client, built.layout, name=built.name, snapshotters=["overlayfs"]
    )


async def lived(node: Node, name: str, options: BuildOptions = FLASK) -> Trial:
    """One trial with one invocation under the guarded profile."""
    image = await image_in(node, name, options)
    async with (
        open_network(NetworkSettings(mode=NetworkMode.LOOPBACK)) as network,
        open_pool(network, size=0) as pool,
        open_invoker(network.book) as invoker,
    ):
        # What is never ready is waited for as long as this.
        seconds = 2.0 if name == "silent" else 20.0
        run_id = f"t-{options.server[:4]}"
        setting = Setting(run_id, node, image, GUARDED, KillLog(), pool, invoker, seconds)
        return await run_trial(setting, PlannedTrial(index=0, function=name, hold_ms=1))


@pytest.mark.daemon
@module_loop
@pytest.mark.parametrize("options", [FLASK, GUNICORN], ids=lambda options: options.server)
@pytest.mark.parametrize("name", ["chameleon", "float_operation", "hello", "memory_hog"])
async def test_they_become_ready_and_answer(node: Node, name: str, options: BuildOptions) -> None:
    trial = await lived(node, name, options)
    assert trial.outcome == "ok", trial.error
    assert trial.steps["first_invoke_ms"] > 0
    assert trial.cleanup_errors == ()


@pytest.mark.daemon
@module_loop
@pytest.mark.parametrize("options", [FLASK, GUNICORN], ids=lambda options: options.server)
async def test_an_own_missing_import_is_no_missing_package(
    node: Node, options: BuildOptions
) -> None:
    """The words are those of the bug; the intact snapshot tells them apart."""
    trial = await lived(node, "missing_import", options)
    assert (trial.bug_class, trial.mechanism) == ("startup_error", "own_error")
    assert "ModuleNotFoundError: No module named 'numpy'" in (trial.error or "")
    assert trial.exit_status == 1
    assert "ready_ms" not in trial.steps


@pytest.mark.daemon
@module_loop
async def test_a_silent_start_that_nobody_caused(node: Node) -> None:
    trial = await lived(node, "silent")
    assert trial.bug_class == "silent_startup"
    assert trial.evidence is not None
    if trial.mechanism != "unknown":
        # Others had this host's processors for most of the two seconds.
        assert trial.mechanism == "cpu_starved"
        assert trial.evidence["processor_waited_seconds"] > 1
    assert (trial.error or "").endswith("and still runs; it said nothing")
    assert trial.exit_status is None


def byte_code_below(folder: str) -> list[Path]:
    return sorted(Path(folder).rglob("*.pyc"))


@pytest.mark.daemon
@module_loop
@pytest.mark.parametrize("server", ["flask", "gunicorn", "http_server"])
async def test_only_shipped_byte_code_is_not_written_at_the_start(node: Node, server: str) -> None:
    written = {}
    for byte_code in (False, True):
        options = BuildOptions(server, byte_code)  # type: ignore[arg-type]
        image = await image_in(node, "hello", options)
        container_id = f"byte-code-{server}-{byte_code}"
        async with open_container(
            container_id, node=node, image=image, profile=GUARDED, kills=KillLog()
        ) as container:
            try:
                await container.create()
                await container.start()
                upper = container.mounts[0].upper_directory
                assert upper is not None
                written[byte_code] = byte_code_below(upper)
            finally:
                await remove_container(container)
    # What http_server imports is less.
    assert len(written[False]) > (50 if server == "http_server" else 100)
    assert written[True] == []


@pytest.mark.daemon
@module_loop
async def test_images_share_the_snapshots_of_all_layers_below_their_own(node: Node) -> None:
    plain, shipped = [
        build_image(load_function("hello"), BuildOptions(byte_code=wanted))
        for wanted in (False, True)
    ]
    assert shipped.layer_count == plain.layer_count + 2
    before = {s.name for s in await node.client.snapshots("overlayfs").list()}
    await image_in(node, "hello", FLASK)
    between = {s.name for s in await node.client.snapshots("overlayfs").list()}
    await image_in(node, "hello", BuildOptions(byte_code=True))
    after = {s.name for s in await node.client.snapshots("overlayfs").list()}
    assert len(after - between) in (0, 2)
    assert before <= between <= after


@pytest.mark.daemon
@module_loop
async def test_the_image_says_how_its_readiness_is_recognised(node: Node) -> None:
    assert (await image_in(node, "hello", FLASK)).ready_text == "Running on"
    assert (await image_in(node, "hello", GUNICORN)).ready_text == "Listening at: http://"
