"""The private containerd: up, several at once, and gone without a trace."""

from __future__ import annotations

from pathlib import Path

import pytest

from iluvatar_bench.containerd.daemon import private as daemon_module
from iluvatar_bench.containerd.daemon.private import Node, existing_daemon, private_daemon
from iluvatar_bench.containerd.oci.image_import import ImportedImage
from iluvatar_bench.errors import DaemonStartFailed
from iluvatar_bench.host.kernel import cgroups, processes
from iluvatar_bench.lifecycle import KillLog, remove_container
from iluvatar_bench.lifecycle.container import Container
from iluvatar_bench.monitor import who_listens
from iluvatar_bench.profiles import PRESETS
from iluvatar_bench.profiles.collector import NATURAL_COLLECTOR, QUIET_COLLECTOR
from tests.support.traces import traces_of

pytestmark = pytest.mark.daemon


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
    monkeypatch.setattr(daemon_module, "configuration", lambda *_, **__: "[no toml")
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
