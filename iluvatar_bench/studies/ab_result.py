"""What a comparison in blocks has shown: verdict, size, power, noise, and what it cannot show."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from iluvatar_bench.count_words import count_of
from iluvatar_bench.errors import UsageError
from iluvatar_bench.records.run_result import RunResult
from iluvatar_bench.records.run_status import RunStatus
from iluvatar_bench.stats import (
    NOT_OK,
    BlockComparison,
    Verdict,
    block_classes,
    block_differences,
    blocks_to_see,
    judge_blocks,
    visible_difference,
)
from iluvatar_bench.stats.number_text import signed, signed_range
from iluvatar_bench.stats.text_tables import difference_card

POWER = 0.9

THROUGH_THE_DAEMON = (
    "snapshot_reference",
    "removal",
    "snapshotter",
    "start_delay_ms",
    "memory_limit_mib",
    "cpus",
)
"""Factors that change what the daemon is asked for, or how long it and the host are busy: when it
collects, and how wide every window is. On a shared daemon both sides feel that alike."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AbResult:
    """The run and what it says of the candidate.

    ``classes`` has the columns of ``stats.block_classes``; ``differences`` the candidate's rate
    less the baseline's in each complete block; ``rounds`` a row a block (with the unit ``daemon`` a
    row a side of one): its seconds, and what the host did meanwhile.
    """

    run: RunResult
    names: tuple[str, str]
    compared: BlockComparison
    classes: pd.DataFrame
    differences: np.ndarray[Any, np.dtype[np.float64]]
    rounds: pd.DataFrame
    unit: str
    differing: tuple[str, ...]
    better_by: float | None

    @property
    def sentence(self) -> str:
        """The verdict as a sentence."""
        found, (baseline, candidate) = self.compared, self.names
        trials = found.blocks * found.repeats
        low, high = 100 * found.low, 100 * found.high
        what = "not ok" if found.endpoint == NOT_OK else found.endpoint
        size = (
            f"{what} {found.candidate_count}/{trials} against {found.baseline_count}/{trials} in "
            f"{count_of(found.blocks, 'round')}, difference {signed(100 * found.difference)} "
            f"points [{signed_range(low, high)} at any look]; {self._error}"
        )
        if found.verdict is Verdict.NO_DIFFERENCE_SHOWN:
            return f"no difference shown between {baseline} and {candidate}: {size}"
        return f"{candidate} is {found.verdict} than {baseline}: {size}"

    @property
    def _error(self) -> str:
        found = self.compared
        if found.looked:
            largest = max(found.worse, found.better)
            return f"evidence {largest:.3g}, needed {2 / found.alpha:g}"
        return f"exact p = {found.p_value:.2g}"

    @property
    def is_better_by(self) -> bool | None:
        """Whether the candidate is shown to be better by what was asked; None: not asked."""
        return None if self.better_by is None else self.compared.is_better_by(self.better_by)

    @property
    def round_seconds(self) -> float:
        """How long a round takes, with whatever stands between two of them."""
        return float(self.rounds.groupby("block")["seconds"].sum().mean())

    @property
    def power(self) -> str:
        """What rounds like these can show, and what a smaller difference would take."""
        repeats, alpha = self.compared.repeats, self.compared.alpha
        visible = visible_difference(self.differences, repeats=repeats, power=POWER, alpha=alpha)
        minutes = self.compared.blocks * self.round_seconds / 60
        some = f"{self.compared.blocks} such rounds ({minutes:.1f} minutes)"
        told = (
            f"{some} show no difference with {100 * POWER:.0f} %: they are too few"
            if math.isinf(visible)
            else f"{some} show a difference of {100 * visible:.0f} points with {100 * POWER:.0f} %"
        )
        if len(self.differences) < 2:
            return told
        smaller = 0.1 if math.isinf(visible) or visible > 0.1 else visible / 2
        rounds = blocks_to_see(self.differences, smaller, repeats=repeats, power=POWER, alpha=alpha)
        needed = rounds * self.round_seconds / 60
        return f"{told}; {100 * smaller:.2g} points take {rounds} ({needed:.0f} minutes)"

    @property
    def limits(self) -> str:
        """Which of the differing factors a shared daemon cannot show in full; empty if none."""
        through = [name for name in THROUGH_THE_DAEMON if name in self.differing]
        if self.unit != "block" or not through:
            return ""
        return (
            f"what {', '.join(through)} does through the daemon (its collections, its load) "
            "reached both sides alike: --unit daemon shows it"
        )

    @property
    def noise(self) -> str:
        """What the host's other work did to the rounds; empty where too little is known."""
        if "stalled_cpu" not in self.rounds or len(self.differences) < 4:
            return ""
        stalled = self.rounds.groupby("block")["stalled_cpu"].mean()
        complete = stalled.index[: len(self.differences)]
        noisy = (stalled.loc[complete] > stalled.loc[complete].median()).to_numpy()
        if not noisy.any():
            return ""
        halves = []
        for name, chosen in (("quieter", ~noisy), ("busier", noisy)):
            mean = 100 * float(self.differences[chosen].mean())
            share = 100 * float(stalled.loc[complete][chosen].mean())
            halves.append(
                f"{signed(mean)} points in the {name} rounds (CPU waited for {share:.0f} %)"
            )
        return f"noise: {', '.join(halves)}"

    @property
    def notes(self) -> tuple[str, ...]:
        """What to know beside the verdict, one text each."""
        told = (f"power: {self.power}", self.limits, self.noise, *self.run.remarks)
        return tuple(filter(None, told))

    def _repr_html_(self) -> str:
        """For notebooks: the verdict, the classes side by side, what to know beside it."""
        return difference_card(self.sentence, self.classes, names=self.names, notes=self.notes)

    def as_json(self) -> dict[str, Any]:
        """JSON-ready values; what is not a number (NaN) is None."""
        rows = self.classes.astype(object).mask(self.classes.isna(), other=None)
        return {
            "run": str(self.run.folder),
            "baseline": self.names[0],
            "candidate": self.names[1],
            "unit": self.unit,
            **self.compared.as_json(),
            "better_by": self.better_by,
            "is_better_by": self.is_better_by,
            "round_seconds": self.round_seconds,
            "notes": list(self.notes),
            "classes": rows.to_dict(orient="records"),
        }


