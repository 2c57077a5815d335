"""One trial: a container's life, its failure examined and named, its traces removed."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from iluvatar_bench.bugs import (
    Attribution,
    BugClass,
    DaemonFact,
    Evidence,
    Mechanism,
    attribute,
    classify_text,
)
from iluvatar_bench.bugs.symptom import error_symptom, start_symptom, startup_symptom
from iluvatar_bench.containerd.daemon import Node
from iluvatar_bench.containerd.image_import import ImportedImage
from iluvatar_bench.containerd.values import ExitStatus
from iluvatar_bench.errors import (
    AnswerLost,
    ContainerdError,
    DeadlineExceeded,
    IluvatarBenchError,
    InvocationFailed,
    NetworkError,
    ProcessDied,
    StartupFailed,
    StepTimedOut,
    Unreachable,
)
from iluvatar_bench.host import cgroups
from iluvatar_bench.host.network_pool import NetworkPool
from iluvatar_bench.lifecycle import Container, KillLog, Profile
from iluvatar_bench.lifecycle.container import STARTUP_SECONDS, open_container
from iluvatar_bench.lifecycle.invocation import Invoker
from iluvatar_bench.monitor import (
    EventLog,
    ImageLayers,
    Subject,
    collect,
    events_of,
    who_listens,
)
from iluvatar_bench.plans import PlannedTrial
from iluvatar_bench.records import Outcome, Trial

log = logging.getLogger(__name__)

TRIAL_SECONDS = 120.0
"""Deadline of one trial beyond its planned life: far above every deadline inside it."""

_NEIGHBOUR_WINDOW_SECONDS = 2.0
"""How far before the failed step neighbours' Kills are kept as evidence: more than any rule of
attribution looks back."""


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
    networks: NetworkPool | None = None
    """Where a container's network comes from; without it the runtime makes one, and nobody can
    invoke the function."""
    invoker: Invoker | None = None
    ready_seconds: float = STARTUP_SECONDS
    events: EventLog | None = None
    """What containerd says while the run goes on."""
    nemesis: Callable[[Container], Awaitable[None]] | None = None
    """What befalls each container once it is ready: a fault made on purpose."""
    layers: ImageLayers = field(default_factory=ImageLayers)


@dataclass(frozen=True, slots=True)
class Before:
    """What was there when the container's life began: what is different later, changed meanwhile.

    ``oom_kills`` is the counter of its cgroup (None: it did not exist), ``daemon`` who was
    containerd (None: not known).
    """

    oom_kills: int | None = None
    daemon: DaemonFact | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """What went wrong, and the evidence collected at that moment."""

    error: Exception
    evidence: Evidence


async def run_trial(setting: Setting, planned: PlannedTrial) -> Trial:
    """Live one container's life and say how it went.

    Raises nothing but cancellation: whatever goes wrong becomes the trial's outcome.
    """
    container_id = f"{planned.function}-{setting.run_id[-8:]}-{planned.index:05d}"
    submitted_at = datetime.now(UTC).isoformat()
    started = time.monotonic()
    async with open_container(
        container_id,
        node=setting.node,
        image=setting.image,
        profile=setting.profile,
        kills=setting.kills,
    ) as container:
        failure, latent, cleanup_errors = await _live(setting, planned, container)
        cleanup_errors += await _detach(setting, container)
        stdout, stderr = container.output_tails()
        trial = Trial(
            run_id=setting.run_id,
            trial=planned.index,
            container_id=container_id,
            profile=setting.profile.name,
            factors=setting.profile.factors,
            function=planned.function,
            submitted_at=submitted_at,
            outcome=Outcome.OK,
            steps=dict(container.progress.steps),
            total_ms=(time.monotonic() - started) * 1000,
            cleanup_errors=cleanup_errors,
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
        return _judged(trial, failure.error, evidence)


async def _live(
    setting: Setting, planned: PlannedTrial, container: Container
) -> tuple[Failure | None, Mechanism | None, tuple[str, ...]]:
    """The life up to removal. A failure is examined before anything is removed.

    Returns the failure, damage that nobody has noticed, and notes on the removal.
    """
    before = Before(cgroups.oom_kills(container.cgroup), _daemon(setting.node.address))
    failure: Failure | None = None
    latent: Mechanism | None = None
    try:
        async with asyncio.timeout(TRIAL_SECONDS + planned.hold_ms / 1000):
            await _attach(setting, container)
            await container.create()
            await container.start(ready_seconds=setting.ready_seconds)
            if setting.nemesis is not None:
                container.progress.step = "alive"
                await setting.nemesis(container)
            await _invoke(setting, planned, container)
            await container.stay_alive(planned.hold_ms / 1000)
            latent = await _latent_damage(container)
    except (IluvatarBenchError, OSError, TimeoutError) as error:
        failure = await examine(setting, container, error, before)
    try:
        async with asyncio.timeout(TRIAL_SECONDS):
            notes = await container.remove()
    except (IluvatarBenchError, OSError, TimeoutError) as error:
        if failure is None:
            return await examine(setting, container, error, before), None, ()
        notes = tuple(getattr(error, "__notes__", ()))
        return failure, None, (str(error) or type(error).__name__, *notes)
    return failure, latent, notes


async def _latent_damage(container: Container) -> Mechanism | None:
    """What is wrong with a container that nobody has a complaint about.

    A function that has loaded all that it needs does not notice that its files are gone.
    """
    try:
        intact = await container.snapshots.exists(container.snapshot_key)
    except ContainerdError as error:
        log.debug("%s: %s", container.id, error)
        return None
    return None if intact else Mechanism.SNAPSHOT_COLLECTED


def _daemon(address: Path) -> DaemonFact | None:
    try:
        return who_listens(address)
    except OSError:
        # Nobody listens: the first request will say so.
        return None


async def _attach(setting: Setting, container: Container) -> None:
    if setting.networks is not None:
        container.progress.step = "network"
        container.attachment = await setting.networks.acquire()


async def _invoke(setting: Setting, planned: PlannedTrial, container: Container) -> None:
    if setting.invoker is not None:
        for number in range(planned.invocations):
            await container.invoke(setting.invoker, {"name": f"{planned.index}-{number}"})


async def _detach(setting: Setting, container: Container) -> tuple[str, ...]:
    """Give the network back, whatever became of the container. Errors are notes."""
    if setting.networks is None or container.attachment is None:
        return ()
    try:
        await setting.networks.release(container.attachment)
    except NetworkError as error:
        return (str(error),)
    return ()


async def examine(
    setting: Setting, container: Container, error: Exception, before: Before
) -> Failure:
    """Collect the evidence of a failure; call it before anything of the container is removed."""
    progress = container.progress
    ended_at = time.time()
    kills = setting.kills
    text = str(error) or f"the trial did not end in its time, in step {progress.step}"
    subject = Subject(
        container_id=container.id,
        step=progress.step,
        step_started_at=progress.step_started_at,
        step_ended_at=ended_at,
        snapshotter=setting.profile.snapshotter,
        snapshot_key=container.snapshot_key,
        snapshot_prepared=progress.snapshot_prepared,
        snapshot_removed_by_us=progress.snapshot_removed,
        chain_id=container.image.chain_id,
        task_created=progress.task_created,
        mounts=container.mounts,
        cgroup=container.cgroup,
        oom_kills_before=before.oom_kills,
        exit_status=await _exit_status(container, error),
        error=text,
        own_kills=kills.of(container.id),
        neighbour_kills=kills.of_neighbours(
            container.id,
            cgroup=container.cgroup,
            since=progress.step_started_at - _NEIGHBOUR_WINDOW_SECONDS,
        ),
        stdout=container.stdout,
        stderr=container.stderr,
        pid=container.pid,
        shim_pid=container.shim_pid,
        daemon_before=before.daemon,
        events=None if setting.events is None else events_of(setting.events.events, container.id),
        events_broken=None if setting.events is None else setting.events.broken,
        cwd=container.image.cwd,
        env=container.image.env,
    )
    log.debug("%s failed in step %s", container.id, progress.step, exc_info=error)
    evidence = await collect(
        setting.node.client, setting.node.address, subject, layers=setting.layers
    )
    return Failure(error, evidence)


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


def _judged(trial: Trial, error: Exception, evidence: Evidence) -> Trial:
    """The trial with the outcome of its failure."""
    symptom, verdict = _verdict(error, evidence)
    trial = replace(
        trial,
        error=evidence.error,
        failed_step=evidence.step,
        exit_status=evidence.exit_status,
        evidence={
            "symptom": str(symptom),
            "facts": list(verdict.facts),
            "considered": [asdict(found) for found in verdict.considered],
            **evidence.as_dict(),
        },
    )
    mechanism = str(verdict.mechanism)
    if isinstance(error, AnswerLost):
        # Whether it failed is not known; why that is not known may be.
        known = verdict.mechanism is not Mechanism.UNKNOWN
        return replace(trial, outcome=Outcome.UNKNOWN, mechanism=mechanism if known else None)
    return replace(
        trial,
        outcome=Outcome.FAILED,
        bug_class=str(verdict.bug_class),
        mechanism=mechanism,
    )


def _verdict(error: Exception, evidence: Evidence) -> tuple[BugClass, Attribution]:
    """The symptom, and what is made of it."""
    try:
        symptom = _symptom(error, evidence)
        return symptom, attribute(symptom, evidence)
    except Exception:
        # A judge that fails must not acquit.
        log.exception("%s: classification failed", evidence.container_id)
        unclassified = BugClass.UNCLASSIFIED
        return unclassified, Attribution(unclassified, Mechanism.UNKNOWN, ())


def _symptom(error: Exception, evidence: Evidence) -> BugClass:
    match error:
        case StartupFailed():
            return startup_symptom(
                stdout=evidence.stdout_tail,
                stderr=evidence.stderr_tail,
                exit_status=evidence.exit_status,
            )
        case ProcessDied():
            return BugClass.PROCESS_DIED
        case InvocationFailed():
            # The function's answer may say that it missed a file.
            found = classify_text(evidence.error).bug_class
            missing = found is BugClass.MISSING_PACKAGES
            return BugClass.MISSING_PACKAGES if missing else BugClass.INVOKE_FAILED
        case NetworkError():
            return BugClass.NETWORK
        case StepTimedOut() | TimeoutError() | DeadlineExceeded():
            return BugClass.DEADLINE
        case Unreachable() | AnswerLost():
            return BugClass.DAEMON_UNAVAILABLE
        case ContainerdError() if evidence.step == "start":
            return start_symptom(evidence.error, exit_status=evidence.exit_status)
        case _:
            return error_symptom(evidence.error)
