"""The root-cause experiment: every combination of some factors, side by side on one containerd.

Cells run interleaved in shuffled blocks (``plans.blocked``), so drift of the host or the daemon
hits all of them alike. Each cell with a shared cgroup has a cgroup of its own, shared by the
containers of that cell only; a Kill(all) of one cell cannot reach another's.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from iluvatar_bench.bugs import CLASSES_OF_2022
from iluvatar_bench.errors import UsageError
from iluvatar_bench.plans import BlockedPlan, PlannedTrial, blocked
from iluvatar_bench.profiles.design import Design
from iluvatar_bench.records import Trial
from iluvatar_bench.records.html_card import html_card
from iluvatar_bench.records.run_result import RunResult
from iluvatar_bench.records.trial_table import TrialTable
from iluvatar_bench.runs.execute import execute
from iluvatar_bench.runs.live_steps import OnStep
from iluvatar_bench.runs.result import open_run
from iluvatar_bench.runs.runner import Sink, Stop, run_trials
from iluvatar_bench.runs.store import RunFolder
from iluvatar_bench.runs.testbed import Testbed, TestbedSettings, open_testbed
from iluvatar_bench.runs.trial import Setting
from iluvatar_bench.stats import ClassVerdict, class_effects, class_verdicts
from iluvatar_bench.stats.failure_events import event_key
from iluvatar_bench.studies.cell_allocation import (
    REPEATS,
    NextBlock,
    Precision,
    Tally,
    next_block,
)

READY_SECONDS = 60.0
"""A start-up that is merely slow must not pass for a silent one: on a host with other work to do,
eight Pythons that start at once were seen to need more than 20 s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RootCause:
    """The experiment's run and what it says.

    ``cells`` has the rows of ``stats.failure_rates``, one profile a cell; ``effects`` those of
    ``stats.class_effects``; ``verdicts`` one verdict a class.
    """

    run: RunResult
    design: Design
    effects: pd.DataFrame
    verdicts: tuple[ClassVerdict, ...]
    alpha: float

    @property
    def cells(self) -> pd.DataFrame:
        """The failure rates by cell."""
        return self.run.rates

    @property
    def reading(self) -> str:
        """How the rates of the cells are to be read."""
        least = self.run.manifest["precision"].get("min_failures", 0)
        stopped = (
            f"the run went on until each class had come {least} times, which makes rates up to "
            f"1/{least} too high; "
            if least
            else ""
        )
        return f"{stopped}intervals of rates and effects take trials as independent"

    @property
    def caveat(self) -> str:
        """What weakens the verdicts; empty mostly."""
        return self.run.caveat and f"{self.run.caveat}: the verdicts rest on what there is"

    def _repr_html_(self) -> str:
        """For notebooks: the verdicts, how to read them, and the rates of the cells."""
        size = f"{len(self.run.trials)} trials in {len(self.design.cells)} cells"
        verdicts = html_card(
            f"root cause: {', '.join(self.design.levels)}, {size}",
            lines=[verdict.sentence for verdict in self.verdicts],
            notes=filter(None, (self.caveat, self.reading)),
        )
        return verdicts + self.run._repr_html_()

    def as_json(self) -> dict[str, Any]:
        """JSON-ready values; what is not a number (NaN) is None."""
        rows = self.effects.astype(object).mask(self.effects.isna(), other=None)
        return {
            "run": str(self.run.folder),
            "alpha": self.alpha,
            "caveat": self.caveat,
            "findings": [
                {**asdict(f), "mechanisms": dict(f.mechanisms), "sentence": f.sentence}
                for f in self.verdicts
            ],
            "effects": rows.to_dict(orient="records"),
        }


