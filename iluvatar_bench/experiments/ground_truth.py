"""The ground truth of attribution: each mechanism caused on purpose, and what was made of it.

Every case is a trial like any other, through the same lifecycle, collector and judge; only its
cause is known beforehand. The containers live on quiet private containerds.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from iluvatar_bench.bugs import Mechanism
from iluvatar_bench.containerd.daemon import QUIET_COLLECTOR, Node, private_daemon
from iluvatar_bench.containerd.image_import import ImportedImage, import_layout
from iluvatar_bench.errors import UsageError
from iluvatar_bench.experiments import nemesis
from iluvatar_bench.experiments.trial import Setting, run_trial
from iluvatar_bench.functions import build_image, load_function
from iluvatar_bench.functions.catalog import builtin_names
from iluvatar_bench.host.attachment import NetworkMode, NetworkSettings
from iluvatar_bench.host.network_pool import NetworkPool, open_pool
from iluvatar_bench.host.networks import open_network
from iluvatar_bench.lifecycle import Container, KillLog, resolve_profile
from iluvatar_bench.lifecycle.invocation import Invoker, open_invoker
from iluvatar_bench.monitor import event_log
from iluvatar_bench.plans import PlannedTrial
from iluvatar_bench.records import Trial

COLUMNS = ("case", "expected", "attributed", "bug_class", "trials")

_PATIENCE_MS = 20_000
"""How long a container that is to die is watched."""

LATENT = f"ok (latent {Mechanism.SNAPSHOT_COLLECTED})"
"""The answer to a trial that went well on a snapshot that is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
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
    nemesis: Callable[[Container], Awaitable[None]] | None = None
    alone: bool = False


def _ends(status: int) -> tuple[tuple[str, str], ...]:
    """A function that ends its process when it is first invoked."""
    return (("main.py", f"import os\n\n\ndef main(args):\n    os._exit({status})\n"),)


_LATE_IMPORT = "def main(args):\n    import ib_shipped\n\n    return {'value': ib_shipped.VALUE}\n"
_SHIPPED = (("main.py", _LATE_IMPORT), ("ib_shipped.py", "VALUE = 1\n"))
_NOT_SHIPPED = (("main.py", _LATE_IMPORT),)

_UNREFERENCED = "snapshot_reference=none"

CASES: tuple[Case, ...] = (
    Case(name="undisturbed", expected="ok"),
    Case(
        name="collected_before_mount",
        expected=Mechanism.SNAPSHOT_COLLECTED,
        settings=(_UNREFERENCED, "collection=before_mount"),
    ),
    Case(
        name="collected_during_startup",
        expected=Mechanism.SNAPSHOT_COLLECTED,
        settings=(_UNREFERENCED, "collection=during_startup"),
    ),
    Case(
        # It has loaded all that it needs, so nothing fails; the damage is there all the same.
        name="collected_after_ready_unnoticed",
        expected=LATENT,
        settings=(_UNREFERENCED, "collection=after_ready"),
    ),
    Case(
        name="collected_after_ready",
        expected=Mechanism.SNAPSHOT_COLLECTED,
        function="late-import",
        sources=_SHIPPED,
        settings=(_UNREFERENCED, "collection=after_ready"),
    ),
    Case(
        # The words are those of the case above, and the snapshot is gone as well.
        name="own_missing_module_on_collected",
        expected=Mechanism.OWN_ERROR,
        function="late-import-absent",
        sources=_NOT_SHIPPED,
        settings=(_UNREFERENCED, "collection=after_ready"),
    ),
    Case(
        name="collected_after_ready_native",
        expected=Mechanism.SNAPSHOT_COLLECTED,
        function="late-import",
        sources=_SHIPPED,
        settings=(_UNREFERENCED, "collection=after_ready", "snapshotter=native"),
    ),
    Case(
        name="own_missing_module_on_collected_native",
        expected=Mechanism.OWN_ERROR,
        function="late-import-absent",
        sources=_NOT_SHIPPED,
        settings=(_UNREFERENCED, "collection=after_ready", "snapshotter=native"),
    ),
    Case(
        name="own_missing_module",
        expected=Mechanism.OWN_ERROR,
        function="missing_import",
        invocations=0,
    ),
    Case(
        name="neighbour_killed_all",
        expected=Mechanism.COLLATERAL_KILL,
        settings=("cgroup=shared", "kill=all"),
        nemesis=nemesis.remove_neighbour,
        invocations=0,
        hold_ms=_PATIENCE_MS,
    ),
    Case(
        name="memory_limit",
        expected=Mechanism.OOM,
        function="memory_hog",
        settings=("memory_limit_mib=64",),
    ),
    Case(
        name="shim_killed",
        expected=Mechanism.SHIM_DEATH,
        nemesis=nemesis.kill_shim,
        invocations=0,
        hold_ms=_PATIENCE_MS,
    ),
    Case(
        name="process_killed_by_us",
        expected=Mechanism.OWN_KILL,
        nemesis=nemesis.kill_process,
        invocations=0,
        hold_ms=_PATIENCE_MS,
    ),
    Case(
        name="daemon_restarted",
        expected=Mechanism.DAEMON_RESTART,
        nemesis=nemesis.restart_daemon,
        alone=True,
        invocations=0,
        hold_ms=_PATIENCE_MS,
    ),
    Case(name="exits_0", expected=Mechanism.OWN_ERROR, function="exits-0", sources=_ends(0)),
    Case(name="exits_3", expected=Mechanism.OWN_ERROR, function="exits-3", sources=_ends(3)),
)


