"""Somebody else's containers on a real daemon: what the one who made them knows is what is told."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest

from iluvatar_bench.containerd.daemon.private import Node
from iluvatar_bench.containerd.oci.image_import import ImportedImage, import_layout
from iluvatar_bench.errors import ContainerdError
from iluvatar_bench.functions import BuiltImage
from iluvatar_bench.runs import open_run
from tests.audit.clients import RawWorker, ctr, ctr_run, everything
from tests.observe.observing import Observing, observing, values
from tests.support.waiting import wait_for
from tests.support.witnesses import needs_witness

pytestmark = pytest.mark.daemon

TALKING = ("python3", "-uc", "print('up'); import time; time.sleep(600)")
IMPORTING = (
    "python3",
    "-uc",
    "import signal as s; s.pthread_sigmask(s.SIG_BLOCK, [s.SIGUSR1]); print('up'); "
    "s.sigwait([s.SIGUSR1]); import csv",
)
"""Imports a module once it is told to."""

TALKING_SECRET = "a-password-in-the-environment"


async def lose_before_the_mount(
    node: Node, image: ImportedImage, container_id: str, *observers: Observing
) -> None:
    """As the worker of 2022: no lease, no key; and a collection before the mount."""
    worker, client = RawWorker(node=node, image=image), node.client
    await client.containers.create(worker.record(container_id))
    mounts = await client.snapshots("overlayfs").prepare(container_id, parent=image.chain_id)
    await noted(observers, f"snapshot {container_id}")
    await client.leases.force_collection()
    with pytest.raises(ContainerdError, match="no such file or directory"):
        await client.tasks.create(
            container_id,
            rootfs=mounts,
            stdout=node.scratch / "lost.out",
            stderr=node.scratch / "lost.out",
            runc_root=node.runc_root,
        )
    await client.containers.delete(container_id)


async def lose_before_the_import(
    node: Node, image: ImportedImage, container_id: str, *observers: Observing
) -> None:
    """The same, with the collection while Python runs."""
    worker, client = RawWorker(node=node, image=image, args=IMPORTING), node.client
    await worker.create(container_id)
    await said(node, container_id)
    await noted(observers, f"snapshot {container_id}", f"task {container_id}")
    ended = asyncio.ensure_future(client.tasks.wait_exit(container_id))
    await client.leases.force_collection()
    await client.tasks.kill(container_id, signal=signal.SIGUSR1, all_processes=False)
    assert (await ended).status == 1
    await noted(observers, f"end {container_id}")
    await forget(node, container_id)


async def kill_beside_one_that_is_made(
    node: Node, image: ImportedImage, container_id: str, *observers: Observing
) -> None:
    """A neighbour's Kill(all) between the creation of a task and its start."""
    worker, client = RawWorker(node=node, image=image), node.client
    neighbour = f"{container_id}-neighbour"
    await worker.create(neighbour)
    await client.containers.create(worker.record(container_id))
    mounts = await client.snapshots("overlayfs").prepare(container_id, parent=image.chain_id)
    output = node.scratch / f"{container_id}.out"
    output.touch()
    await client.tasks.create(
        container_id, rootfs=mounts, stdout=output, stderr=output, runc_root=node.runc_root
    )
    await noted(observers, f"task {neighbour}", f"task {container_id}")
    ended = asyncio.ensure_future(client.tasks.wait_exit(container_id))
    await worker.remove(neighbour)
    await ended
    await noted(observers, f"end {container_id}")
    await forget(node, container_id)


async def kill_beside_one_that_runs(
    node: Node,
    image: ImportedImage,
    container_id: str,
    *observers: Observing,
    named_snapshot: bool = False,
) -> None:
    """A neighbour's Kill(all) while the container runs."""
    client = node.client
    worker = RawWorker(node=node, image=image, args=TALKING, named_snapshot=named_snapshot)
    neighbour = f"{container_id}-neighbour"
    await worker.create(neighbour)
    await worker.create(container_id)
    await said(node, container_id)
    await noted(observers, f"task {neighbour}", f"task {container_id}")
    ended = asyncio.ensure_future(client.tasks.wait_exit(container_id))
    await worker.remove(neighbour)
    await ended
    await noted(observers, f"end {container_id}")
    await forget(node, container_id)


