"""One trial: a container's life, its failure examined and named, its traces removed."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from iluvatar_bench.bugs import DaemonFact, Evidence, Mechanism
from iluvatar_bench.containerd.daemon.private import Node
from iluvatar_bench.containerd.oci.image_import import ImportedImage
from iluvatar_bench.containerd.values import ExitStatus
from iluvatar_bench.errors import (
    AnswerLost,
    DiskFull,
    NetworkError,
    Unreachable,
)
from iluvatar_bench.host.kernel import cgroups
from iluvatar_bench.host.network.network_pool import NetworkPool
from iluvatar_bench.host.network.socket_folders import SocketFolders
from iluvatar_bench.host.task_group import task_group
from iluvatar_bench.lifecycle import Container, KillLog, remove_container
from iluvatar_bench.lifecycle.cgroup_requests import pause_container, resume_container
from iluvatar_bench.lifecycle.container import STARTUP_SECONDS, open_container
from iluvatar_bench.lifecycle.invocation import Invoker
from iluvatar_bench.monitor import (
    ImageLayers,
    Monitor,
    collect,
    who_listens,
)
from iluvatar_bench.plans import PlannedTrial
from iluvatar_bench.profiles import Profile
from iluvatar_bench.records import Outcome, Trial
from iluvatar_bench.runs.daemon_watch import DaemonWatch
from iluvatar_bench.runs.failing import Before, failing_container
from iluvatar_bench.runs.latent_damage import latent_damage
from iluvatar_bench.runs.live_steps import OnStep, steps_told
from iluvatar_bench.runs.verdict import OF_CONTAINERS, judged

log = logging.getLogger(__name__)

TRIAL_SECONDS = 120.0
"""Deadline of one trial beyond its planned life and the time to become ready that its run gives:
far above every other deadline inside it."""

_STYLING = re.compile(r"\x1b\[[0-9;]*m")
"""Colours and the like (ECMA-48, SGR), which servers write to files as well."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What all trials of a run have in common."""

    run_id: str
    node: Node
    image: ImportedImage
    profile: Profile
    kills: KillLog
    networks: NetworkPool | SocketFolders | None = None
    """Where a container's network comes from; without it the runtime makes one, and nobody can
    invoke the function."""
    invoker: Invoker | None = None
    ready_seconds: float = STARTUP_SECONDS
    monitor: Monitor | None = None
    """What watches the containers; without one nobody does."""
    layers: ImageLayers = field(default_factory=ImageLayers)
    daemon: DaemonWatch | None = None
    """Who knows whether containerd is there; without one a trial's own deadlines are all there is.
    """
    creations: asyncio.Semaphore | None = None
    """The turns of those that are being made at a time; without one there is no limit."""
    session: int = 1
    """How often the run was begun: containers of a resumed run have names of their own."""
    on_step: OnStep | None = None
    """Told of each step that a container begins."""

    def container_id(self, function: str, index: int) -> str:
        """What the container of a trial is called."""
        again = f"-{self.session}" if self.session > 1 else ""
        return f"{function}-{self.run_id[-8:]}-{index:05d}{again}"


@dataclass(frozen=True, slots=True)
class TrialFailure:
    """What went wrong, and the evidence collected at that moment."""

    error: Exception
    evidence: Evidence


Life = Callable[[Container], Awaitable[None]]
"""What a ready container does until it is to be removed: it returns then, or raises."""


async def run_trial(setting: Setting, planned: PlannedTrial) -> Trial:
    """A cold start's trial: see :func:`live_trial`."""

    async def live(container: Container) -> None:
        if setting.invoker is not None:
            for first in range(0, planned.invocations, setting.profile.invoke_parallel):
                await _invoke_some(setting.invoker, container, planned, first)
        if setting.profile.keep_alive == "paused":
            await pause_container(container)
        await container.stay_alive(planned.hold_ms / 1000)
        if container.progress.paused:
            await resume_container(container)

    return await live_trial(
        setting,
        live,
        index=planned.index,
        function=planned.function,
        seconds=planned.hold_ms / 1000,
    )


