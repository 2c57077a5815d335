"""Two observations against each other, such as before and after a change of the worker. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

import pandas as pd

from iluvatar_bench.errors import UsageError
from iluvatar_bench.records import Outcome
from iluvatar_bench.records.run_result import RunResult
from iluvatar_bench.records.run_status import OBSERVED
from iluvatar_bench.stats.block_comparison import BLOCK, compare_blocks, overall_verdict
from iluvatar_bench.stats.comparison import Verdict
from iluvatar_bench.stats.group_power import group_power
from iluvatar_bench.stats.run_comparison import RunComparison, mismatches_of, remarks_on

FEWEST_BLOCKS = 4
"""With fewer on a side no difference can be shown at 0.05, whatever happened."""


class Blocks(StrEnum):
    """What is taken as independent: all trials that began in the same stretch are one block."""

    DAY = "day"
    HOUR = "hour"

    @property
    def frequency(self) -> str:
        """The stretch as pandas calls it; both are UTC's."""
        return {"day": "D", "hour": "h"}[self]


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedSide:
    """One observation, or a client's part of it, with the blocks of its trials."""

    run: RunResult
    trials: pd.DataFrame

    @property
    def blocks(self) -> int:
        """How many blocks it has."""
        return int(self.trials[BLOCK].nunique())

    @property
    def rates(self) -> list[float]:
        """The share of trials that failed, in each block."""
        failed = self.trials["outcome"] == Outcome.FAILED
        return [float(rate) for rate in failed.groupby(self.trials[BLOCK]).mean()]

    @property
    def smallest(self) -> int:
        """How many trials its smallest block has."""
        return int(self.trials[BLOCK].value_counts().min())


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedComparison(RunComparison):
    """Two observations; the verdict is that of the table, whose rows are judged by blocks.

    ``sides`` are their trials with the blocks, and ``unit`` what a block is.
    """

    sides: tuple[ObservedSide, ObservedSide]
    unit: Blocks

    @property
    def verdict(self) -> Verdict:
        """Of the whole table (:func:`overall_verdict`)."""
        return overall_verdict(self.table)

    @property
    def sentence(self) -> str:
        """The verdict as a sentence."""
        baseline, candidate = self.names
        if self.verdict is Verdict.NO_DIFFERENCE_SHOWN:
            return f"no difference shown between {baseline} and {candidate} ({self._seen})"
        return f"{candidate} is {self.verdict} than {baseline}"

    @property
    def _seen(self) -> str:
        """What these blocks could have shown of all failures, and how many more would do.

        Holm leaves the row of all failures its share of alpha: what came is what was asked.
        """
        asked = max(1, int(self.table["p_holm"].notna().sum()))
        return group_power(
            *(side.rates for side in self.sides),
            trials=min(side.smallest for side in self.sides),
            alpha=self.alpha / asked,
            what=str(self.unit),
        )


def compare_observed(
    baseline: RunResult,
    candidate: RunResult,
    *,
    blocks: Blocks = Blocks.DAY,
    clients: Iterable[str] = (),
    alpha: float = 0.05,
    force: bool = False,
) -> ObservedComparison:
    """What the candidate's containers show beside the baseline's, with blocks of time as units.

    Args:
        baseline: the observation to measure against.
        candidate: the one in question: a positive difference means that it fails more often.
        blocks: what is independent. Hours of one day are alike as well: days are the safer choice.
        clients: of these clients only; empty: of all.
        alpha: the probability of any false alarm that is accepted.
        force: compare observations of different hosts or schemas anyway.

    Raises:
        UsageError: alpha is not in (0, 1), one is no observation, or holds no container of the
            clients, or the hosts differ and ``force`` is not set.
    """
    if not 0 < alpha < 1:
        raise UsageError(f"alpha must lie between 0 and 1, not {alpha}")
    sides = [_side(run, blocks, tuple(clients)) for run in (baseline, candidate)]
    mismatches = mismatches_of(baseline.manifest, candidate.manifest)
    if mismatches and not force:
        raise UsageError(
            f"these observations cannot be compared: {'; '.join(mismatches)} "
            "(--force, or force=True, compares them anyway)"
        )
    table = compare_blocks(*(side.trials for side in sides), alpha=alpha)
    return ObservedComparison(
        baselines=(baseline,),
        candidates=(candidate,),
        table=table,
        judged=None,
        unjudged="",
        alpha=alpha,
        mismatches=mismatches,
        remarks=(*remarks_on(baseline, candidate), _units(sides, blocks)),
        sides=(sides[0], sides[1]),
        unit=blocks,
    )


def _side(run: RunResult, blocks: Blocks, clients: tuple[str, ...]) -> ObservedSide:
    if run.workload != OBSERVED:
        raise UsageError(f"{run.folder.name} is no observation: compare it without blocks")
    run.require_trials()
    trials = run.trials
    if clients:
        trials = trials[trials["client"].isin(clients)]
        if trials.empty:
            there = ", ".join(sorted(map(str, run.trials["client"].unique())))
            raise UsageError(
                f"{run.folder.name} has no container of {', '.join(clients)}; its clients: {there}"
            )
    begun = trials["submitted_at"].dt.floor(blocks.frequency)
    return ObservedSide(run=run, trials=trials.assign(**{BLOCK: begun}))


def _units(sides: Iterable[ObservedSide], blocks: Blocks) -> str:
    counts = [side.blocks for side in sides]
    told = (
        f"intervals and p are by {blocks}s ({counts[0]} beside {counts[1]}): what else changed "
        "between the two stretches is a difference too"
    )
    if min(counts) < FEWEST_BLOCKS:
        told += f"; with fewer than {FEWEST_BLOCKS} on a side no difference can be shown"
    return told