async def run_root_cause(
    design: Design,
    *,
    seed: int,
    results: Path,
    concurrency: int = 8,
    precision: Precision | None = None,
    function: str = "hello",
    hold_ms: tuple[int, int] = (200, 1500),
    ready_seconds: float = READY_SECONDS,
    alpha: float = 0.05,
    address: Path | None = None,
    on_trial: Callable[[Trial], None] | None = None,
    on_step: OnStep | None = None,
    stop: Stop | None = None,
) -> RootCause:
    """Run the cells of the design side by side until rates and bounds are precise, and judge.

    Once all rates are, blocks hold only the cells that a class still needs which has come too
    rarely (``cell_allocation``).

    ``alpha`` is the accepted chance of any false alarm among all verdicts. ``function``,
    ``address`` and ``ready_seconds`` are those of a
    :class:`~iluvatar_bench.runs.testbed.TestbedSettings`. ``on_trial`` is called as each trial
    ends, ``on_step`` as a container begins each step. After ``stop`` is set no trial begins, those
    in flight are finished, and the verdicts rest on them.

    Raises:
        UsageError: a name or number is wrong; nothing was started.
        EnvironmentProblem: the host lacks something.
    """
    _check_alpha(alpha)
    precision = precision or Precision()
    settings = TestbedSettings(
        profiles=design.cells, functions=(function,), address=address, ready_seconds=ready_seconds
    )
    (source,) = settings.sources
    plan = blocked(
        [cell.name for cell in design.cells],
        blocks=-(-precision.max_trials // REPEATS),
        repeats=REPEATS,
        concurrency=concurrency,
        seed=seed,
        function=source.container_name,
        hold_ms=hold_ms,
    )
    folder = RunFolder.create(results, profile_name="root-cause")
    try:
        async with open_testbed(settings, folder) as testbed:
            run = await execute(
                testbed,
                folder,
                _workload(testbed, design, plan, precision, stop, on_step),
                manifest={
                    "profile": {**design.base.model_dump(), "name": "root-cause"},
                    "function": source.name,
                    "design": design.as_json(),
                    "precision": asdict(precision),
                    "plan": plan.as_json(),
                },
                on_trial=on_trial,
                stop=stop,
            )
    finally:
        folder.discard_if_empty()
    found = root_cause_of(run, alpha=alpha)
    found.effects.to_csv(run.folder / "effects.csv", index=False)
    return found


def open_root_cause(folder: Path, *, alpha: float = 0.05) -> RootCause:
    """The experiment from its folder, judged anew.

    Raises:
        UsageError: it is no such folder, or alpha is not in (0, 1).
    """
    _check_alpha(alpha)
    return root_cause_of(open_run(folder), alpha=alpha)


def root_cause_of(run: RunResult, *, alpha: float) -> RootCause:
    """Effects and verdicts of a finished experiment.

    Raises:
        UsageError: the run is no root-cause experiment.
    """
    if "design" not in run.manifest:
        raise UsageError(f"{run.folder} holds no root-cause experiment")
    chosen = Design.from_json(run.manifest["design"])
    trials = run.trials_in_blocks
    effects = class_effects(trials, factors=chosen.levels, blocks=("block",), alpha=alpha)
    return RootCause(
        run=replace(run, table=TrialTable.of(trials)),
        design=chosen,
        effects=effects,
        verdicts=class_verdicts(trials, effects, classes=CLASSES_OF_2022, alpha=alpha),
        alpha=alpha,
    )


def _workload(
    testbed: Testbed,
    design: Design,
    plan: BlockedPlan,
    precision: Precision,
    stop: Stop | None,
    on_step: OnStep | None,
) -> Callable[[tuple[Sink, ...]], Any]:
    function = plan.trials[0].planned.function
    settings = [testbed.setting(cell, function, on_step=on_step) for cell in design.cells]
    tally = Tally(precision)
    blocks: dict[int, NextBlock] = {}
    places = {one.planned.index: one for one in plan.trials}

    def count(trial: Trial) -> None:
        place = places[trial.trial]
        tally.add(
            trial.profile,
            trial.bug_class,
            event_key(trial.mechanism, trial.evidence),
            seconds=(trial.total_ms or 0.0) / 1000,
            watched=blocks[place.block].watches(trial.bug_class, place.cell),
        )

    async def run(sinks: tuple[Sink, ...]) -> None:
        await run_trials(
            _interleaved(plan, settings, tally, blocks),
            concurrency=plan.concurrency,
            sinks=(*sinks, count),
            stop=stop,
        )

    return run


def _interleaved(
    plan: BlockedPlan, settings: Sequence[Setting], tally: Tally, blocks: dict[int, NextBlock]
) -> Iterator[tuple[Setting, PlannedTrial]]:
    """The trials in their order; a block leaves out the cells that nobody needs any more.

    Notes in ``blocks`` what each block was for.
    """
    cells = [setting.profile for setting in settings]
    for number, block in itertools.groupby(plan.trials, key=lambda trial: trial.block):
        blocks[number] = chosen = next_block(cells, tally)
        if not chosen.cells:
            return
        for trial in block:
            if trial.cell in chosen.cells:
                yield settings[trial.cell], trial.planned


def _check_alpha(alpha: float) -> None:
    if not 0 < alpha < 1:
        raise UsageError(f"alpha must lie between 0 and 1, not {alpha}")