async def noted(observers: Sequence[Observing], *notes: str) -> None:
    """Return when each observer has noted it: as a worker that polls, and comes late to all."""
    for one in observers:
        await one.notes(*notes)


async def said(node: Node, container_id: str) -> None:
    """Return when the container has said its first word."""
    output = node.scratch / f"{container_id}.out"
    await asyncio.to_thread(wait_for, output.read_text, seconds=20)


async def forget(node: Node, container_id: str) -> None:
    """Delete an ended task and its record, as a worker that has found it dead."""
    await node.client.tasks.delete(container_id)
    await node.client.containers.delete(container_id)


async def remove_with_ctr(node: Node, container_id: str) -> None:
    """Kill, delete, remove: by containerd's own command line."""
    ended = asyncio.ensure_future(node.client.tasks.wait_exit(container_id))
    await ctr(node, "task", "kill", "--signal", "KILL", container_id)
    await ended
    await ctr(node, "task", "rm", container_id)
    await ctr(node, "container", "rm", container_id)


def verdict(trial: Mapping[str, Any]) -> tuple[str | None, ...]:
    """Outcome, class and mechanism."""
    return trial["outcome"], trial["bug_class"], trial["mechanism"]


@needs_witness
async def test_the_four_classes_of_2022_and_nothing_of_a_good_client(
    quiet_node: Node, hello: BuiltImage, tmp_path: Path
) -> None:
    node, out = quiet_node, tmp_path / "observed"
    # Without byte code, so that Python merges the folders that it imports from.
    image = await import_layout(
        node.client, hello.layout, name=hello.name, snapshotters=["overlayfs"]
    )
    async with observing(node.address, out, "--metrics", "0") as watching:
        await ctr_run(node, image, "good-0")
        # The namespace's first bundle has been seen: so is one that is there for a moment.
        await watching.notes("task good-0")
        await lose_before_the_mount(node, image, "hello-0", watching)
        await kill_beside_one_that_is_made(node, image, "hello-1", watching)
        await kill_beside_one_that_runs(node, image, "hello-2", watching)
        await lose_before_the_import(node, image, "hello-3", watching)
        await remove_with_ctr(node, "good-0")
        await watching.wait_for("trial", 7)
        scraped = await watching.scrape()
        end = await watching.end()
    told = {name: verdict(trial) for name, trial in watching.trials.items()}
    assert told == {
        "good-0": ("ok", None, None),
        "hello-0": ("failed", "snapshot_overlay", "snapshot_collected"),
        "hello-1": ("failed", "silent_startup", "collateral_kill"),
        "hello-1-neighbour": ("ok", None, None),
        "hello-2": ("failed", "process_died", "collateral_kill"),
        "hello-2-neighbour": ("ok", None, None),
        "hello-3": ("failed", "missing_packages", "snapshot_collected"),
    }
    assert end["outcomes"] == {"ok": 3, "failed": 4, "unknown": 0}
    worker = "iluvatar_worker"
    assert values(scraped, "iluvatar_containers_ended_total") == {
        ("good-*", "ok"): 1,
        (worker, "ok"): 2,
        (worker, "failed"): 4,
    }
    assert values(scraped, "iluvatar_container_failures_total") == {
        (kind, worker, cause): 1 for outcome, kind, cause in told.values() if outcome == "failed"
    }
    run = open_run(out)
    assert run.caveat == ""
    assert run.remarks == ()
    by_client = run.trials.groupby("client")["outcome"].agg(list).to_dict()
    assert by_client["good-*"] == ["ok"]
    assert len(by_client["iluvatar_worker"]) == 6
    died = run.seen["deaths"].set_index("container_id").loc["iluvatar-bench/hello-2"]
    assert died["exit_status"] == 137
    assert set(run.seen["events"]["topic"]) >= {"/containers/create", "/tasks/exit"}