def ab_result_of(run: RunResult) -> AbResult:
    """The verdict on a finished comparison.

    Raises:
        UsageError: the run is no such comparison, or holds no complete block.
    """
    asked = run.manifest.get("ab")
    if asked is None:
        raise UsageError(
            f"{run.folder} holds no comparison in blocks, as `iluvatar-bench ab` makes them; to "
            "compare runs, name two"
        )
    blocks = {row["index"]: row["block"] for row in run.manifest["plan"]["trials"]}
    trials = run.trials.assign(block=run.trials["trial"].map(blocks), side=run.trials["profile"])
    names = (asked["baseline"]["name"], asked["candidate"]["name"])
    # A run that somebody ended early has no number of rounds that was fixed beforehand.
    looked = asked["stop_when_sure"] or run.manifest["status"] != RunStatus.FINISHED
    repeats, endpoint, alpha = asked["repeats"], asked["endpoint"], asked["alpha"]
    try:
        compared = judge_blocks(
            trials, sides=names, repeats=repeats, endpoint=endpoint, alpha=alpha, looked=looked
        )
    except ValueError as error:
        why = run.caveat or "it has finished without one"
        raise UsageError(f"{run.folder} cannot be judged: {error} ({why})") from error
    return AbResult(
        run=run,
        names=names,
        compared=compared,
        classes=block_classes(trials, sides=names, repeats=repeats, alpha=alpha, looked=looked),
        differences=block_differences(trials, sides=names, repeats=repeats, endpoint=endpoint),
        rounds=pd.read_csv(run.folder / "rounds.csv"),
        unit=asked["unit"],
        differing=tuple(asked["differing"]),
        better_by=asked["better_by"],
    )
