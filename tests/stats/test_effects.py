"""Factor effects: the finding of 2022, drift, competing classes, and agreement with one test."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from iluvatar_bench.bugs.taxonomy import BugClass
from iluvatar_bench.stats import (
    EFFECT_COLUMNS,
    EffectVerdict,
    factor_effects,
    holm,
    rate_difference,
    stratified_effect,
)

FACTORS = {"snapshot_reference": ("lease", "none"), "cgroup": ("own", "shared")}

# Measured on containerd 1.6.20 and runc 1.1.5: 40 containers a cell.
CELLS = {
    ("lease", "own"): {"ok": 40},
    ("none", "own"): {"ok": 19, "snapshot_overlay": 12, "missing_packages": 9},
    ("lease", "shared"): {"ok": 25, "process_died": 4, "silent_startup": 11},
    ("none", "shared"): {
        "ok": 17,
        "snapshot_overlay": 7,
        "missing_packages": 3,
        "process_died": 4,
        "silent_startup": 8,
        "unclassified": 1,
    },
}


@pytest.fixture
def trials():
    """The cells, each spread over four blocks of ten by a seeded shuffle."""
    rng, rows = np.random.default_rng(2022), []
    for (reference, cgroup), counts in CELLS.items():
        names = [name for name, count in counts.items() for _ in range(count)]
        for position, name in enumerate(rng.permutation(names).tolist()):
            outcome = "ok" if name == "ok" else "failed"
            bug_class = None if name == "ok" else name
            rows.append((reference, cgroup, position % 4, outcome, bug_class))
    columns = ["snapshot_reference", "cgroup", "block", "outcome", "bug_class"]
    return pd.DataFrame(rows, columns=columns)


def cell(table, factor, bug_class):
    found = table[(table["factor"] == factor) & (table["bug_class"] == bug_class)]
    assert len(found) == 1
    return found.iloc[0]


def test_the_finding_of_2022(trials):
    table = factor_effects(trials, factors=FACTORS, blocks=["block"])
    assert tuple(table.columns) == EFFECT_COLUMNS
    assert len(table) == 2 * len(BugClass)
    causes = table[table["verdict"] == EffectVerdict.RAISES]
    assert set(zip(causes["factor"], causes["bug_class"], strict=True)) == {
        ("snapshot_reference", "snapshot_overlay"),
        ("snapshot_reference", "missing_packages"),
        ("cgroup", "process_died"),
        ("cgroup", "silent_startup"),
    }
    overlay = cell(table, "snapshot_reference", "snapshot_overlay")
    assert (overlay["level_count"], overlay["level_trials"]) == (19, 80)
    assert (overlay["reference_count"], overlay["reference_trials"]) == (0, 80)
    assert (overlay["strata"], overlay["odds_ratio"]) == (8, math.inf)
    assert overlay["difference"] == pytest.approx(19 / 80)
    assert overlay["p_holm"] < 1e-4


def test_classes_compete_and_that_is_no_cause(trials):
    # Nine missing modules beside an own cgroup, three beside a shared one: the killed import
    # nothing. The difference has the sign of a remedy, so it can never be read as a cause.
    row = cell(factor_effects(trials, factors=FACTORS), "cgroup", "missing_packages")
    assert row["difference"] < 0
    assert row["verdict"] != EffectVerdict.RAISES


def test_the_family_is_factors_times_classes_that_came(trials):
    table = factor_effects(trials, factors=FACTORS, blocks=["block"])
    family = table[table["p_holm"].notna()]
    assert len(family) == 2 * 5
    assert list(family["p_holm"]) == pytest.approx(list(holm(family["p_value"].to_numpy())))
    assert (table["p_holm"].isna() == (table["level_count"] + table["reference_count"] == 0)).all()


def test_one_factor_without_blocks_is_one_table(trials):
    table = factor_effects(trials, factors={"cgroup": ("own", "shared")})
    row, expected = cell(table, "cgroup", "silent_startup"), rate_difference(0, 80, 19, 80)
    assert row["strata"] == 1
    assert row["difference"] == pytest.approx(expected.estimate)
    assert row["p_value"] == pytest.approx(expected.p_value)


def test_the_strata_are_blocks_times_other_factors(trials):
    table = factor_effects(trials, factors=FACTORS, blocks=["block"])
    tables = []
    for _, part in trials.groupby(["block", "snapshot_reference"]):
        sides = [part.loc[part["cgroup"] == side, "bug_class"] for side in ("shared", "own")]
        hits = [(side == "silent_startup").sum() for side in sides]
        tables.append([[hit, len(side) - hit] for hit, side in zip(hits, sides, strict=True)])
    expected = stratified_effect(tables)
    row = cell(table, "cgroup", "silent_startup")
    assert (row["p_value"], row["low"], row["high"]) == (
        expected.p_value,
        expected.low,
        expected.high,
    )


def test_neither_order_nor_index_matters(trials):
    expected = factor_effects(trials, factors=FACTORS, blocks=["block"])
    shuffled = trials.sample(frac=1, random_state=np.random.RandomState(3))
    pd.testing.assert_frame_equal(
        factor_effects(shuffled, factors=FACTORS, blocks=["block"]), expected
    )
    repeated = trials.set_axis([0] * len(trials))
    pd.testing.assert_frame_equal(
        factor_effects(repeated, factors=FACTORS, blocks=["block"]), expected
    )


def test_drift_over_blocks_is_not_laid_at_a_factors_door():
    # The host turns bad in block 1, where most trials with level "b" happened to run.
    rows = [
        (factor, block, "failed" if i < share * count else "ok")
        for block, share, counts in [(0, 0.1, {"a": 90, "b": 10}), (1, 0.9, {"a": 10, "b": 90})]
        for factor, count in counts.items()
        for i in range(count)
    ]
    trials = pd.DataFrame(rows, columns=["factor", "block", "outcome"])
    trials["bug_class"] = trials["outcome"].map({"failed": "network"})
    blocked = factor_effects(trials, factors={"factor": ("a", "b")}, blocks=["block"])
    naive = factor_effects(trials, factors={"factor": ("a", "b")})
    assert cell(blocked, "factor", "network")["verdict"] == EffectVerdict.NO_EFFECT_SHOWN
    assert cell(naive, "factor", "network")["verdict"] == EffectVerdict.RAISES


def test_levels_that_were_not_asked_for_are_left_out(trials):
    third = trials[trials["cgroup"] == "own"].assign(cgroup="private", outcome="ok", bug_class=None)
    both = pd.concat([trials, third], ignore_index=True)
    pd.testing.assert_frame_equal(
        factor_effects(both, factors=FACTORS), factor_effects(trials, factors=FACTORS)
    )
    with pytest.raises(ValueError, match="no trial has a level that was asked for"):
        factor_effects(trials, factors={"block": (8, 9)})


def test_integer_levels_and_lost_answers():
    trials = pd.DataFrame(
        {
            "start_delay_ms": [0] * 20 + [500] * 20,
            "outcome": ["failed"] * 15 + ["unknown"] * 5 + ["ok"] * 20,
            "bug_class": ["missing_packages"] * 15 + [None] * 25,
        }
    )
    table = factor_effects(trials, factors={"start_delay_ms": (500, 0)})
    row = cell(table, "start_delay_ms", "missing_packages")
    # The lost answers stay in the denominator: 15 of 20, not 15 of 15.
    assert (row["level_count"], row["level_trials"], row["difference"]) == (15, 20, 0.75)
    assert row["verdict"] == EffectVerdict.RAISES


def test_impossible_requests_are_refused(trials):
    with pytest.raises(ValueError, match="at least one factor"):
        factor_effects(trials, factors={})
    with pytest.raises(ValueError, match="the reference is the level"):
        factor_effects(trials, factors={"cgroup": ("own", "own")})
    with pytest.raises(ValueError, match="no column snapshotter"):
        factor_effects(trials, factors={"snapshotter": ("native", "overlayfs")})
    with pytest.raises(ValueError, match="no block in 160 of 160"):
        factor_effects(trials.assign(block=None), factors=FACTORS, blocks=["block"])
    with pytest.raises(ValueError, match="alpha must lie"):
        factor_effects(trials, factors=FACTORS, alpha=0)
    with pytest.raises(ValueError, match="a bug class without a failure"):
        factor_effects(trials.assign(outcome="ok"), factors=FACTORS)
