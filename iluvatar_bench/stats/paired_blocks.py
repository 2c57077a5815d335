"""Two profiles in shuffled blocks: one verdict, and what each bug class did.

The block is the unit (:mod:`iluvatar_bench.stats.sign_flips`). One endpoint is judged, so that
nothing has to be corrected for: the trials that were not ok, or one bug class that was named
beforehand.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from iluvatar_bench.bugs.taxonomy import BugClass
from iluvatar_bench.records import Outcome, UnknownClass
from iluvatar_bench.records.frames import with_unknown_class
from iluvatar_bench.stats._checks import refuse_missing, require_columns
from iluvatar_bench.stats.accounting import check_accounting
from iluvatar_bench.stats.comparison import COMPARISON_COLUMNS, Verdict
from iluvatar_bench.stats.mean_bounds import mean_bounds
from iluvatar_bench.stats.multiplicity import holm
from iluvatar_bench.stats.sign_flips import sign_flip_evidence, sign_flip_test

NOT_OK = "not ok"
"""The endpoint that counts failed and unknown trials alike: lost answers buy no good verdict."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockComparison:
    """Candidate against baseline over complete blocks; made by :func:`judge_blocks`.

    ``difference`` is the mean over blocks of the candidate's rate less the baseline's, ``low`` and
    ``high`` its always-valid bounds. ``p_value`` is the exact two-sided test's and means something
    only if the number of blocks was fixed beforehand. ``worse`` and ``better`` are the evidence for
    either: an e-value each, the largest so far, which may be looked at at any time.
    """

    endpoint: str
    blocks: int
    repeats: int
    baseline_count: int
    candidate_count: int
    difference: float
    low: float
    high: float
    p_value: float
    worse: float
    better: float
    alpha: float
    looked: bool
    """Whether somebody looked in between: then the evidence decides, and not the p-value."""

    @property
    def verdict(self) -> Verdict:
        """What is shown, with a chance of any false alarm of at most ``alpha``."""
        if self.looked:
            sides = {Verdict.WORSE: self.worse, Verdict.BETTER: self.better}
            shown = max(sides, key=lambda side: sides[side])
            return shown if sides[shown] >= 2 / self.alpha else Verdict.NO_DIFFERENCE_SHOWN
        if self.p_value > self.alpha:
            return Verdict.NO_DIFFERENCE_SHOWN
        return Verdict.WORSE if self.difference > 0 else Verdict.BETTER

    def is_better_by(self, least: float) -> bool:
        """Whether the candidate's rate is shown to be lower by more than ``least``, at any look."""
        return self.high < -least

    def as_json(self) -> dict[str, Any]:
        """JSON-ready values."""
        return {**asdict(self), "verdict": str(self.verdict)}


def judge_blocks(
    trials: pd.DataFrame,
    *,
    sides: tuple[str, str],
    repeats: int,
    endpoint: str = NOT_OK,
    alpha: float = 0.05,
    looked: bool = False,
) -> BlockComparison:
    """What the complete blocks say of the candidate.

    Args:
        trials: one row a trial, with ``block``, ``side``, ``outcome`` and ``bug_class``.
        sides: what the baseline's and the candidate's trials carry in ``side``.
        repeats: how many trials of each side make a block complete; others are left out.
        endpoint: :data:`NOT_OK` or a bug class, named before the trials were run.
        alpha: the accepted chance of any false alarm.
        looked: whether the verdict may have decided when to stop.

    Raises:
        ValueError: a column or a key is missing, the accounting does not hold, an endpoint that
            there is not, no complete block, alpha not in (0, 1).
    """
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must lie between 0 and 1, not {alpha}")
    if endpoint != NOT_OK and endpoint not in set(BugClass):
        raise ValueError(f"no endpoint {endpoint!r}: {NOT_OK!r}, or a bug class")
    counts = _counts(complete_blocks(trials, sides, repeats), sides, endpoint)
    if len(counts) == 0:
        raise ValueError("no block is complete: nothing to compare")
    differences = counts[:, 1] - counts[:, 0]
    shares = differences / repeats
    low, high = mean_bounds(shares, confidence=1 - alpha)
    baseline_count, candidate_count = counts.sum(axis=0).tolist()
    return BlockComparison(
        endpoint=endpoint,
        blocks=len(counts),
        repeats=repeats,
        baseline_count=baseline_count,
        candidate_count=candidate_count,
        difference=float(shares.mean()),
        low=low,
        high=high,
        p_value=sign_flip_test(differences).p_value,
        worse=float(sign_flip_evidence(shares).max()),
        better=float(sign_flip_evidence(-shares).max()),
        alpha=alpha,
        looked=looked,
    )