@pytest.mark.slow
async def test_a_collected_snapshot_is_told_while_it_is_latent(
    quiet_node: Node, image: ImportedImage, tmp_path: Path
) -> None:
    worker = RawWorker(node=quiet_node, image=image, own_cgroup=True, args=TALKING)
    async with observing(quiet_node.address, tmp_path / "observed") as watching:
        await worker.create("hello-0")
        await said(quiet_node, "hello-0")
        await quiet_node.client.leases.force_collection()
        await watching.wait_for("latent")
        assert watching.trials == {}
        (damage,) = watching.of_kind("latent")
        assert (damage["container"], damage["snapshot"]) == ("iluvatar-bench/hello-0", "hello-0")
        await worker.remove("hello-0")
        await watching.wait_for("trial")
        await watching.end()
    trial = watching.trials["hello-0"]
    assert verdict(trial) == ("ok", None, None)
    assert trial["latent"] == "snapshot_collected"


async def test_nothing_is_written_to_the_daemon_and_no_secret_to_the_folder(
    quiet_node: Node, image: ImportedImage, tmp_path: Path
) -> None:
    """What an observer asks for changes nothing, and nobody who follows the events hears of it."""
    node, out = quiet_node, tmp_path / "observed"
    worker = RawWorker(node=node, image=image, named_snapshot=True, own_cgroup=True)
    record = worker.record("before")
    record.spec["process"]["env"].append(f"PASSWORD={TALKING_SECRET}")
    await node.client.containers.create(record)
    before = await everything(node)
    heard: list[str] = []
    follower = asyncio.create_task(follow(node, heard))
    async with observing(node.address, out) as watching:
        await worker.create("hello-0")
        await node.client.containers.delete("before")
        await worker.remove("hello-0")
        await watching.wait_for("trial", 2)
        await watching.end()
    follower.cancel()
    after = await everything(node)
    gone = tuple(one for one in before["containers"] if one.id == "before")
    assert {**after, "containers": gone} == before
    assert all(topic.startswith(("/containers/", "/tasks/", "/snapshot/")) for topic in heard)
    assert "/tasks/start" in heard
    kept = b"".join(path.read_bytes() for path in out.iterdir())
    assert b"hello-0" in kept
    assert TALKING_SECRET.encode() not in kept
    assert SLEEPING.encode() not in kept


SLEEPING = "time.sleep(600)"
"""A part of the arguments that the worker's containers are started with."""


async def follow(node: Node, heard: list[str]) -> None:
    """Note the topic of every event."""
    async for event in node.client.events.subscribe([]):
        heard.append(event.topic)


async def test_without_the_witness_a_signal_is_nobodys(
    quiet_node: Node, image: ImportedImage, tmp_path: Path
) -> None:
    """Two that end together may have been meant both; one that is removed at once was."""
    node = quiet_node
    async with observing(node.address, tmp_path / "observed", "--no-witness") as watching:
        await kill_beside_one_that_runs(node, image, "hello-0", watching)
        await ctr_run(node, image, "good-0")
        await remove_with_ctr(node, "good-0")
        await watching.wait_for("trial", 3)
        await watching.end()
    told = {name: verdict(trial)[0] for name, trial in watching.trials.items()}
    assert told == {"hello-0": "unknown", "hello-0-neighbour": "unknown", "good-0": "ok"}
    assert "who killed whom is not proven" in str(open_run(tmp_path / "observed"))


@pytest.mark.slow
async def test_one_client_of_several_is_chosen_by_a_label(
    quiet_node: Node, image: ImportedImage, tmp_path: Path
) -> None:
    worker = RawWorker(node=quiet_node, image=image, named_snapshot=True, own_cgroup=True)
    chosen = ("--client", "owner=iluvatar_worker", "--with-args")
    async with observing(quiet_node.address, tmp_path / "observed", *chosen) as watching:
        await ctr_run(quiet_node, image, "good-0")
        await remove_with_ctr(quiet_node, "good-0")
        await worker.create("hello-0")
        await worker.remove("hello-0")
        await watching.wait_for("trial")
        await watching.end()
    assert set(watching.trials) == {"hello-0"}
    (evidence,) = open_run(tmp_path / "observed").trials["evidence"]
    assert SLEEPING in evidence