async def _invoke_some(
    invoker: Invoker, container: Container, planned: PlannedTrial, first: int
) -> None:
    """As many invocations at a time as the profile says; the first error is that of all."""
    last = min(first + container.profile.invoke_parallel, planned.invocations)
    async with task_group() as group:
        for number in range(first, last):
            group.create_task(container.invoke(invoker, {"name": f"{planned.index}-{number}"}))


async def live_trial(
    setting: Setting, live: Life, *, index: int, function: str, seconds: float | None
) -> Trial:
    """Live one container's life and say how it went.

    ``seconds`` is how long ``live`` is meant to take; a trial that takes much longer is ended.
    None: it may take for ever, because whatever it awaits has a limit of its own.

    Whatever goes wrong becomes the trial's outcome, if it was begun.

    Raises:
        Unreachable: nothing was asked of containerd, because it is not there: there is no trial.
        DiskFull: nothing was asked of containerd, because there is no room for its output.
    """
    container_id = setting.container_id(function, index)
    started = time.monotonic()
    trial = Trial(
        run_id=setting.run_id,
        trial=index,
        container_id=container_id,
        profile=setting.profile.name,
        factors=setting.profile.factors,
        function=function,
        submitted_at=datetime.now(UTC).isoformat(),
        outcome=Outcome.OK,
    )
    try:
        trial = await _lived(setting, live, trial, seconds)
    except (Unreachable, DiskFull):
        raise
    except Exception as error:
        # This program's own mistake ends this trial, and no other.
        log.exception("%s: the harness failed", container_id)
        trial = judged(trial, error, Evidence(container_id=container_id, error=_words(error)))
    return replace(trial, total_ms=(time.monotonic() - started) * 1000)


async def _lived(setting: Setting, live: Life, trial: Trial, seconds: float | None) -> Trial:
    """The trial as it went."""
    async with open_container(
        trial.container_id,
        node=setting.node,
        image=setting.image,
        profile=setting.profile,
        kills=setting.kills,
        creations=setting.creations,
    ) as container:
        if setting.on_step is not None:
            container.progress.on_step = steps_told(setting.on_step, trial)
        try:
            failure, latent, cleanup_errors = await _live(setting, live, seconds, container)
        finally:
            detached = await _detach(setting, container)
        stdout, stderr = container.output_tails()
        trial = replace(
            trial,
            steps=dict(container.progress.steps),
            spans=tuple(container.progress.spans),
            cleanup_errors=(*cleanup_errors, *detached),
            invocations=tuple(invocation.as_row() for invocation in container.invocations),
        )
        if failure is None:
            return replace(trial, evidence={"latent": str(latent)}) if latent else trial
        evidence = replace(
            failure.evidence,
            stdout_tail=_STYLING.sub("", stdout.text),
            stdout_cut_bytes=stdout.cut_bytes,
            stderr_tail=_STYLING.sub("", stderr.text),
            stderr_cut_bytes=stderr.cut_bytes,
        )
        return judged(trial, failure.error, evidence)


def _words(error: Exception) -> str:
    """What an error of this program says: its kind, because its text alone may say little."""
    return f"{type(error).__name__}: {error}"