def block_differences(
    trials: pd.DataFrame, *, sides: tuple[str, str], repeats: int, endpoint: str = NOT_OK
) -> NDArray[np.float64]:
    """The candidate's rate less the baseline's, in each complete block, in their order.

    Raises:
        ValueError: as :func:`judge_blocks`; no block is an empty array.
    """
    counts = _counts(complete_blocks(trials, sides, repeats), sides, endpoint)
    return np.asarray((counts[:, 1] - counts[:, 0]) / repeats, dtype=np.float64)


def block_classes(
    trials: pd.DataFrame,
    *,
    sides: tuple[str, str],
    repeats: int,
    alpha: float = 0.05,
    looked: bool = False,
) -> pd.DataFrame:
    """Every class beside the endpoint, in the columns of :func:`compare_profiles`.

    Intervals are always valid and not corrected. p is the exact sign-flip test's, corrected by
    Holm over what came; where somebody looked in between it says nothing, so p is NaN and the
    verdict *described*. A class that never came has no p.

    Args:
        trials: as for :func:`judge_blocks`.
        sides: likewise.
        repeats: likewise.
        alpha: a verdict needs ``p_holm`` at or below it.
        looked: as for :func:`judge_blocks`.

    Raises:
        ValueError: as :func:`judge_blocks`.
    """
    kept = with_unknown_class(complete_blocks(trials, sides, repeats))
    kinds: Mapping[str, tuple[str, list[str]]] = {
        "bug_class": ("bug_class", [str(name) for name in BugClass]),
        "unknown_class": ("unknown_class", [str(name) for name in UnknownClass]),
        "outcome": ("outcome", [str(Outcome.FAILED), str(Outcome.UNKNOWN)]),
    }
    rows = []
    for kind, (column, names) in kinds.items():
        for name in names:
            counts = _block_counts(kept, kept[column] == name, sides)
            rows.append(_class_row(kind, name, counts, repeats, 1 - alpha))
    table = pd.DataFrame(rows)
    happened = (table["baseline_count"] + table["candidate_count"]) > 0
    happened &= table["kind"] != "unknown_class"
    p_values = table["p_value"].where(happened & (not looked), np.nan)
    table = table.assign(p_value=p_values, p_holm=holm(p_values.to_numpy()))
    table["verdict"] = [
        str(Verdict.DESCRIBED if looked else _verdict(p, difference, alpha))
        for p, difference in zip(table["p_holm"], table["difference"], strict=True)
    ]
    return table[list(COMPARISON_COLUMNS)]


def complete_blocks(trials: pd.DataFrame, sides: tuple[str, str], repeats: int) -> pd.DataFrame:
    """The trials of the blocks that hold ``repeats`` of both sides.

    Raises:
        ValueError: a column or a key is missing, or the accounting does not hold.
    """
    require_columns(trials, ("block", "side"))
    check_accounting(trials)
    refuse_missing(trials, ("block", "side"))
    sizes = trials.groupby(["block", "side"]).size().unstack(fill_value=0)
    sizes = sizes.reindex(columns=list(sides), fill_value=0)
    whole = sizes.index[(sizes == repeats).all(axis=1)]
    return trials[trials["block"].isin(whole) & trials["side"].isin(sides)]


def _counts(kept: pd.DataFrame, sides: tuple[str, str], endpoint: str) -> NDArray[np.int64]:
    counted = kept["outcome"] != Outcome.OK if endpoint == NOT_OK else kept["bug_class"] == endpoint
    return _block_counts(kept, counted, sides)


def _block_counts(
    kept: pd.DataFrame, counted: pd.Series[bool], sides: tuple[str, str]
) -> NDArray[np.int64]:
    """Shape (K, 2): the counts of each block, baseline first."""
    table = counted.groupby([kept["block"], kept["side"]]).sum().unstack(fill_value=0)
    return table.reindex(columns=list(sides), fill_value=0).to_numpy(dtype=np.int64)


def _class_row(
    kind: str, name: str, counts: NDArray[np.int64], repeats: int, confidence: float
) -> dict[str, Any]:
    differences = counts[:, 1] - counts[:, 0]
    low, high = mean_bounds(differences / repeats, confidence=confidence)
    total = repeats * len(counts)
    baseline, candidate = counts.sum(axis=0).tolist()
    return {
        "kind": kind,
        "bug_class": name,
        "baseline_count": baseline,
        "baseline_trials": total,
        "baseline_rate": baseline / total,
        "candidate_count": candidate,
        "candidate_trials": total,
        "candidate_rate": candidate / total,
        "difference": (candidate - baseline) / total,
        "low": low,
        "high": high,
        "p_value": sign_flip_test(differences).p_value,
    }


def _verdict(p_holm: float, difference: float, alpha: float) -> Verdict:
    if not p_holm <= alpha:  # NaN as well
        return Verdict.NO_DIFFERENCE_SHOWN
    return Verdict.WORSE if difference > 0 else Verdict.BETTER
