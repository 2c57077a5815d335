"""The ground truth of attribution: each mechanism caused on purpose, and what was made of it.

Every case is a trial like any other, through the same lifecycle, collector and judge; only its
cause is known beforehand. The containers live on quiet private containerds.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from iluvatar_bench.bugs import Mechanism
from iluvatar_bench.containerd.daemon.place import require_root
from iluvatar_bench.errors import UsageError, meant
from iluvatar_bench.host.task_group import task_group
from iluvatar_bench.lifecycle import Container
from iluvatar_bench.profiles import Profile, resolve_profile
from iluvatar_bench.records import Trial
from iluvatar_bench.runs.store import RunFolder
from iluvatar_bench.runs.testbed import Testbed, TestbedSettings, open_testbed
from iluvatar_bench.runs.trial import live_trial
from iluvatar_bench.studies import faults, strangers

COLUMNS = ("case", "expected", "attributed", "bug_class", "trials")

MOST_REPEATS = 1000

_PATIENCE_MS = 20_000
"""How long a container that is to die is watched."""

LATENT = f"ok (latent {Mechanism.SNAPSHOT_COLLECTED})"
"""The answer to a trial that went well on a snapshot that is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownCause:
    """One cause, made on purpose.

    ``expected`` is the :func:`answer` that must be found. ``settings`` change the guarded
    profile. A case that is ``alone`` disturbs all others on its containerd, so it gets one of its
    own. ``sources`` are the files of a function that is not built in.
    """

    name: str
    expected: str
    function: str = "hello"
    sources: tuple[tuple[str, str], ...] = ()
    settings: tuple[str, ...] = ()
    invocations: int = 1
    hold_ms: int = 0
    fault: Callable[[Container], Awaitable[None]] | None = None
    alone: bool = False

    @property
    def profile(self) -> Profile:
        """What the containers of the case are made with; no collection but forced ones."""
        return resolve_profile("guarded", ["collection=quiet", *self.settings])


def _ends(status: int) -> tuple[tuple[str, str], ...]:
    """A function that ends its process when it is first invoked."""
    return (("main.py", f"import os\n\n\ndef main(args):\n    os._exit({status})\n"),)


_ANSWERS_SIGTERM = (
    "import os\nimport signal\n\n\ndef end(*_):\n    os._exit(143)\n\n\n"
    "signal.signal(signal.SIGTERM, end)\n\n\n"
)
_OBEDIENT = (("main.py", f"{_ANSWERS_SIGTERM}def main(args):\n    return {{}}\n"),)
_OWN_CHILD = (
    (
        "main.py",
        f"{_ANSWERS_SIGTERM}import time\n\n\ndef main(args):\n    if os.fork() == 0:\n"
        "        os.kill(1, signal.SIGKILL)\n        os.kill(1, signal.SIGTERM)\n"
        "        os._exit(0)\n    time.sleep(10)\n    return {}\n",
    ),
)
"""Of the two signals its first process, which a PID namespace protects, gets the second."""

_LATE_IMPORT = "def main(args):\n    import ib_shipped\n\n    return {'value': ib_shipped.VALUE}\n"
_SHIPPED = (("main.py", _LATE_IMPORT), ("ib_shipped.py", "VALUE = 1\n"))
_NOT_SHIPPED = (("main.py", _LATE_IMPORT),)

_UNREFERENCED = "snapshot_reference=none"

