"""Two profiles in shuffled blocks: the comparison that may be judged.

A block holds equally many trials of both, and the next begins when the last container of the one
before is gone. So what happens inside a block stays in it, and the block is the unit
(``stats.sign_flips``). With the unit ``block`` both live beside each other on one containerd; with
``daemon`` each side of a block has a containerd of its own, one after the other in random order:
only that shows what works through the daemon.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Literal, get_args

import pandas as pd

from iluvatar_bench.bugs import BugClass
from iluvatar_bench.errors import UsageError, meant
from iluvatar_bench.host.host_noise import noise_between, read_noise
from iluvatar_bench.host.process_limits import require_limits
from iluvatar_bench.plans import BlockedPlan, BlockedTrial, PlannedTrial, blocked
from iluvatar_bench.profiles import Profile
from iluvatar_bench.profiles.profile import change_profile
from iluvatar_bench.records import Trial
from iluvatar_bench.records.frames import trials_frame
from iluvatar_bench.records.run_result import RunResult
from iluvatar_bench.runs.execute import execute
from iluvatar_bench.runs.result import open_run
from iluvatar_bench.runs.runner import Sink, Stop, run_trials
from iluvatar_bench.runs.store import RunFolder
from iluvatar_bench.runs.testbed import Testbed, TestbedSettings, open_testbed
from iluvatar_bench.runs.trial import Setting
from iluvatar_bench.stats import NOT_OK, BlockComparison, Verdict, judge_blocks
from iluvatar_bench.studies.ab_result import AbResult, ab_result_of
from iluvatar_bench.studies.root_cause import READY_SECONDS

Unit = Literal["block", "daemon"]

MAX_ROUNDS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class AbQuestion:
    """What is asked, fixed before the first trial.

    ``rounds`` is how many blocks there are at most, ``repeats`` how many trials of each side one
    holds. ``endpoint`` is what is counted: :data:`~iluvatar_bench.stats.NOT_OK` or a bug class.
    ``better_by`` is what ``stop_when_sure`` waits for where it is given; else it waits for any
    difference.

    Raises:
        UsageError: a number or a name is out of its range.
    """

    rounds: int = 20
    repeats: int = 6
    concurrency: int = 6
    unit: Unit = "block"
    endpoint: str = NOT_OK
    alpha: float = 0.05
    stop_when_sure: bool = False
    better_by: float | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.rounds <= MAX_ROUNDS:
            raise UsageError(f"rounds must be between 1 and {MAX_ROUNDS}, not {self.rounds}")
        if self.unit not in get_args(Unit):
            raise UsageError(f"no unit {self.unit!r}; there are: {', '.join(get_args(Unit))}")
        if not 0 < self.alpha < 1:
            raise UsageError(f"alpha must lie between 0 and 1, not {self.alpha}")
        if self.better_by is not None and not 0 <= self.better_by < 1:
            raise UsageError(f"a difference of rates lies in 0 to 1, not {self.better_by}")
        if self.endpoint != NOT_OK and self.endpoint not in set(BugClass):
            known = list(map(str, BugClass))
            raise UsageError(
                f"no bug class {self.endpoint!r}{meant(self.endpoint, known)}; there are: "
                f"{', '.join(known)}"
            )

    def is_answered(self, found: BlockComparison) -> bool:
        """Whether the answer is sure, at any look."""
        if self.better_by is not None:
            return found.is_better_by(self.better_by) or found.low > -self.better_by
        return replace(found, looked=True).verdict is not Verdict.NO_DIFFERENCE_SHOWN


@dataclass(slots=True)
class _Progress:
    """What has been seen so far, and of each block when it ran beside which noise."""

    question: AbQuestion
    sides: tuple[str, str]
    on_round: Callable[[BlockComparison], None] | None
    trials: list[tuple[int, Trial]]
    rounds: list[dict[str, Any]]

    def add(self, block: int, trial: Trial) -> None:
        self.trials.append((block, trial))

    def is_over(self) -> bool:
        """Tell of the round that ended; whether no other is needed."""
        found = self._compared()
        if found is None:
            return False
        if self.on_round is not None:
            self.on_round(found)
        return self.question.stop_when_sure and self.question.is_answered(found)

    def _compared(self) -> BlockComparison | None:
        frame = trials_frame([trial for _, trial in self.trials])
        frame = frame.assign(block=[block for block, _ in self.trials], side=frame["profile"])
        try:
            return judge_blocks(
                frame,
                sides=self.sides,
                repeats=self.question.repeats,
                endpoint=self.question.endpoint,
                alpha=self.question.alpha,
                looked=True,
            )
        except ValueError:
            return None  # not one block was complete


async def run_ab(
    baseline: Profile,
    candidate: Profile,
    *,
    seed: int,
    results: Path,
    question: AbQuestion | None = None,
    function: str = "hello",
    hold_ms: tuple[int, int] = (200, 1500),
    ready_seconds: float = READY_SECONDS,
    address: Path | None = None,
    on_trial: Callable[[Trial], None] | None = None,
    on_round: Callable[[BlockComparison], None] | None = None,
    stop: Stop | None = None,
) -> AbResult:
    """Run both profiles in shuffled blocks, and judge the candidate.

    ``function``, ``address`` and ``ready_seconds`` are those of a
    :class:`~iluvatar_bench.runs.testbed.TestbedSettings`. ``on_round`` is told of every block that
    ended, as it stands then. After ``stop`` is set no trial begins, those in flight are finished,
    and the complete blocks are judged.

    Raises:
        UsageError: a name or number is wrong, or an ``address`` with the unit ``daemon``; nothing
            was started. Or no block was completed.
        EnvironmentProblem: the host lacks something.
    """
    question = question or AbQuestion()
    pair = named_apart(baseline, candidate)
    groups = [pair] if question.unit == "block" else [(side,) for side in pair]
    if question.unit == "daemon" and address is not None:
        raise UsageError("a running containerd is one daemon: --unit daemon starts its own")
    settings = [
        TestbedSettings(
            profiles=group, functions=(function,), address=address, ready_seconds=ready_seconds
        )
        for group in groups
    ]
    (source,) = settings[0].sources
    plan = blocked(
        [side.name for side in pair],
        blocks=question.rounds,
        repeats=question.repeats,
        concurrency=question.concurrency,
        seed=seed,
        function=source.container_name,
        hold_ms=hold_ms,
        apart=question.unit == "daemon",
    )
    require_limits(plan.concurrency)
    folder = RunFolder.create(results, profile_name="ab")
    progress = _Progress(question, (pair[0].name, pair[1].name), on_round, [], [])
    work = _Work(pair, plan, settings, folder, source.name, progress, on_trial, stop)
    try:
        await (work.on_one_daemon() if question.unit == "block" else work.on_many_daemons())
    finally:
        folder.discard_if_empty()
    return open_ab(folder.path, recorded=False)


def open_ab(path: Path, *, recorded: bool = True) -> AbResult:
    """The comparison from its folder, judged anew.

    Raises:
        UsageError: it is no such folder, or holds no complete block.
    """
    return ab_result_of(replace(open_run(path), recorded=recorded))


def named_apart(baseline: Profile, candidate: Profile) -> tuple[Profile, Profile]:
    """The two profiles, with names that differ."""
    if baseline.name != candidate.name:
        return baseline, candidate
    names = [f"{side.name} ({letter})" for side, letter in ((baseline, "A"), (candidate, "B"))]
    return change_profile(baseline, {}, name=names[0]), change_profile(candidate, {}, name=names[1])


@dataclass(slots=True)
class _Work:
    """Runs the blocks of one comparison."""

    pair: tuple[Profile, Profile]
    plan: BlockedPlan
    settings: Sequence[TestbedSettings]
    folder: RunFolder
    function: str
    progress: _Progress
    on_trial: Callable[[Trial], None] | None
    stop: Stop | None

    async def on_one_daemon(self) -> RunResult:
        async with open_testbed(self.settings[0], self.folder) as testbed:
            settings = [self._setting(testbed, side) for side in (0, 1)]

            async def workload(sinks: tuple[Sink, ...]) -> None:
                for block, trials in _blocks(self.plan):
                    await self._block(block, trials, settings, sinks)
                    if self._is_stopped(testbed) or self.progress.is_over():
                        return

            return await execute(
                testbed,
                self.folder,
                workload,
                manifest=self._manifest(),
                on_trial=self.on_trial,
                stop=self.stop,
            )

    async def on_many_daemons(self) -> None:
        """Each side of a block is a session of the run, as if it had been resumed."""
        began = {"started_at": datetime.now(UTC).isoformat()}
        noise = read_noise()
        session = itertools.count(1)
        for block, trials in _blocks(self.plan):
            for side, group in itertools.groupby(trials, key=lambda trial: trial.cell):
                half = list(group)
                folder = RunFolder(self.folder.path, session=next(session))
                async with open_testbed(self.settings[side], folder) as opened:
                    # What the daemon before has left in the load average is not other people's.
                    testbed = replace(opened, noise=noise)
                    settings = {side: self._setting(testbed, side)}
                    await execute(
                        testbed,
                        folder,
                        partial(self._block, block, half, settings),
                        manifest={**self._manifest(), **began},
                        on_trial=self.on_trial,
                        stop=self.stop,
                    )
                    stopped = self._is_stopped(testbed)
                _keep_log(folder)
                if stopped:
                    return
            if self.progress.is_over():
                return

    async def _block(
        self,
        block: int,
        trials: Sequence[BlockedTrial],
        settings: Sequence[Setting] | Mapping[int, Setting],
        sinks: tuple[Sink, ...],
    ) -> None:
        """One block, or a side of one, from its first container to the end of its last."""
        before = read_noise()
        planned: Iterator[tuple[Setting, PlannedTrial]] = (
            (settings[trial.cell], trial.planned) for trial in trials
        )
        await run_trials(
            planned,
            concurrency=self.plan.concurrency,
            sinks=(*sinks, lambda trial: self.progress.add(block, trial)),
            stop=self.stop,
        )
        after = read_noise()
        seconds = after.at - before.at
        self.progress.rounds.append(
            {
                "block": block,
                "seconds": seconds,
                "load": before.load,
                **noise_between(before, after),
            }
        )
        self.folder.write_csv("rounds", pd.DataFrame(self.progress.rounds))

    def _setting(self, testbed: Testbed, side: int) -> Setting:
        """The side's setting, on a part of the node that is its own.

        Profiles with the same factors would share a cgroup, and a Kill of one side would be a
        failure of the other.
        """
        setting = testbed.setting(self.pair[side], self.plan.trials[0].planned.function)
        if self.pair[0].factors != self.pair[1].factors:
            return setting
        parent = f"{setting.node.cgroup_parent}/{'ab'[side]}"
        return replace(setting, node=replace(setting.node, cgroup_parent=parent))

    def _is_stopped(self, testbed: Testbed) -> bool:
        return testbed.daemon.lost or (self.stop is not None and self.stop.is_set())

    def _manifest(self) -> dict[str, Any]:
        baseline, candidate = self.pair
        differing = [
            name for name, level in baseline.factors.items() if candidate.factors[name] != level
        ]
        return {
            "profile": {**baseline.model_dump(), "name": "ab"},
            "function": self.function,
            "ab": {
                **asdict(self.progress.question),
                "baseline": baseline.model_dump(),
                "candidate": candidate.model_dump(),
                "differing": differing,
            },
            "plan": self.plan.as_json(),
        }


def _blocks(plan: BlockedPlan) -> Iterator[tuple[int, list[BlockedTrial]]]:
    for block, trials in itertools.groupby(plan.trials, key=lambda trial: trial.block):
        yield block, list(trials)


def _keep_log(folder: RunFolder) -> None:
    """Each daemon's log under a name of its own."""
    log = folder.path / "containerd.log"
    if log.exists():
        log.rename(folder.path / f"containerd-{folder.session:04d}.log")
