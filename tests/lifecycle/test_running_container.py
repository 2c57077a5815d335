"""What can be asked of a container that runs: exec, pause, limits, measurements, a gentle end."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from iluvatar_bench.containerd.daemon.private import Node
from iluvatar_bench.containerd.oci.image_import import ImportedImage
from iluvatar_bench.containerd.values import TaskState
from iluvatar_bench.errors import ContainerdError, ExecFailed
from iluvatar_bench.host.kernel import cgroups
from iluvatar_bench.lifecycle import Container, KillLog, remove_container
from iluvatar_bench.lifecycle.attached import attach
from iluvatar_bench.lifecycle.cgroup_requests import (
    limit_memory,
    pause_container,
    resume_container,
)
from iluvatar_bench.lifecycle.container import open_container
from iluvatar_bench.lifecycle.exec_process import run_in_container
from iluvatar_bench.lifecycle.readiness import READY_TEXT
from tests.support.limits_here import MEMORY_COUNTED
from tests.support.quick_profiles import quick

pytestmark = pytest.mark.daemon


@asynccontextmanager
async def running(node: Node, image: ImportedImage, *settings: str) -> AsyncIterator[Container]:
    profile = quick("guarded", ["collection=quiet", *settings])
    # Runc's state is the whole host's.
    name = f"running-{secrets.token_hex(4)}"
    async with open_container(
        name, node=node, image=image, profile=profile, kills=KillLog()
    ) as container:
        try:
            await container.create()
            await container.start()
            yield container
        finally:
            await remove_container(container)


async def test_a_container_that_runs_is_entered_measured_limited_and_paused(
    quiet_node: Node, image: ImportedImage
) -> None:
    async with running(quiet_node, image) as container:
        tasks = container.node.client.tasks
        # Exec: its own exit, its own streams, its own stdin, its own kill.
        program = (
            "import sys; print(sys.stdin.read().upper()); print('x', file=sys.stderr); sys.exit(3)"
        )
        told = await run_in_container(
            container, ["python3", "-c", program], stdin=b"hear " * 20_000
        )
        assert (told.status, told.stderr, told.killed) == (3, "x\n", False)
        assert told.stdout.endswith("HEAR HEAR \n")
        killed = await run_in_container(
            container, ["python3", "-c", "import time; time.sleep(60)"], seconds=0.5
        )
        assert (killed.status, killed.killed) == (137, True)
        with pytest.raises(ExecFailed, match="no such file"):
            await run_in_container(container, ["/absent/program"])
        # Attached by whoever comes later.
        found = await attach(container.node.client, container.id)
        assert found.info.pid == container.pid
        assert READY_TEXT.encode() in found.read_stdout() + found.read_stderr()
        found.close()
        assert container.exited is not None
        assert not container.exited.done()
        assert [one.pid for one in await tasks.processes(container.id)] == [container.pid]
        if MEMORY_COUNTED:
            await measured_and_limited(container)
        # Paused and resumed.
        await pause_container(container)
        assert cgroups.is_frozen(container.cgroup) is True
        info = await tasks.get(container.id)
        assert info.state is TaskState.PAUSED
        assert info.stdout == str(container.stdout)
        with pytest.raises(ContainerdError):
            await pause_container(container)
        await resume_container(container)
        assert cgroups.is_frozen(container.cgroup) is False
        if shutil.which("criu") is None:
            with pytest.raises(ContainerdError, match="criu"):
                await tasks.checkpoint(container.id)
        await pause_container(container)
    # A paused one is resumed for its removal.
    assert container.progress.spans[-1].completed
    assert {c.action for c in container.kills.cgroups.of(container.id)} == {
        "pause",
        "resume",
        *(["update"] if MEMORY_COUNTED else []),
    }


async def measured_and_limited(container: Container) -> None:
    """What the kernel's own files say, before and after a limit."""
    tasks = container.node.client.tasks
    (measured,) = await tasks.metrics([container.id])
    assert measured.container_id == container.id
    assert 0 < measured.memory_bytes < 1 << 30
    assert measured.cpu_ns > 0
    assert measured.memory_limit_bytes is None
    await limit_memory(container, 256 << 20)
    assert cgroups.memory_limit(container.cgroup) == 256 << 20
    (measured,) = await tasks.metrics([container.id])
    assert measured.memory_limit_bytes == 256 << 20


@pytest.mark.slow
@pytest.mark.parametrize(("server", "gentle"), [("gunicorn", True), ("flask", False)])
async def test_who_is_asked_to_end_has_two_seconds_for_it(server: str, gentle: bool) -> None:
    """Gunicorn answers SIGTERM. Flask's server does not, and a first process is spared by it."""
    from iluvatar_bench.containerd.daemon.private import private_daemon
    from iluvatar_bench.containerd.oci.image_import import import_layout
    from iluvatar_bench.functions import BuildOptions, build_image, load_function

    built = build_image(load_function("hello"), BuildOptions(server=server, byte_code=True))
    async with private_daemon() as node:
        image = await import_layout(
            node.client, built.layout, name=built.name, snapshotters=["overlayfs"]
        )
        async with running(node, image, "stop=term_then_kill", f"server={server}") as container:
            pass
        (grace,) = [span for span in container.progress.spans if span.name == "grace"]
        length_ms = grace.ended_ms - grace.started_ms
        assert (length_ms < 1900) is gentle
        signals = [kill.signal for kill in container.kills.of(container.id)]
        assert signals == ([15] if gentle else [15, 9])
