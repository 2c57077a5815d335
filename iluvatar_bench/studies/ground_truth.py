"""The ground truth of attribution: each mechanism caused on purpose, and what was made of it.

Every case is a trial like any other, through the same lifecycle, collector and judge; only its
cause is known beforehand. The containers live on quiet private containerds.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Callable, Iterable, Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import pandas as pd

from iluvatar_bench.bugs import Mechanism
from iluvatar_bench.containerd.daemon.place import require_root
from iluvatar_bench.errors import UsageError
from iluvatar_bench.host.task_group import task_group
from iluvatar_bench.lifecycle import Container
from iluvatar_bench.records import Trial
from iluvatar_bench.runs.store import RunFolder
from iluvatar_bench.runs.testbed import Testbed, TestbedSettings, open_testbed
from iluvatar_bench.runs.trial import live_trial
from iluvatar_bench.studies import faults
from iluvatar_bench.studies.known_causes import KNOWN_CAUSES, KnownCause

COLUMNS = ("case", "expected", "attributed", "bug_class", "trials")

MOST_REPEATS = 1000


async def ground_truth(
    cases: Sequence[KnownCause] = KNOWN_CAUSES,
    *,
    repeats: int = 5,
    concurrency: int = 4,
    witness: bool = True,
    ready_seconds: float = faults.READY_SECONDS,
    on_trial: Callable[[KnownCause, Trial], None] | None = None,
) -> pd.DataFrame:
    """Cause each case ``repeats`` times and say what was attributed.

    The repeats of one case follow each other (they may share a cgroup); ``concurrency`` cases run
    at a time. Without ``witness`` the kernel is not asked who sent a signal: then
    ``unknown`` is all that can be expected of some. ``ready_seconds`` is how long a started
    function may be silent.

    Returns:
        the columns :data:`COLUMNS`: one row for each case and each answer that it got.
        ``attributed`` is the :func:`answer` to the trial.

    Raises:
        UsageError: a number is out of its range.
        EnvironmentProblem: the host lacks something.
    """
    if not 1 <= repeats <= MOST_REPEATS:
        raise UsageError(f"repeats must be between 1 and {MOST_REPEATS}, not {repeats}")
    if not 1 <= concurrency <= 64:
        raise UsageError(f"concurrency must be between 1 and 64, not {concurrency}")
    # Here already, for all the testbeds: each would say so for itself, in a folder that is made.
    require_root("running containers")
    lived: list[tuple[KnownCause, Trial]] = []
    limit = asyncio.Semaphore(concurrency)
    settings_of = partial(_testbed_settings, witness=witness, ready_seconds=ready_seconds)

    async def repeat(case: KnownCause, testbed: Testbed) -> None:
        async with limit:
            for number in range(repeats):
                trial = await _live(case, testbed, index=KNOWN_CAUSES.index(case) * 1000 + number)
                lived.append((case, trial))
                if on_trial is not None:
                    on_trial(case, trial)

    # Each containerd has its time to answer: a dozen that begin at once on one processor need more.
    beginning = asyncio.Semaphore(len(os.sched_getaffinity(0)))

    async def share(group: Sequence[KnownCause], folder: Path) -> None:
        folder.mkdir()
        async with AsyncExitStack() as stack:
            async with beginning:
                opened = open_testbed(settings_of(group, folder), RunFolder(folder))
                testbed = await stack.enter_async_context(opened)
            tasks = await stack.enter_async_context(task_group())
            for case in group:
                tasks.create_task(repeat(case, testbed))

    with tempfile.TemporaryDirectory(prefix="iluvatar-bench-") as home:
        async with task_group() as tasks:
            for number, group in enumerate(_groups(cases)):
                tasks.create_task(share(group, Path(home, f"truth-{number}")))
    return confusion(lived)


def _groups(cases: Sequence[KnownCause]) -> list[list[KnownCause]]:
    """The cases that share a containerd: one snapshotter each, so that no image is unpacked for
    nothing, and none beside a case that wants to be alone."""
    groups: dict[str, list[KnownCause]] = {}
    for case in cases:
        key = case.name if case.alone else case.profile.snapshotter
        groups.setdefault(key, []).append(case)
    return list(groups.values())


def _testbed_settings(
    cases: Sequence[KnownCause], folder: Path, *, witness: bool, ready_seconds: float
) -> TestbedSettings:
    functions = {case.function: _function(case, folder) for case in cases}
    (first, *others) = cases
    if first.ready_seconds is not None and not others:
        ready_seconds = first.ready_seconds
    return TestbedSettings(
        profiles=tuple(dict.fromkeys(case.profile for case in cases)),
        functions=tuple(functions.values()),
        sample_seconds=0,
        ready_seconds=ready_seconds,
        witness=witness,
    )


def _function(case: KnownCause, folder: Path) -> str:
    """The name of a built-in function, or the folder that the case's own is written to."""
    if not case.sources:
        return case.function
    home = folder / case.function
    home.mkdir(exist_ok=True)
    for name, text in case.sources:
        (home / name).write_text(text)
    return str(home)


async def _live(case: KnownCause, testbed: Testbed, *, index: int) -> Trial:
    setting = testbed.setting(case.profile, case.function)

    async with AsyncExitStack() as stack:
        if case.around is not None:
            stack.enter_context(case.around(testbed.node))

        async def live(container: Container) -> None:
            container.progress.begin("alive")
            if case.fault is not None:
                await case.fault(container)
            if case.beside is not None:
                await case.beside(container, stack)
            for _ in range(case.invocations):
                assert setting.invoker is not None
                await container.invoke(setting.invoker, {}, timeout_seconds=case.invoke_seconds)
            await container.stay_alive(case.hold_ms / 1000)

        return await live_trial(
            setting, live, index=index, function=case.function, seconds=case.hold_ms / 1000
        )


def confusion(lived: Iterable[tuple[KnownCause, Trial]]) -> pd.DataFrame:
    """The confusion matrix in long form, in the order of :data:`KNOWN_CAUSES`."""
    order = [case.name for case in KNOWN_CAUSES]
    rows = [
        (case.name, str(case.expected), answer(trial), trial.bug_class) for case, trial in lived
    ]
    frame = pd.DataFrame(rows, columns=list(COLUMNS[:-1]))
    frame["bug_class"] = frame["bug_class"].fillna("")
    counted = frame.value_counts(sort=False).reset_index(name="trials")
    counted["case"] = pd.Categorical(counted["case"], categories=order, ordered=True)
    ordered = counted.sort_values(["case", "attributed"], ignore_index=True)
    return ordered.astype({"case": str})


def answer(trial: Trial) -> str:
    """What was attributed: the mechanism; the outcome where there is none, with latent damage."""
    if trial.mechanism is not None:
        return trial.mechanism
    latent = trial.evidence.get("latent")
    return f"{trial.outcome} (latent {latent})" if latent else str(trial.outcome)


def is_right(case: KnownCause, trial: Trial, *, unknown_passes: bool = False) -> bool:
    """Whether the trial was attributed to what was done to it, or to nothing if that passes."""
    found = answer(trial)
    return found == str(case.expected) or (unknown_passes and found == str(Mechanism.UNKNOWN))


def mistakes(table: pd.DataFrame, *, unknown_passes: bool = False) -> pd.DataFrame:
    """The rows of the matrix where what was attributed is not what was caused.

    With ``unknown_passes``, for a matrix without witness, what was left open is no mistake.
    """
    wrong = table["expected"] != table["attributed"]
    if unknown_passes:
        wrong &= table["attributed"] != str(Mechanism.UNKNOWN)
    return table[wrong]