def choose(names: Sequence[str] = ()) -> tuple[Case, ...]:
    """The named cases, or all.

    Raises:
        UsageError: there is no such case.
    """
    known = {case.name: case for case in CASES}
    wrong = [name for name in names if name not in known]
    if wrong:
        raise UsageError(f"no case {wrong[0]!r}; there are: {', '.join(known)}")
    return tuple(known[name] for name in names) or CASES


async def ground_truth(
    cases: Sequence[Case] = CASES,
    *,
    repeats: int = 5,
    concurrency: int = 4,
    on_trial: Callable[[Case, Trial], None] | None = None,
) -> pd.DataFrame:
    """Cause each case ``repeats`` times and say what was attributed.

    The repeats of one case follow each other (they may share a cgroup); ``concurrency`` cases run
    at a time.

    Returns:
        the columns :data:`COLUMNS`: one row for each case and each answer that it got.
        ``attributed`` is the :func:`answer` to the trial.

    Raises:
        UsageError: a number is out of its range.
        EnvironmentProblem: the host lacks something.
    """
    if not 1 <= repeats <= 1000:
        raise UsageError(f"repeats must be between 1 and 1000, not {repeats}")
    if not 1 <= concurrency <= 64:
        raise UsageError(f"concurrency must be between 1 and 64, not {concurrency}")
    lived: list[tuple[Case, Trial]] = []
    limit = asyncio.Semaphore(concurrency)

    async def repeat(case: Case, laboratory: Laboratory) -> None:
        async with limit:
            for index in range(repeats):
                trial = await laboratory.live(case, index)
                lived.append((case, trial))
                if on_trial is not None:
                    on_trial(case, trial)

    async def share(chosen: Iterable[Case]) -> None:
        async with open_laboratory() as laboratory, asyncio.TaskGroup() as group:
            for case in chosen:
                group.create_task(repeat(case, laboratory))

    async with asyncio.TaskGroup() as group:
        group.create_task(share(case for case in cases if not case.alone))
        for case in cases:
            if case.alone:
                group.create_task(share([case]))
    return confusion(lived)


def confusion(lived: Iterable[tuple[Case, Trial]]) -> pd.DataFrame:
    """The confusion matrix in long form, in the order of :data:`CASES`."""
    order = [case.name for case in CASES]
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


def is_right(case: Case, trial: Trial) -> bool:
    """Whether the trial was attributed to what was done to it."""
    return answer(trial) == str(case.expected)


def mistakes(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of the matrix where what was attributed is not what was caused."""
    return table[table["expected"] != table["attributed"]]


class Laboratory:
    """A private containerd, a network and the images of the cases that live on it."""

    def __init__(self, node: Node, pool: NetworkPool, invoker: Invoker, folder: Path) -> None:
        self._node = node
        self._pool = pool
        self._invoker = invoker
        self._folder = folder
        self._images: dict[tuple[str, str], ImportedImage] = {}
        self._building = asyncio.Lock()

    async def live(self, case: Case, index: int) -> Trial:
        """One trial of a case, under a run of its own: its Kill log is nobody else's."""
        profile = resolve_profile("guarded", ["collection=quiet", *case.settings])
        image = await self._image(case, profile.snapshotter)
        async with event_log(self._node.client) as events:
            setting = Setting(
                # Only the last eight characters name the container.
                f"{CASES.index(case):04d}{index:04d}" if case in CASES else f"{index:08d}",
                self._node,
                image,
                profile,
                KillLog(),
                self._pool,
                self._invoker,
                events=events,
                nemesis=case.nemesis,
            )
            planned = PlannedTrial(
                index=index,
                function=case.function,
                hold_ms=case.hold_ms,
                invocations=case.invocations,
            )
            return await run_trial(setting, planned)

    async def _image(self, case: Case, snapshotter: str) -> ImportedImage:
        key = (case.function, snapshotter)
        async with self._building:
            if key not in self._images:
                name = case.function
                function = load_function(name if name in builtin_names() else self._written(case))
                built = await asyncio.to_thread(build_image, function)
                self._images[key] = await import_layout(
                    self._node.client, built.layout, name=built.name, snapshotters=[snapshotter]
                )
            return self._images[key]

    def _written(self, case: Case) -> str:
        folder = self._folder / case.function
        folder.mkdir(exist_ok=True)
        (folder / "reqs.txt").touch()
        for name, text in case.sources:
            (folder / name).write_text(text)
        return str(folder)


@asynccontextmanager
async def open_laboratory() -> AsyncIterator[Laboratory]:
    """A laboratory on a quiet private containerd, for the length of a block."""
    with tempfile.TemporaryDirectory(prefix="iluvatar-bench-") as folder:
        async with (
            private_daemon(collector=QUIET_COLLECTOR) as node,
            open_network(NetworkSettings(mode=NetworkMode.LOOPBACK)) as network,
            open_pool(network, size=0) as pool,
            open_invoker(network.book) as invoker,
        ):
            yield Laboratory(node, pool, invoker, Path(folder))