KNOWN_CAUSES: tuple[KnownCause, ...] = (
    KnownCause(name="undisturbed", expected="ok"),
    KnownCause(
        name="collected_before_mount",
        expected=Mechanism.SNAPSHOT_COLLECTED,
        settings=(_UNREFERENCED, "collection=before_mount"),
    ),
    KnownCause(
        name="collected_during_startup",
        expected=Mechanism.SNAPSHOT_COLLECTED,
        settings=(_UNREFERENCED, "collection=during_startup"),
    ),
    KnownCause(
        # It has loaded all that it needs, so nothing fails; the damage is there all the same.
        name="collected_after_ready_unnoticed",
        expected=LATENT,
        settings=(_UNREFERENCED, "collection=after_ready"),
    ),
    KnownCause(
        name="collected_after_ready",
        expected=Mechanism.SNAPSHOT_COLLECTED,
        function="late-import",
        sources=_SHIPPED,
        settings=(_UNREFERENCED, "collection=after_ready"),
    ),
    KnownCause(
        # The words are those of the case above, and the snapshot is gone as well.
        name="own_missing_module_on_collected",
        expected=Mechanism.OWN_ERROR,
        function="late-import-absent",
        sources=_NOT_SHIPPED,
        settings=(_UNREFERENCED, "collection=after_ready"),
    ),
    KnownCause(
        name="collected_after_ready_native",
        expected=Mechanism.SNAPSHOT_COLLECTED,
        function="late-import",
        sources=_SHIPPED,
        settings=(_UNREFERENCED, "collection=after_ready", "snapshotter=native"),
    ),
    KnownCause(
        name="own_missing_module_on_collected_native",
        expected=Mechanism.OWN_ERROR,
        function="late-import-absent",
        sources=_NOT_SHIPPED,
        settings=(_UNREFERENCED, "collection=after_ready", "snapshotter=native"),
    ),
    KnownCause(
        name="own_missing_module",
        expected=Mechanism.OWN_ERROR,
        function="missing_import",
        invocations=0,
    ),
    KnownCause(
        name="neighbour_killed_all",
        expected=Mechanism.COLLATERAL_KILL,
        settings=("cgroup=shared", "kill=all"),
        fault=faults.remove_neighbour,
        invocations=0,
        hold_ms=_PATIENCE_MS,
    ),
    KnownCause(
        name="memory_limit",
        expected=Mechanism.OOM,
        function="memory_hog",
        settings=("memory_limit_mib=64",),
    ),
    KnownCause(
        name="shim_killed",
        expected=Mechanism.SHIM_DEATH,
        fault=faults.kill_shim,
        invocations=0,
        hold_ms=_PATIENCE_MS,
    ),
    KnownCause(
        name="process_killed_by_us",
        expected=Mechanism.OWN_KILL,
        fault=faults.kill_process,
        invocations=0,
        hold_ms=_PATIENCE_MS,
    ),
    KnownCause(
        name="daemon_restarted",
        expected=Mechanism.DAEMON_RESTART,
        fault=faults.restart_daemon,
        alone=True,
        invocations=0,
        hold_ms=_PATIENCE_MS,
    ),
    KnownCause(
        name="stranger_amid_kills",
        expected=Mechanism.FOREIGN_KILL,
        settings=("cgroup=shared", "kill=all"),
        fault=strangers.stranger_amid_kills,
        alone=True,
        invocations=0,
        hold_ms=_PATIENCE_MS,
    ),
    KnownCause(
        name="stranger_after_neighbours_oom",
        expected=Mechanism.FOREIGN_KILL,
        settings=("cgroup=shared", "kill=init", "memory_limit_mib=128"),
        fault=strangers.neighbour_out_of_memory,
        alone=True,
        invocations=0,
        hold_ms=_PATIENCE_MS,
    ),
    KnownCause(
        name="signals_to_cgroup",
        expected=Mechanism.FOREIGN_KILL,
        fault=strangers.signals_to_cgroup,
        invocations=0,
        hold_ms=_PATIENCE_MS,
    ),
    KnownCause(
        name="neighbour_terminated_all",
        expected=Mechanism.COLLATERAL_KILL,
        function="obedient",
        sources=_OBEDIENT,
        settings=("cgroup=shared", "kill=all"),
        fault=strangers.terminate_neighbour,
        alone=True,
        invocations=0,
        hold_ms=_PATIENCE_MS,
    ),
    KnownCause(
        name="killed_by_own_child",
        expected=Mechanism.OWN_ERROR,
        function="own-child",
        sources=_OWN_CHILD,
    ),
    KnownCause(name="exits_0", expected=Mechanism.OWN_ERROR, function="exits-0", sources=_ends(0)),
    KnownCause(name="exits_3", expected=Mechanism.OWN_ERROR, function="exits-3", sources=_ends(3)),
)


def choose(names: Sequence[str] = ()) -> tuple[KnownCause, ...]:
    """The named cases, or all.

    Raises:
        UsageError: there is no such case.
    """
    known = {case.name: case for case in KNOWN_CAUSES}
    wrong = [name for name in names if name not in known]
    if wrong:
        raise UsageError(
            f"no case {wrong[0]!r}{meant(wrong[0], known)}; there are: {', '.join(known)}"
        )
    return tuple(known[name] for name in names) or KNOWN_CAUSES


async def ground_truth(
    cases: Sequence[KnownCause] = KNOWN_CAUSES,
    *,
    repeats: int = 5,
    concurrency: int = 4,
    witness: bool = True,
    on_trial: Callable[[KnownCause, Trial], None] | None = None,
) -> pd.DataFrame:
    """Cause each case ``repeats`` times and say what was attributed.

    The repeats of one case follow each other (they may share a cgroup); ``concurrency`` cases run
    at a time. Without ``witness`` the kernel is not asked who sent a signal: then
    ``unknown`` is all that can be expected of some.

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

    async def repeat(case: KnownCause, testbed: Testbed) -> None:
        async with limit:
            for number in range(repeats):
                trial = await _live(case, testbed, index=KNOWN_CAUSES.index(case) * 1000 + number)
                lived.append((case, trial))
                if on_trial is not None:
                    on_trial(case, trial)

    async def share(group: Sequence[KnownCause], folder: Path) -> None:
        folder.mkdir()
        async with (
            open_testbed(_testbed_settings(group, folder, witness), RunFolder(folder)) as testbed,
            task_group() as tasks,
        ):
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


def _testbed_settings(cases: Sequence[KnownCause], folder: Path, witness: bool) -> TestbedSettings:
    functions = {case.function: _function(case, folder) for case in cases}
    return TestbedSettings(
        profiles=tuple(dict.fromkeys(case.profile for case in cases)),
        functions=tuple(functions.values()),
        sample_seconds=0,
        ready_seconds=faults.READY_SECONDS,
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

    async def live(container: Container) -> None:
        if case.fault is not None:
            container.progress.begin("alive")
            await case.fault(container)
        for _ in range(case.invocations):
            assert setting.invoker is not None
            await container.invoke(setting.invoker, {})
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
