"""From effects to a verdict: which factor causes which bug class.

Classes mask each other: a container that cannot be mounted cannot die later. So a class is counted
among the trials that *entered* the step in which it can come (:func:`at_risk`), and never on
condition of what happened inside that step: two classes that compete within one step (a Kill and a
missing module during start-up) can therefore only make each other look rarer, never more frequent.
Who enters a step is decided after randomisation, so these counts and their p *describe*. What the
word "caused" rests on is the bound of the share removed, over all trials as they were randomised.
"""

from __future__ import annotations

import json
import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from iluvatar_bench.bugs.taxonomy import BugClass, Mechanism
from iluvatar_bench.records import Outcome
from iluvatar_bench.records.html_card import html_card
from iluvatar_bench.stats._checks import require_columns
from iluvatar_bench.stats.accounting import check_accounting
from iluvatar_bench.stats.effects import (
    EFFECT_COLUMNS,
    EffectVerdict,
    effect_verdict,
    factor_effects,
)
from iluvatar_bench.stats.failure_events import event_key
from iluvatar_bench.stats.multiplicity import holm
from iluvatar_bench.stats.rates import zero_failure_upper_bound
from iluvatar_bench.stats.removed_share import (
    events_to_see,
    removed_share_bound,
    visible_share,
)

ENTERED_BY: Mapping[BugClass, str] = {
    BugClass.MISSING_PACKAGES: "task_create_ms",
    BugClass.SILENT_STARTUP: "task_create_ms",
    BugClass.STARTUP_ERROR: "task_create_ms",
    BugClass.PROCESS_DIED: "ready_ms",
    BugClass.INVOKE_FAILED: "ready_ms",
}
"""The step that a trial must have behind it before the class can come; others can come at once."""

CAUSED_SHARE = 0.9
"""A factor *causes* a class if its reference level is shown to take away this share of the rate.

Shown is the one-sided lower bound at 95 % (:func:`removed_share_bound`): 32 events against none.
Less than that is a contribution: the class may come without the factor too.
"""


def at_risk(trials: pd.DataFrame, bug_class: BugClass) -> pd.DataFrame:
    """The trials in which the class could come: those that entered its step.

    Args:
        trials: one row a trial, with ``bug_class`` and a column a step (NaN: not reached).

    Raises:
        ValueError: a column is missing.
    """
    column = ENTERED_BY.get(bug_class)
    if column is None:
        return trials
    require_columns(trials, (column, "bug_class"))
    return trials[trials[column].notna() | (trials["bug_class"] == bug_class)]


