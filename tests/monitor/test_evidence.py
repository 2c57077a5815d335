"""The collector: everything there is of a living container, and never an exception."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import replace
from pathlib import Path

import grpc
import pytest

from iluvatar_bench.bugs import DaemonFact
from iluvatar_bench.containerd.client import connect
from iluvatar_bench.containerd.daemon.private import Node
from iluvatar_bench.containerd.oci.image_import import ImportedImage, import_layout
from iluvatar_bench.errors import ContainerdError
from iluvatar_bench.functions import BuildOptions, build_image, daemon_with, load_function
from iluvatar_bench.host.kernel.kernel_log import DEVICE
from iluvatar_bench.host.kernel.shims import shim_of
from iluvatar_bench.lifecycle import KillLog, remove_container
from iluvatar_bench.lifecycle.container import Container, open_container
from iluvatar_bench.monitor import FailingContainer, collect, open_monitor, who_listens
from iluvatar_bench.monitor.evidence import host as host_facts_module
from iluvatar_bench.profiles import PRESETS, resolve_profile
from iluvatar_bench.profiles.collector import QUIET_COLLECTOR
from iluvatar_bench.runs.failing import Before
from iluvatar_bench.runs.trial import Setting, collect_evidence
from iluvatar_bench.studies import faults
from tests.monitor.test_event_log import until
from tests.support.fake_containerd import fake_containerd
from tests.support.limits_here import MEMORY_COUNTED


def failing(folder: Path) -> FailingContainer:
    return FailingContainer(
        container_id="c",
        step="alive",
        step_started_at=1.0,
        step_ended_at=2.0,
        snapshotter="overlayfs",
        snapshot_key="c",
        snapshot_prepared=True,
        snapshot_removed_by_us=False,
        chain_id="sha256:x",
        task_created=True,
        mounts=(),
        cgroup="/iluvatar-bench/none/c",
        oom_kills_before=None,
        exit_status=None,
        error="No module named 'csv'",
        own_kills=(),
        neighbour_kills=(),
        stdout=folder / "stdout",
        stderr=folder / "stderr",
    )


async def test_without_a_daemon_the_rest_is_still_collected(short_folder: Path) -> None:
    socket = short_folder / "s"
    (short_folder / "stderr").write_text("x" * 20_000)
    async with fake_containerd(socket), connect(socket) as client:
        pass
    # The client is closed, and the socket's server is gone.
    evidence = await collect(client, socket, failing(short_folder))
    assert evidence.snapshot_found is None
    assert evidence.daemon_reachable is False
    assert evidence.stderr_tail == "x" * 8192
    assert evidence.stderr_cut_bytes == 20_000 - 8192
    assert (evidence.stdout_tail, evidence.stdout_cut_bytes) == ("", 0)
    assert {note.partition(":")[0] for note in evidence.notes} >= {"snapshot", "parents"}


async def test_an_answer_that_fails_is_a_note_not_a_no(short_folder: Path) -> None:
    socket = short_folder / "s"
    async with fake_containerd(socket) as fake, connect(socket) as client:
        fake.answers = {"Snapshots.Stat": grpc.StatusCode.INTERNAL}
        evidence = await collect(client, socket, failing(short_folder))
        assert evidence.snapshot_found is None
        assert any("told to fail" in note for note in evidence.notes)
        fake.answers = {}
        evidence = await collect(client, socket, failing(short_folder))
        assert evidence.snapshot_found is False
        assert evidence.parents is not None
        assert [parent.found for parent in evidence.parents] == [False]
        assert evidence.daemon_now == who_listens(socket)


async def test_no_fault_of_ours_costs_more_than_its_own_part(
    short_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a bug of ours")

    for name in ("read_mountinfo", "read_kernel_log", "listener_at", "read_tail", "shim_of"):
        monkeypatch.setattr(host_facts_module, name, broken)
    monkeypatch.setattr(host_facts_module.cgroups, "members", broken)
    socket = short_folder / "s"
    async with fake_containerd(socket), connect(socket) as client:
        evidence = await collect(client, socket, failing(short_folder))
    assert evidence.snapshot_found is False
    assert sum("a bug of ours" in note for note in evidence.notes) >= 6
    assert evidence.upper_exists is None
    assert evidence.kernel_log is None


async def ready(node: Node, image: ImportedImage, container: Container) -> None:
    await container.create()
    await container.start()


@pytest.mark.daemon
async def test_everything_there_is_of_a_living_container(
    quiet_node: Node, image: ImportedImage
) -> None:
    node, kills = quiet_node, KillLog()
    async with (
        open_monitor(node.client, sample_seconds=0) as monitor,
        open_container(
            "one", node=node, image=image, profile=PRESETS["guarded"], kills=kills
        ) as container,
    ):
        setting = Setting("r", node, image, PRESETS["guarded"], kills, monitor=monitor)
        before = Before(None, who_listens(node.address))
        await ready(node, image, container)
        # The shim sends it after its answer to Start, and a function may be ready sooner.
        await until(lambda: "/tasks/start" in [e.topic for e in monitor.events.events.of("one")])
        failure = await collect_evidence(setting, container, TimeoutError("x"), before)
        alive = failure.evidence
        assert alive.snapshot_found is True
        assert alive.parents is not None
        assert all(parent.found for parent in alive.parents)
        assert len(alive.parents) == alive.lower_directories
        assert alive.missing_lower_directories == ()
        assert alive.root_mount_seen_by == "process"
        assert "overlay" in (alive.root_mount or "")
        assert (alive.upper_exists, alive.work_exists) == (True, True)
        assert alive.process_alive is True
        assert alive.cgroup_pids == (container.pid,)
        assert (alive.memory_counters or {}).get("oom_kill") == alive.oom_kills
        assert alive.oom_kills == (0 if MEMORY_COUNTED else None)
        assert alive.shim_alive is True
        assert alive.shim_pid == shim_of(node.address, "one")
        assert alive.daemon_before == alive.daemon_now
        assert isinstance(alive.daemon_now, DaemonFact)
        assert alive.events is not None
        assert [event.topic for event in alive.events][-2:] == ["/tasks/create", "/tasks/start"]
        assert "Running on" in alive.stderr_tail
        readable = os.access(DEVICE, os.R_OK)
        assert [n for n in alive.notes if readable or not n.startswith("kernel log: ")] == []

        await faults.kill_process(container)
        assert container.exited is not None
        async with asyncio.timeout(10):
            status = await container.exited
        dead = (
            await collect_evidence(setting, container, container.death(status), before)
        ).evidence
        assert dead.exit_status == 137
        assert dead.process_alive is False
        assert dead.root_mount_seen_by == "bundle"
        assert dead.upper_directory == alive.upper_directory
        (signalled,) = dead.own_kills
        assert (signalled.pid, signalled.signal) == (container.pid, signal.SIGKILL)
        assert signalled.started_at <= (dead.exited_at or 0.0)
        await remove_container(container)


@pytest.mark.daemon
async def test_a_shim_that_is_gone_is_told_from_one_that_nobody_saw(
    quiet_node: Node, image: ImportedImage
) -> None:
    node, kills = quiet_node, KillLog()
    async with open_container(
        "one", node=node, image=image, profile=PRESETS["guarded"], kills=kills
    ) as container:
        await ready(node, image, container)
        shim = container.shim_pid
        assert shim == shim_of(node.address, "one")
        setting = Setting("r", node, image, PRESETS["guarded"], kills)
        await faults.kill_shim(container)
        assert container.exited is not None
        await asyncio.wait((container.exited,), timeout=10)
        failure = await collect_evidence(setting, container, TimeoutError("x"), Before())
        assert (failure.evidence.shim_alive, failure.evidence.shim_pid) == (False, shim)
        unseen = replace(failing(container.folder), container_id="nobody")
        evidence = await collect(node.client, node.address, unseen)
        assert (evidence.shim_alive, evidence.shim_pid) == (None, None)


@pytest.mark.daemon
async def test_a_namesake_on_another_containerd_is_nobodys_evidence(
    quiet_node: Node, image: ImportedImage
) -> None:
    """Two containerds with a container of one name: the mount of one is not the other's."""
    wrong = resolve_profile("iluvatar-2022-08", ["collection=before_mount"])
    kills = KillLog()
    built = build_image(load_function("hello"), BuildOptions("http_server", byte_code=True))
    async with daemon_with([built], collector=QUIET_COLLECTOR) as other:
        theirs = await import_layout(
            other.client, built.layout, name=built.name, snapshotters=["overlayfs"]
        )
        async with (
            open_container(
                "one", node=other, image=theirs, profile=PRESETS["guarded"], kills=kills
            ) as namesake,
            open_container("one", node=quiet_node, image=image, profile=wrong, kills=kills) as ours,
        ):
            await ready(other, theirs, namesake)
            with pytest.raises(ContainerdError) as refused:
                await ours.create()
            setting = Setting("r", quiet_node, image, wrong, kills)
            before = Before(None, who_listens(quiet_node.address))
            found = (await collect_evidence(setting, ours, refused.value, before)).evidence
            assert (found.snapshot_found, found.upper_exists) == (False, False)
            assert found.root_mount is None
            await remove_container(namesake)
            await remove_container(ours)
