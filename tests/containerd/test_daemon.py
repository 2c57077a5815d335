"""The private containerd: up, several at once, and gone without a trace."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from iluvatar_bench.containerd.daemon import private as daemon_module
from iluvatar_bench.containerd.daemon.place import DATA_HOME, STATE_HOME, abandoned_places
from iluvatar_bench.containerd.daemon.private import Node, existing_daemon, private_daemon
from iluvatar_bench.containerd.daemon.teardown import remove_place
from iluvatar_bench.containerd.oci.image_import import ImportedImage
from iluvatar_bench.errors import DaemonStartFailed
from iluvatar_bench.host.kernel import cgroups, processes
from iluvatar_bench.host.kernel.mounts import read_mountinfo
from iluvatar_bench.lifecycle import KillLog, remove_container
from iluvatar_bench.lifecycle.container import Container
from iluvatar_bench.monitor import who_listens
from iluvatar_bench.profiles import PRESETS
from iluvatar_bench.profiles.collector import NATURAL_COLLECTOR, QUIET_COLLECTOR

pytestmark = pytest.mark.daemon


def traces_of(place_id: str) -> list[str]:
    """Everything on this host that carries the place's id."""
    found = [f"mount {m.mount_point}" for m in read_mountinfo() if place_id in m.mount_point]
    found += [
        str(home / place_id) for home in (STATE_HOME, DATA_HOME) if (home / place_id).exists()
    ]
    if cgroups.members(f"{cgroups.PARENT}/{place_id}", recursive=True) is not None:
        found.append("cgroup")
    found += [
        f"process {pid}"
        for pid in processes.all_pids()
        if any(place_id in argument for argument in processes.command_line(pid))
    ]
    return found


async def started_container(node: Node, image: ImportedImage, name: str) -> Container:
    container = Container(name, node=node, image=image, profile=PRESETS["guarded"], kills=KillLog())
    await container.create()
    await container.start()
    return container


async def test_a_restart_is_another_process_and_the_containers_live_on(
    quiet_node: Node, image: ImportedImage
) -> None:
    before = who_listens(quiet_node.address)
    container = await started_container(quiet_node, image, "one")
    assert quiet_node.restart is not None
    await quiet_node.restart()
    now = who_listens(quiet_node.address)
    assert before is not None
    assert now is not None
    assert before.pid != now.pid
    assert container.pid is not None
    assert processes.is_alive(container.pid)
    (task,) = await quiet_node.client.tasks.list()
    assert (task.container_id, task.pid) == ("one", container.pid)
    # The wait broke with the old daemon; removal makes a new one.
    assert await remove_container(container) == ()
    container.close()


async def test_two_at_once_serve_and_leave_nothing() -> None:
    async with (
        private_daemon(collector=NATURAL_COLLECTOR) as first,
        private_daemon(collector=QUIET_COLLECTOR) as second,
    ):
        assert first.address != second.address
        assert first.address.parent.stat().st_mode & 0o777 == 0o700
        for node in (first, second):
            version = await node.client.introspection.version()
            assert version.version
            assert await node.client.namespaces.list() == ("iluvatar-bench",)
            assert traces_of(node.id)
    assert not traces_of(first.id)
    assert not traces_of(second.id)


async def test_a_body_that_fails_with_a_running_container_leaves_nothing(
    hello: object, tmp_path: Path
) -> None:
    from iluvatar_bench.containerd.oci.image_import import import_layout

    log = tmp_path / "containerd.log"
    with pytest.raises(ZeroDivisionError):
        async with private_daemon(collector=QUIET_COLLECTOR, log_path=log) as node:
            image = await import_layout(
                node.client, hello.layout, name=hello.name, snapshotters=["overlayfs"]
            )
            container = await started_container(node, image, "left-alone")
            assert f"{container.pid}" in " ".join(
                str(pid) for pid in cgroups.members(container.cgroup) or ()
            )
            container.close()
            1 / 0  # noqa: B018
    assert not traces_of(node.id)
    assert "containerd successfully booted" in log.read_text()


async def test_a_daemon_that_ends_says_its_last_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daemon_module, "configuration", lambda *settings: "[no toml")
    with pytest.raises(DaemonStartFailed, match=r"ended with status 1 .*last words: .*toml"):
        async with private_daemon():
            pass


async def test_an_existing_daemon_keeps_what_is_not_ours(
    quiet_node: Node, image: ImportedImage
) -> None:
    """The node of a test plays the part of somebody's running containerd."""
    bystander = await started_container(quiet_node, image, "bystander")
    async with existing_daemon(quiet_node.address) as node:
        assert node.collector is None
        ours = await started_container(node, image, "ours")
        ours.close()
    remaining = [task.container_id for task in await quiet_node.client.tasks.list()]
    assert remaining == ["bystander"]
    assert not traces_of(node.id)
    await remove_container(bystander)
    bystander.close()


async def test_what_a_killed_process_left_is_found_and_removed(hello: object) -> None:
    """Its daemon, shim, container, mounts, cgroups and folders; a living owner's stay."""
    script = f"""
import asyncio, sys
from pathlib import Path
from iluvatar_bench.containerd.daemon.private import QUIET_COLLECTOR, private_daemon
from iluvatar_bench.containerd.oci.image_import import import_layout
from iluvatar_bench.lifecycle import PRESETS, KillLog
from iluvatar_bench.lifecycle.container import Container

async def main():
    async with private_daemon(collector=QUIET_COLLECTOR) as node:
        image = await import_layout(
            node.client, Path({str(hello.layout)!r}), name="x", snapshotters=["overlayfs"])
        container = Container(
            "orphan", node=node, image=image, profile=PRESETS["guarded"], kills=KillLog())
        await container.create()
        await container.start()
        print(node.id, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""
    child = subprocess.Popen(  # noqa: ASYNC220
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    place_id = (await asyncio.to_thread(child.stdout.readline)).strip()
    child.stdout.close()
    assert place_id
    async with private_daemon(collector=QUIET_COLLECTOR) as living:
        assert place_id not in [place.id for place in abandoned_places()]
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        found = []
        for place in abandoned_places():
            assert place.id != living.id
            if place.id == place_id:
                found.append(place.id)
                assert remove_place(place) == []
        assert found == [place_id]
        assert await living.client.introspection.version()
    assert not traces_of(place_id)
