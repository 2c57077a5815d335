"""A containerd of our own: private root, state and socket; started, awaited, stopped, removed.

It never touches a system containerd: other paths, another socket, its own runc state folder and
its own cgroup. Several run side by side.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

import tomli_w

from iluvatar_bench.containerd.client import NAMESPACE, Client, connect
from iluvatar_bench.containerd.daemon import versions
from iluvatar_bench.containerd.daemon.place import Place
from iluvatar_bench.containerd.daemon.root_copy import copy_root
from iluvatar_bench.containerd.daemon.snapshot_homes import snapshotter_settings
from iluvatar_bench.containerd.daemon.tasks_end import end_every_task, end_tasks
from iluvatar_bench.containerd.daemon.teardown import remove_runc_folder
from iluvatar_bench.containerd.daemon.watchdog import own_place
from iluvatar_bench.errors import (
    AnswerLost,
    ContainerdError,
    DaemonStartFailed,
    IluvatarBenchError,
    MissingProgram,
    Unreachable,
    UnusablePath,
)
from iluvatar_bench.host.completion import in_threads
from iluvatar_bench.host.full_disk import disk_full, full_disk_told, has_room
from iluvatar_bench.host.kernel import cgroups
from iluvatar_bench.profiles.collector import NATURAL_COLLECTOR, Collector

log = logging.getLogger(__name__)

LogLevel = Literal["info", "debug"]

_DAEMONS_LEVEL = {"info": "info", "debug": "trace"}
"""What containerd is told: since 1.7 its collector is silent at the level debug."""

START_SECONDS = 30.0
STOP_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Node:
    """One containerd that trials run on, and our places on its host.

    ``runc_root`` is where runc keeps its state (None: containerd's default, on a daemon that is
    not ours); ``cgroup_parent`` is the cgroup that holds every container of this node.
    """

    id: str
    client: Client
    address: Path
    cgroup_parent: str
    runc_root: Path | None
    scratch: Path
    """A short-lived folder for output files and gates of running containers."""
    collector: Collector | None
    """None where the daemon is not ours and its settings are not known."""
    runtime_binary: Path | None = None
    """The OCI runtime for our containers; None: the ``runc`` that the shim finds."""
    restart: Callable[[], Awaitable[None]] | None = None
    """Stops the daemon and starts it anew at the same place; None where it is not ours.

    Containers live on: their shims do. Requests and streams under way break.
    """
    log: Path | None = None
    """What the daemon writes while it runs; None where it is not ours."""
    unified: bool = field(default_factory=lambda: cgroups.mode() == "v2")
    """Whether the host has cgroup version 2 alone; read once: a table of mounts is long."""


@asynccontextmanager
async def private_daemon(
    *,
    collector: Collector = NATURAL_COLLECTOR,
    log_path: Path | None = None,
    log_level: LogLevel = "info",
    sandbox_image: str | None = None,
    stored: Path | None = None,
    snapshotters: Iterable[str] = (),
    restart_monitor: bool = False,
) -> AsyncIterator[Node]:
    """Run a containerd for the length of a block, and leave nothing of it behind.

    It begins with a copy of ``stored`` if that is given: the root of a containerd of this version
    that nothing writes to any more, with the images that are in it. A copy takes a tenth of the
    processor time of an import.

    Leaving the block ends every task, stops the daemon, ends shims that are left and removes
    mounts, cgroups and folders; where this process is killed, its watchdog does. The daemon's log
    is kept at ``log_path`` if one is given; at the level ``debug`` it tells of every collection
    (``collection_log``). With the name of a ``sandbox_image`` it has the CRI plugin, whose pods
    stand on that image, which is to be imported: nothing is pulled. The host's network is the only
    one that they can have. What the ``snapshotters`` need beside it is made (``snapshot_homes``).
    With ``restart_monitor`` it has containerd's restart monitor, which looks every second (its
    default is ten).

    Raises:
        MissingProgram: containerd, runc or what a snapshotter needs is not installed.
        EnvironmentProblem: what a snapshotter needs cannot be made, or this containerd lacks it.
        InsufficientPrivilege: not root.
        DaemonStartFailed: it ended or did not serve in time; its last lines are in the message.
        DiskFull: there is no room for what it writes.
        UnusablePath: ``stored`` cannot be copied.
    """
    program = _require_programs()
    async with AsyncExitStack() as stack:
        place = await stack.enter_async_context(in_threads(own_place(log_path=log_path)))
        if stored is not None:
            await asyncio.to_thread(copy_root, stored, place.root)
        homes = await asyncio.to_thread(snapshotter_settings, place, snapshotters)
        settings = configuration(
            place, collector, log_level, sandbox_image, homes, restart_monitor=restart_monitor
        )
        daemon = _Daemon(program, place, settings, _NO_REGISTRY if sandbox_image else {})
        await daemon.start()
        # A body that fails still has its tasks ended in order, while the daemon can do it.
        stack.push_async_callback(daemon.stop)
        client = await _first_answer(stack, daemon.process, place)
        await _require_plugins(client, place, snapshotters)
        yield Node(
            id=place.id,
            client=client,
            address=place.socket,
            cgroup_parent=place.cgroup,
            runc_root=place.runc_root,
            scratch=place.scratch,
            collector=collector,
            restart=partial(daemon.restart, client),
            log=place.log,
        )


@asynccontextmanager
async def existing_daemon(address: Path, *, namespace: str = NAMESPACE) -> AsyncIterator[Node]:
    """Use a containerd that runs already, under a containerd namespace of our own.

    Leaving the block ends our tasks and removes our folders and cgroups; the daemon, its other
    namespaces and the images that were imported stay.

    Raises:
        UnusablePath: there is no socket at the address.
        Unreachable: nobody listens there.
    """
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(connect(address, namespace=namespace))
        place = await stack.enter_async_context(in_threads(own_place()))
        # For the watchdog and `clean`, should this process be killed: the containers live there.
        place.guest_of.write_text(json.dumps([str(address.absolute()), namespace]))
        stack.callback(remove_runc_folder, namespace)
        stack.push_async_callback(_end_guests, client, place)
        yield Node(
            id=place.id,
            client=client,
            address=address,
            cgroup_parent=place.cgroup,
            runc_root=None,
            scratch=place.scratch,
            collector=None,
        )


async def _end_guests(client: Client, place: Place) -> None:
    """End our tasks on a daemon that is not ours. One that has gone must not hide the run's end."""
    try:
        await end_tasks(client, place.id)
    except (AnswerLost, Unreachable) as error:
        log.warning("the containers on %s could not be ended in order: %s", client.namespace, error)


