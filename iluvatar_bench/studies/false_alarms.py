"""A profile against itself, many times: how often `ab` alarms though there is nothing to find."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from iluvatar_bench.errors import UsageError
from iluvatar_bench.profiles import Profile
from iluvatar_bench.runs.runner import Stop
from iluvatar_bench.stats import Rate, Verdict, rate
from iluvatar_bench.studies.ab import AbQuestion, run_ab
from iluvatar_bench.studies.ab_result import AbResult
from iluvatar_bench.studies.root_cause import READY_SECONDS

MAX_COMPARISONS = 1000


@dataclass(frozen=True, slots=True)
class FalseAlarms:
    """One row a comparison: its counts, its p, its evidence, and whether either alarmed."""

    table: pd.DataFrame
    alpha: float

    @property
    def by_p(self) -> Rate:
        """How often the exact test alarmed, with Clopper and Pearson's interval."""
        return self._rate("alarm_by_p")

    @property
    def by_evidence(self) -> Rate:
        """How often the evidence alarmed at any of the looks, one after each block."""
        return self._rate("alarm_at_any_look")

    @property
    def by_class(self) -> Rate:
        """How often any bug class differed, by the exact test corrected by Holm."""
        return self._rate("alarm_by_class")

    @property
    def sentence(self) -> str:
        """The three counts."""
        told = [
            f"{what} {found.count} of {found.total} "
            f"[{100 * found.low:.1f}–{100 * found.high:.0f} %]"
            for what, found in (
                ("by the exact test", self.by_p),
                ("at any look", self.by_evidence),
                ("in any class", self.by_class),
            )
        ]
        return f"false alarms at {self.alpha:g}: {', '.join(told)}"

    def _rate(self, column: str) -> Rate:
        return rate(int(self.table[column].sum()), len(self.table), method="clopper_pearson")


async def measure_false_alarms(
    profile: Profile,
    *,
    comparisons: int,
    seed: int,
    results: Path,
    question: AbQuestion | None = None,
    hold_ms: tuple[int, int] = (100, 600),
    ready_seconds: float = READY_SECONDS,
    on_comparison: Callable[[FalseAlarms], None] | None = None,
    stop: Stop | None = None,
) -> FalseAlarms:
    """Compare the profile with itself, one comparison after the other, each on its own containerd.

    ``on_comparison`` is told of all that are over, after each. After ``stop`` is set no other is
    begun, and the one under way does not count.

    Raises:
        UsageError: a number is out of its range; or it was stopped before one was over.
        EnvironmentProblem: the host lacks something.
    """
    if not 1 <= comparisons <= MAX_COMPARISONS:
        raise UsageError(f"comparisons must be between 1 and {MAX_COMPARISONS}, not {comparisons}")
    question = question or AbQuestion(rounds=6, repeats=3)
    rows: list[dict[str, Any]] = []
    for number in range(comparisons):
        found = await run_ab(
            profile,
            profile,
            seed=seed + number,
            results=results,
            question=question,
            hold_ms=hold_ms,
            ready_seconds=ready_seconds,
            stop=stop,
        )
        if stop is not None and stop.is_set():
            break
        rows.append(_row(number, seed + number, found))
        if on_comparison is not None:
            on_comparison(FalseAlarms(pd.DataFrame(rows), question.alpha))
    if not rows:
        raise UsageError("no comparison was over when it was stopped")
    return FalseAlarms(pd.DataFrame(rows), question.alpha)


def _row(number: int, seed: int, found: AbResult) -> dict[str, Any]:
    compared = found.compared
    looked = replace(compared, looked=True)
    return {
        "comparison": number,
        "seed": seed,
        "started_at": found.run.manifest["started_at"],
        "load_before": found.run.manifest["noise"]["before"]["load"],
        "seconds": round(float(found.rounds["seconds"].sum()), 1),
        "blocks": compared.blocks,
        "trials_a_side": compared.blocks * compared.repeats,
        "not_ok_a": compared.baseline_count,
        "not_ok_b": compared.candidate_count,
        "p_value": compared.p_value,
        "evidence": max(compared.worse, compared.better),
        "smallest_class_p": found.classes["p_holm"].min(),
        "alarm_by_p": compared.verdict is not Verdict.NO_DIFFERENCE_SHOWN,
        "alarm_at_any_look": looked.verdict is not Verdict.NO_DIFFERENCE_SHOWN,
        "alarm_by_class": bool((found.classes["p_holm"] <= compared.alpha).any()),
    }
