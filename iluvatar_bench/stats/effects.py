"""Which factor causes which bug class: the factorial experiment's table of effects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from iluvatar_bench.bugs.taxonomy import BugClass
from iluvatar_bench.stats._checks import refuse_missing, require_columns
from iluvatar_bench.stats.accounting import check_accounting
from iluvatar_bench.stats.multiplicity import holm
from iluvatar_bench.stats.stratified import stratified_effect

EFFECT_COLUMNS = (
    "factor",
    "reference",
    "level",
    "bug_class",
    "reference_count",
    "reference_trials",
    "level_count",
    "level_trials",
    "strata",
    "difference",
    "low",
    "high",
    "odds_ratio",
    "p_cmh",
    "p_value",
    "p_holm",
    "verdict",
)
"""The columns of :func:`factor_effects`, in order."""


class EffectVerdict(StrEnum):
    """What a factor's level, against its reference, does to the rate of a class."""

    RAISES = "raises"
    LOWERS = "lowers"
    NO_EFFECT_SHOWN = "no effect shown"


def factor_effects(
    trials: pd.DataFrame,
    *,
    factors: Mapping[str, tuple[str | int, str | int]],
    blocks: Sequence[str] = (),
    classes: Sequence[BugClass] = tuple(BugClass),
    alpha: float = 0.05,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """The effect of each factor on each bug class, compared only within strata.

    The strata of a factor are the combinations of ``blocks`` and of all *other* factors, so
    neither drift over the blocks nor another factor's effect is laid at its door. The numbers
    are those of :func:`stratified_effect`; Holm's correction runs over factors x classes, bar
    the classes that never came (they cannot be significant; see :func:`compare_profiles`).

    A trial has one class, so classes compete: the cgroup factor can seem to *lower*
    ``missing_packages``, because containers that a Kill has ended import nothing any more.
    Such an effect is real as a count and no cause of the class: causes have the verdict
    RAISES. The reverse happens too (what prevents early failures can raise late ones), so a
    verdict is read beside the mechanisms found. Under interaction (a level that only hurts
    beside another) the difference is the average over the strata.

    Args:
        trials: one row a trial: ``outcome``, ``bug_class``, the factors' and blocks' columns.
        factors: column name to (reference, level), the level being the suspect. Trials with
            other levels of a factor are left out throughout.
        blocks: columns that number the blocks.
        classes: the classes asked about.
        alpha: a verdict needs ``p_holm`` at or below it.
        confidence: of the intervals, which are not corrected.

    Returns:
        A frame with the columns :data:`EFFECT_COLUMNS`, one row per factor and bug class, in
        the order of ``factors`` and of ``BugClass``. Counts and trials are over all trials
        kept; ``strata`` says how many could be compared. ``p_value`` is exact.

    Raises:
        ValueError: no factors, a factor whose reference is its level, a column or a key is
            missing, no trial left, the accounting does not hold, bad alpha or confidence.
    """
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must lie between 0 and 1, not {alpha}")
    kept = _with_levels(trials, factors, blocks)
    rows: list[dict[str, Any]] = []
    for factor, (reference, level) in factors.items():
        strata = [*blocks, *(name for name in factors if name != factor)]
        compared = {"factor": factor, "reference": reference, "level": level}
        for name, tables in _tables(kept, factor, (level, reference), strata, classes).items():
            rows.append({**compared, "bug_class": name, **_effect(tables, confidence)})
    table = pd.DataFrame(rows)
    happened = (table["reference_count"] + table["level_count"]) > 0
    table["p_holm"] = holm(table["p_value"].where(happened, np.nan).to_numpy())
    table["verdict"] = [
        str(effect_verdict(p, difference, alpha))
        for p, difference in zip(table["p_holm"], table["difference"], strict=True)
    ]
    return table[list(EFFECT_COLUMNS)]


def _with_levels(
    trials: pd.DataFrame,
    factors: Mapping[str, tuple[str | int, str | int]],
    blocks: Sequence[str],
) -> pd.DataFrame:
    """The trials that have one of the two levels asked for, of every factor."""
    if not factors:
        raise ValueError("name at least one factor")
    require_columns(trials, (*factors, *blocks))
    check_accounting(trials)
    refuse_missing(trials, (*factors, *blocks))
    for factor, (reference, level) in factors.items():
        if reference == level:
            raise ValueError(f"{factor}: the reference is the level, {level!r}")
        trials = trials[trials[factor].isin([reference, level])]
    if len(trials) == 0:
        raise ValueError("no trial has a level that was asked for, of every factor")
    return trials


def _effect(tables: NDArray[np.int64], confidence: float) -> dict[str, int | float]:
    effect = stratified_effect(tables, confidence=confidence)
    (level_count, level_not), (reference_count, reference_not) = tables.sum(axis=0).tolist()
    return {
        "reference_count": reference_count,
        "reference_trials": reference_count + reference_not,
        "level_count": level_count,
        "level_trials": level_count + level_not,
        "strata": effect.strata,
        "difference": effect.difference,
        "low": effect.low,
        "high": effect.high,
        "odds_ratio": effect.odds_ratio,
        "p_cmh": effect.p_cmh,
        "p_value": effect.p_value,
    }


def _tables(
    trials: pd.DataFrame,
    factor: str,
    sides: tuple[str | int, str | int],
    strata: list[str],
    classes: Sequence[BugClass],
) -> dict[str, NDArray[np.int64]]:
    """Per bug class the counts, shape (K, 2, 2), in the order that stratified_effect wants."""
    # One constant key keeps the grouping in one form where there is nothing to stratify by.
    keys = [trials[name] for name in strata] or [pd.Series(0, index=trials.index, name="all")]
    stratum = pd.Series(
        trials.groupby([key.to_numpy() for key in keys]).ngroup().to_numpy(), index=trials.index
    )
    found = {}
    for name in classes:
        has_class = trials["bug_class"] == name
        tables = np.zeros((int(stratum.max()) + 1, 2, 2), dtype=np.int64)
        for side, value in enumerate(sides):
            for column, selected in enumerate((has_class, ~has_class)):
                where = stratum[(trials[factor] == value) & selected]
                tables[:, side, column] = np.bincount(where, minlength=len(tables))
        found[str(name)] = tables
    return found


def effect_verdict(p_holm: float, difference: float, alpha: float) -> EffectVerdict:
    """What a corrected p and the sign of the difference say together."""
    if not p_holm <= alpha:  # NaN as well
        return EffectVerdict.NO_EFFECT_SHOWN
    return EffectVerdict.RAISES if difference > 0 else EffectVerdict.LOWERS