def _require_programs() -> str:
    for name in ("containerd", "runc", "containerd-shim-runc-v2"):
        if shutil.which(name) is None:
            raise MissingProgram(
                f"{name} is not installed; on Debian or Ubuntu: apt-get install containerd runc"
            )
    program = shutil.which("containerd")
    assert program is not None
    return program


def configuration(
    place: Place,
    collector: Collector,
    log_level: LogLevel = "info",
    sandbox_image: str | None = None,
    snapshot_homes: Mapping[str, Any] | None = None,
    *,
    restart_monitor: bool = False,
) -> str:
    """The daemon's configuration file, in TOML; with a sandbox image that of one for pods."""
    disabled = list(versions.DISABLED_PLUGINS)
    pods, restarts = {}, {}
    if restart_monitor:
        disabled.remove(versions.RESTART_PLUGIN)
        restarts = {versions.RESTART_PLUGIN: {"interval": "1s"}}
    if sandbox_image is not None:
        disabled = [name for name in disabled if name not in versions.CRI_PLUGINS]
        pods = {"io.containerd.grpc.v1.cri": _pod_settings(place, sandbox_image)}
    settings = {
        "version": versions.CONFIG_VERSION,
        "root": str(place.root),
        "state": str(place.daemon_state),
        "disabled_plugins": disabled,
        "grpc": {"address": str(place.socket)},
        "debug": {"level": _DAEMONS_LEVEL[log_level]},
        "plugins": {
            "io.containerd.gc.v1.scheduler": {
                "pause_threshold": collector.pause_threshold,
                "deletion_threshold": collector.deletion_threshold,
                "mutation_threshold": collector.mutation_threshold,
                "schedule_delay": collector.schedule_delay,
                "startup_delay": collector.startup_delay,
            },
            **pods,
            **(snapshot_homes or {}),
            **restarts,
        },
    }
    return tomli_w.dumps(settings)


def _pod_settings(place: Place, sandbox_image: str) -> dict[str, Any]:
    """Of the CRI plugin; what this host may lack (a profile, a privilege) is not asked for."""
    nothing = str(place.state / "no-cni")
    return {
        "sandbox_image": sandbox_image,
        "disable_apparmor": True,
        # Below containerd's own takes CAP_SYS_RESOURCE.
        "restrict_oom_score_adj": True,
        # The host's networks are none of ours.
        "cni": {"bin_dir": nothing, "conf_dir": nothing},
    }