def class_effects(
    trials: pd.DataFrame,
    *,
    factors: Mapping[str, tuple[str | int, str | int]],
    blocks: Sequence[str] = (),
    alpha: float = 0.05,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """The effect of each factor on each class that came, among the trials at risk of it.

    The rows and arguments are those of :func:`factor_effects`, counts are of containers. p is of
    events: of the containers that one Kill took the first counts as failed and the others as not,
    for they are no independent trials (``evidence`` says who belongs together; without it each is
    an event). Holm's correction runs over all rows together. Empty, with its columns, where nothing
    failed.

    Raises:
        ValueError: as :func:`factor_effects`.
    """
    check_accounting(trials)
    tables = [
        _class_effects(
            at_risk(trials, name), name, factors=factors, blocks=blocks, confidence=confidence
        )
        for name in _classes_that_came(trials)
    ]
    if not tables:
        return pd.DataFrame(columns=list(EFFECT_COLUMNS))
    # Each table is corrected for one class alone: corrected anew over all of them.
    table = pd.concat(tables, ignore_index=True)
    happened = (table["reference_count"] + table["level_count"]) > 0
    table["p_holm"] = holm(table["p_value"].where(happened, np.nan).to_numpy())
    table["verdict"] = [
        str(effect_verdict(p, difference, alpha))
        for p, difference in zip(table["p_holm"], table["difference"], strict=True)
    ]
    return table


def _class_effects(
    trials: pd.DataFrame,
    name: BugClass,
    *,
    factors: Mapping[str, tuple[str | int, str | int]],
    blocks: Sequence[str],
    confidence: float,
) -> pd.DataFrame:
    def table_of(counted: pd.DataFrame) -> pd.DataFrame:
        return factor_effects(
            counted, factors=factors, blocks=blocks, classes=(name,), confidence=confidence
        )

    table = table_of(trials)
    again = _taken_by_the_same(trials, name)
    if not again.any():
        return table
    once = trials.copy()
    once.loc[again, "outcome"] = str(Outcome.OK)
    once.loc[again, "bug_class"] = None
    return table.assign(p_value=table_of(once)["p_value"])


def _taken_by_the_same(trials: pd.DataFrame, name: BugClass) -> pd.Series[bool]:
    """Whether a failure of the class is of an event that took another one before it."""
    keys = _event_keys(trials, name)
    again = keys.notna() & keys.duplicated()
    return again.reindex(trials.index, fill_value=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """One factor whose suspect level raises a class. Counts are over the trials at risk.

    ``removed_at_least`` is the lower bound of the share of the rate that goes away with the
    reference level, over all trials as randomised; ``events`` and ``reference_events`` are what it
    is computed from: containers that one Kill took count once.
    """

    factor: str
    level: str
    reference: str
    level_count: int
    level_trials: int
    reference_count: int
    reference_trials: int
    p_holm: float
    events: int
    reference_events: int
    removed_at_least: float

    @property
    def share_removed(self) -> float:
        """Which share of the rate at risk went away with the reference level: a point."""
        level = self.level_count / self.level_trials
        return 1 - (self.reference_count / self.reference_trials) / level

    def __str__(self) -> str:
        p = f"{self.p_holm:.3f}" if self.p_holm >= 0.001 else f"{self.p_holm:.0e}"
        return (
            f"{self.factor}={self.level} ({self.level_count}/{self.level_trials} against "
            f"{self.reference_count}/{self.reference_trials} with {self.reference}; p = {p}; "
            f"{self.reference} removes at least {_floored(self.removed_at_least)} %: "
            f"{self.events} events against {self.reference_events})"
        )


def _floored(share: float) -> int:
    """Per cent, never rounded up; a bound below 0 says nothing."""
    return math.floor(100 * max(0.0, share))


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassVerdict:
    """The verdict on one bug class.

    ``causes`` are shown to take away nearly all of it (:data:`CAUSED_SHARE`), ``contributions`` are
    shown to raise it; ``mechanisms`` counts the mechanisms found in the evidence of its failures.
    ``events`` is how many events took them, ``asked`` at which alpha each question was asked.
    """

    bug_class: BugClass
    count: int
    trials_at_risk: int
    causes: tuple[Cause, ...]
    contributions: tuple[Cause, ...]
    mechanisms: Mapping[str, int]
    events: int
    asked: float

    @property
    def sentence(self) -> str:
        """The verdict in plain words."""
        if self.count == 0:
            bound = 100 * zero_failure_upper_bound(self.trials_at_risk)
            return f"{self.bug_class} never came in {self.trials_at_risk} trials (< {bound:.1f} %)"
        found = ", ".join(
            f"{name} in {n} of {self.count} failures" for name, n in self.mechanisms.items()
        )
        if self.causes:
            verdict = f"is caused by {' and by '.join(map(str, self.causes))}"
        elif self.contributions:
            verdict = f"is raised by {' and by '.join(map(str, self.contributions))}"
        else:
            verdict = (
                f"came {self.count} times in {self.trials_at_risk} trials at risk; no factor of "
                f"this experiment was shown to raise it ({self._power})"
            )
        also = self.contributions if self.causes else ()
        more = f"; raised too by {' and by '.join(map(str, also))}" if also else ""
        return f"{self.bug_class} {verdict}{more}; evidence: {found}"

    def _repr_html_(self) -> str:
        """For notebooks: the verdict in plain words."""
        return html_card(str(self.bug_class), lines=[self.sentence])

    @property
    def _power(self) -> str:
        """What so many events show, and how many a factor takes that makes nearly all of them."""
        seen = visible_share(self.events, alpha=self.asked)
        needed = events_to_see(CAUSED_SHARE, alpha=self.asked)
        told = (
            f"{self.events} events show none with 90 %"
            if math.isinf(seen)
            else f"{self.events} events show one that makes {math.ceil(100 * seen)} % with 90 %"
        )
        return f"{told}; one that makes {100 * CAUSED_SHARE:.0f} % of them takes {needed}"


def class_verdicts(
    trials: pd.DataFrame,
    effects: pd.DataFrame,
    *,
    classes: Sequence[BugClass],
    alpha: float = 0.05,
) -> tuple[ClassVerdict, ...]:
    """One verdict for each of ``classes``, then for every other class that came.

    Args:
        trials: as for :func:`class_effects`, with ``mechanism``.
        effects: rows of :func:`class_effects` on the same trials.
        classes: those to speak of in any case.
        alpha: that of the effects.

    Raises:
        ValueError: a column of the trials is missing.
    """
    require_columns(trials, ["bug_class", "mechanism"])
    names = [*classes, *(c for c in _classes_that_came(trials) if c not in classes)]
    asked = alpha / max(1, int(effects["p_holm"].notna().sum()))
    return tuple(_finding(trials, effects, name, asked) for name in names)


def _finding(
    trials: pd.DataFrame, effects: pd.DataFrame, name: BugClass, asked: float
) -> ClassVerdict:
    failed = trials[trials["bug_class"] == name]
    raising = effects[
        (effects["bug_class"] == name) & (effects["verdict"] == EffectVerdict.RAISES)
    ].sort_values("p_value")
    causes = [
        Cause(
            **_removed(trials, name, row, sorted(set(effects["factor"]))),
            factor=str(row["factor"]),
            level=str(row["level"]),
            reference=str(row["reference"]),
            level_count=int(row["level_count"]),
            level_trials=int(row["level_trials"]),
            reference_count=int(row["reference_count"]),
            reference_trials=int(row["reference_trials"]),
            p_holm=float(row["p_holm"]),
        )
        for row in raising.to_dict(orient="records")
    ]
    return ClassVerdict(
        bug_class=name,
        count=len(failed),
        trials_at_risk=len(at_risk(trials, name)),
        causes=tuple(c for c in causes if c.removed_at_least >= CAUSED_SHARE),
        contributions=tuple(c for c in causes if c.removed_at_least < CAUSED_SHARE),
        mechanisms={
            str(mechanism): int(n)
            for mechanism, n in failed["mechanism"]
            .fillna(str(Mechanism.UNKNOWN))
            .value_counts()
            .items()
        },
        events=_events(trials, name),
        asked=asked,
    )


def _removed(
    trials: pd.DataFrame, name: BugClass, row: Mapping[Hashable, Any], factors: Sequence[str]
) -> dict[str, Any]:
    """The bound over all trials of the strata in which both levels were run."""
    factor = str(row["factor"])
    strata = [other for other in factors if other != factor]
    strata += ["block"] if "block" in trials.columns else []
    sides = trials[trials[factor].isin([row["level"], row["reference"]])]
    if strata:
        both = sides.groupby(strata)[factor].transform("nunique") == 2
        sides = sides[both]
    level, reference = (sides[sides[factor] == row[key]] for key in ("level", "reference"))
    events, reference_events = (_events(side, name) for side in (level, reference))
    return {
        "events": events,
        "reference_events": reference_events,
        "removed_at_least": removed_share_bound(
            events, len(level), reference_events, len(reference)
        ),
    }


def _events(trials: pd.DataFrame, name: BugClass) -> int:
    """How many events took the trials of this class.

    A Kill reaches one cell's cgroup, so all that it takes have one level: they are one observation.
    A collection meets every level at once, and which container it takes is decided by that
    container's own level, which was drawn: each is an observation.
    """
    keys = _event_keys(trials, name)
    return int(keys.isna().sum()) + keys.nunique()


def _event_keys(trials: pd.DataFrame, name: BugClass) -> pd.Series[Any]:
    """Of each failure of the class the event that took it (``event_key``); None where it is alone.

    Shape and index are those of the class's failures.
    """
    failed = trials[trials["bug_class"] == name]
    keys: list[tuple[Any, ...] | None] = [None] * len(failed)
    if "evidence" in failed.columns:
        keys = [
            event_key(mechanism, json.loads(evidence))
            for mechanism, evidence in zip(failed["mechanism"], failed["evidence"], strict=True)
        ]
    return pd.Series(keys, index=failed.index, dtype=object)


def _classes_that_came(trials: pd.DataFrame) -> list[BugClass]:
    came = set(trials["bug_class"].dropna())
    return [name for name in BugClass if name in came]