@pytest.mark.slow
async def test_a_daemon_that_is_restarted_leaves_gaps_and_nothing_else(
    quiet_node: Node, image: ImportedImage, tmp_path: Path
) -> None:
    """Twice: what ended in sight is told as ever, what ended meanwhile is not known."""
    node, client = quiet_node, quiet_node.client
    worker = RawWorker(node=node, image=image, named_snapshot=True, own_cgroup=True)
    assert node.restart is not None
    async with observing(node.address, tmp_path / "observed") as watching:
        await worker.create("through")
        await worker.create("before")
        await worker.remove("before")
        await watching.wait_for("trial")
        for number in range(2):
            await node.restart()
            await worker.create(f"after-{number}")
        await worker.remove("through")
        await worker.remove("after-0")
        await worker.remove("after-1")
        await watching.wait_for("trial", 4)
        await watching.end()
    assert {verdict(trial) for trial in watching.trials.values()} == {("ok", None, None)}
    assert set(watching.trials) == {"through", "before", "after-0", "after-1"}
    assert len(open_run(tmp_path / "observed").manifest["event_gaps"]) == 2
    assert await client.containers.list() == ()


async def kill_from_outside(node: Node, container_id: str) -> None:
    """End its process as a stranger, and have it removed as by a worker that finds it dead."""
    ended = asyncio.ensure_future(node.client.tasks.wait_exit(container_id))
    os.kill((await node.client.tasks.get(container_id)).pid, signal.SIGKILL)
    await ended
    await forget(node, container_id)


@needs_witness
async def test_a_killed_observer_goes_on_in_its_folder_and_counts_nobody_twice(
    quiet_node: Node, image: ImportedImage, tmp_path: Path
) -> None:
    """Nor has a failure its command twice."""
    node, out = quiet_node, tmp_path / "observed"
    told = tmp_path / "told"
    on_failure = ("--on-failure", f"tee -a {told}")
    worker = RawWorker(node=node, image=image, named_snapshot=True, own_cgroup=True)
    async with observing(node.address, out, *on_failure) as first:
        for name in ("early", "meanwhile", "late"):
            await worker.create(name)
        await kill_from_outside(node, "early")
        await first.wait_for("trial")
        await asyncio.to_thread(wait_for, lambda: told.exists() and told.read_text(), seconds=20)
        # The command of the failure has written and may not have ended yet.
        children = psutil.Process(first.process.pid).children
        await asyncio.to_thread(wait_for, lambda: len(children()) == 1, seconds=20)
        readers = children()
        await first.kill()
    # What reads the kernel's record removes its traces and ends.
    _, alive = await asyncio.to_thread(psutil.wait_procs, readers, 20)
    assert alive == []
    await worker.remove("meanwhile")
    await worker.create("between")
    cut_off = open_run(out)
    assert cut_off.caveat
    assert list(cut_off.trials["container_id"]) == ["iluvatar-bench/early"]
    async with observing(node.address, out, *on_failure) as second:
        await worker.remove("late")
        await kill_from_outside(node, "between")
        await second.wait_for("trial", 3)
        await second.end()
    run = open_run(out)
    outcomes = dict(zip(run.trials["container_id"], run.trials["outcome"], strict=True))
    assert outcomes == {
        "iluvatar-bench/early": "failed",
        "iluvatar-bench/meanwhile": "unknown",
        "iluvatar-bench/late": "ok",
        "iluvatar-bench/between": "failed",
    }
    commands = [json.loads(line)["container"] for line in told.read_text().splitlines()]
    assert commands == ["iluvatar-bench/early", "iluvatar-bench/between"]
    assert list(run.trials["trial"]) == [0, 1, 2, 3]
    assert len(run.trials) == 4
    assert "begun 2 times" in str(run)