_NO_REGISTRY = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:1") | {"NO_PROXY": ""}
"""For the CRI plugin, which pulls an image that it does not know: where nobody listens (containerd
1.6.20, pkg/cri/server/image_pull.go, takes the proxy of its environment)."""


async def _start(
    program: str, place: Place, environment: Mapping[str, str]
) -> asyncio.subprocess.Process:
    with place.log.open("ab") as output:
        return await asyncio.create_subprocess_exec(
            program,
            "--config",
            str(place.config),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**os.environ, **environment},
            # A Ctrl-C at the terminal is for the harness, which stops the daemon last.
            start_new_session=True,
        )


class _Daemon:
    """The process of a private containerd, and the one that takes its place after a restart."""

    process: asyncio.subprocess.Process

    def __init__(
        self, program: str, place: Place, settings: str, environment: Mapping[str, str]
    ) -> None:
        self._program = program
        self._environment = environment
        self._place = place
        with full_disk_told(place.config):
            place.config.write_text(settings)

    async def start(self) -> None:
        self.process = await _start(self._program, self._place, self._environment)

    async def stop(self) -> None:
        await _stop(self.process, self._place)

    async def restart(self, client: Client) -> None:
        """Return when the new process answers, and ``client`` has found it.

        Raises:
            DaemonStartFailed: it ended or did not serve in time.
        """
        await _end(self.process)
        await self.start()
        async with AsyncExitStack() as stack:
            await _first_answer(stack, self.process, self._place)
        # A channel that has lost its connection tries anew after a pause of its own.
        try:
            async with asyncio.timeout(START_SECONDS):
                while True:
                    try:
                        await client.introspection.version()
                        return
                    except (AnswerLost, Unreachable):
                        await asyncio.sleep(0.005)
        except TimeoutError as error:
            raise DaemonStartFailed(
                f"containerd did not answer within {START_SECONDS:g} s of its restart; "
                f"its last words: {self._place.log_tail()}"
            ) from error


async def _first_answer(
    stack: AsyncExitStack, process: asyncio.subprocess.Process, place: Place
) -> Client:
    """A client on the stack, once the daemon answers."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        if process.returncode is not None:
            _require_room(place, place.log_tail())
            raise DaemonStartFailed(
                f"containerd ended with status {process.returncode} before it served; "
                f"its last words: {place.log_tail()}"
            )
        try:
            return await stack.enter_async_context(connect(place.socket))
        except (UnusablePath, Unreachable, AnswerLost) as error:
            # The socket's file is there a moment before anybody listens on it: bind(2) makes
            # the one, listen(2) the other, and nothing announces either.
            if time.monotonic() > deadline:
                raise DaemonStartFailed(
                    f"containerd did not answer within {START_SECONDS:g} s; "
                    f"its last words: {place.log_tail()}"
                ) from error
        except ContainerdError as error:
            # It serves without its database, or cannot write to it.
            _require_room(place, str(error))
            raise
        await asyncio.sleep(0.005)


def _require_room(place: Place, why: str) -> None:
    """Tell a containerd that has no room from one that fails to start for other reasons."""
    for path in (place.data, place.state):
        if not has_room(path):
            raise disk_full(path, f"containerd did not start: {why}")


async def _require_plugins(client: Client, place: Place, snapshotters: Iterable[str]) -> None:
    plugins = {f"{p.type}.{p.id}": p.init_error for p in await client.introspection.plugins()}
    own = [f"io.containerd.snapshotter.v1.{name}" for name in snapshotters]
    for name in dict.fromkeys((*versions.REQUIRED_PLUGINS, *own)):
        if name not in plugins:
            hint = versions.needs_release(name)
            raise DaemonStartFailed(f"this containerd has no plugin {name}{hint}")
        if plugins[name]:
            _require_room(place, plugins[name])
            raise DaemonStartFailed(
                f"containerd's plugin {name} is not usable: {plugins[name]}; "
                f"log: {place.log_tail()}"
            )


async def _stop(process: asyncio.subprocess.Process, place: Place) -> None:
    """End every task, then the daemon. Errors are logged: what is left is removed by path."""
    if process.returncode is None:
        try:
            async with asyncio.timeout(STOP_SECONDS), connect(place.socket) as client:
                await end_every_task(client)
        except (IluvatarBenchError, TimeoutError) as error:
            log.warning("tasks could not be ended in order: %s", error)
    await _end(process)


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await process.wait()
        except TimeoutError:
            log.warning("containerd %d ignored SIGTERM; killing it", process.pid)
            process.kill()
    await process.wait()
