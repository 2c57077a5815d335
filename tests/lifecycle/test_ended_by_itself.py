"""Removing a container whose process has ended: a Kill only where it can still reach somebody."""

from __future__ import annotations

from pathlib import Path

import pytest

from iluvatar_bench.containerd.client import connect
from iluvatar_bench.containerd.daemon.private import Node
from iluvatar_bench.containerd.oci.image_import import ImportedImage
from iluvatar_bench.errors import ProcessDied
from iluvatar_bench.lifecycle import Container, KillLog, remove_container
from iluvatar_bench.profiles import resolve_profile
from iluvatar_bench.profiles.collector import QUIET_COLLECTOR
from tests.support.fake_containerd import fake_containerd

IMAGE = ImportedImage("i", "sha256:0", "sha256:chain", ("/bin/x",), {}, "/")


@pytest.mark.parametrize(
    ("settings", "killed"),
    [
        ([], False),
        # Whoever is left in the cgroup is reached, and a neighbour with it: that is the mistake.
        (["kill=all"], True),
        # It may run again by now.
        (["restart=running"], True),
    ],
)
async def test_a_kill_that_reaches_nobody_is_not_sent(
    settings: list[str], killed: bool, short_folder: Path
) -> None:
    socket = short_folder / "s"
    kills = KillLog()
    async with fake_containerd(socket) as fake, connect(socket) as client:
        node = Node("fake", client, socket, "/fake", None, short_folder, QUIET_COLLECTOR)
        container = Container(
            "c", node=node, image=IMAGE, profile=resolve_profile("guarded", settings), kills=kills
        )
        await container.create()
        await container.run()
        assert container.exited is not None
        await container.exited
        assert await remove_container(container) == ()
        container.close()
        calls = [call for call, _, _ in fake.calls]
    assert ("Tasks.Kill" in calls) == killed == bool(kills.of("c"))
    assert calls[-3:] == ["Tasks.Delete", "Snapshots.Remove", "Containers.Delete"]


async def test_a_ready_process_that_had_ended_has_died_without_any_kill(short_folder: Path) -> None:
    socket = short_folder / "s"
    async with fake_containerd(socket) as fake, connect(socket) as client:
        fake.exited_at = 1_700_000_000
        node = Node("fake", client, socket, "/fake", None, short_folder, QUIET_COLLECTOR)
        container = Container(
            "c", node=node, image=IMAGE, profile=resolve_profile("guarded"), kills=KillLog()
        )
        await container.create()
        await container.run()
        assert container.exited is not None
        await container.exited
        container.progress.ready_at = 1_699_999_999.0
        with pytest.raises(ProcessDied, match="was ready and ended"):
            await remove_container(container)
        container.close()
    assert container.progress.steps["alive_ms"] == 1000.0