async def _live(
    setting: Setting, live: Life, seconds: float | None, container: Container
) -> tuple[TrialFailure | None, Mechanism | None, tuple[str, ...]]:
    """The life up to removal. A failure is examined before anything is removed.

    Returns the failure, damage that nobody has noticed, and notes on the removal.
    """
    counted = cgroups.oom_kills(container.cgroup)
    identity = cgroups.identity(container.cgroup)
    before = Before(counted, _daemon(setting.node.address), time.time(), identity)
    failure: TrialFailure | None = None
    latent: Mechanism | None = None
    try:
        given = None if seconds is None else TRIAL_SECONDS + setting.ready_seconds + seconds
        async with _bounded(setting, given):
            await _attach(setting, container)
            await container.create()
            _watch(setting, container)
            await container.start(ready_seconds=setting.ready_seconds)
            await live(container)
            latent = await latent_damage(container)
    except Exception as error:
        if isinstance(error, (Unreachable, DiskFull)) and not container.progress.begun:
            raise
        if setting.daemon is not None and isinstance(error, (AnswerLost, Unreachable)):
            # Nothing is to begin until it has answered again.
            setting.daemon.suspect()
        failure = await _examined(setting, container, error, before)
    if setting.monitor is not None:
        setting.monitor.expect_end(container.id)
    try:
        async with _bounded(setting, TRIAL_SECONDS):
            notes = await remove_container(container)
    except Exception as error:
        if failure is None:
            return await _examined(setting, container, error, before), None, ()
        notes = tuple(getattr(error, "__notes__", ()))
        return failure, None, (str(error) or type(error).__name__, *notes)
    finally:
        if setting.monitor is not None:
            setting.monitor.unwatch(container.id)
    return failure, latent, notes


@asynccontextmanager
async def _bounded(setting: Setting, seconds: float | None) -> AsyncIterator[None]:
    watch = setting.daemon
    async with asyncio.timeout(seconds) if watch is None else watch.bounded(seconds):
        yield


def _daemon(address: Path) -> DaemonFact | None:
    try:
        return who_listens(address)
    except OSError:
        # Nobody listens: the first request will say so.
        return None


async def _attach(setting: Setting, container: Container) -> None:
    if setting.networks is not None:
        container.progress.begin("network")
        with container.progress.span("network"):
            container.attachment = await setting.networks.acquire()


def _watch(setting: Setting, container: Container) -> None:
    if setting.monitor is not None:
        assert container.pid is not None
        setting.monitor.watch(container.id, container.pid, exited=container.exited)


async def _detach(setting: Setting, container: Container) -> tuple[str, ...]:
    """Give the network back, whatever became of the container. Errors are notes."""
    if setting.networks is None or container.attachment is None:
        return ()
    try:
        await setting.networks.release(container.attachment)
    except (NetworkError, OSError) as error:
        return (str(error),)
    return ()


async def _examined(
    setting: Setting, container: Container, error: Exception, before: Before
) -> TrialFailure:
    """The failure with its evidence; what is left of it where looking fails, too."""
    if not isinstance(error, OF_CONTAINERS):
        log.error("%s: the harness failed", container.id, exc_info=error)
    try:
        return await collect_evidence(setting, container, error, before)
    except Exception as second:
        log.exception("%s: its failure could not be examined", container.id)
        text = str(error) if isinstance(error, OF_CONTAINERS) else _words(error)
        note = f"the failure could not be examined: {_words(second)}"
        evidence = Evidence(
            container_id=container.id, error=text, step=container.progress.step, notes=(note,)
        )
        return TrialFailure(error, evidence)


async def collect_evidence(
    setting: Setting, container: Container, error: Exception, before: Before
) -> TrialFailure:
    """Collect the evidence of a failure; call it before anything of the container is removed."""
    text = str(error) if isinstance(error, OF_CONTAINERS) else _words(error)
    failing = failing_container(
        container,
        kills=setting.kills,
        monitor=setting.monitor,
        daemon_answers=setting.daemon is None or setting.daemon.serving,
        before=before,
        error=text,
        exit_status=await _exit_status(container, error),
    )
    log.debug("%s failed in step %s", container.id, failing.step, exc_info=error)
    evidence = await collect(
        setting.node.client, setting.node.address, failing, layers=setting.layers
    )
    return TrialFailure(error, evidence)


async def _exit_status(container: Container, error: Exception) -> ExitStatus | None:
    """How the process ended, where it has ended.

    After a failed Start the exit is on its way: containerd has noticed that the process is gone.
    """
    exited = container.exited
    if exited is None:
        return None
    if container.progress.step == "start":
        await asyncio.wait((exited,), timeout=1.0)
    if not exited.done() or exited.cancelled() or exited.exception() is not None:
        return None
    return exited.result()
