"""Comparing two profiles: the verdicts, the family of the correction, and the A/A check."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from iluvatar_bench.bugs.taxonomy import BugClass
from iluvatar_bench.records import UnknownClass
from iluvatar_bench.stats import (
    COMPARISON_COLUMNS,
    Verdict,
    compare_profiles,
    holm,
    rate_difference,
)


def frame(**counts):
    """Trials with so many of each bug class; ``ok`` and ``unknown`` are outcomes."""
    rows = []
    for name, count in counts.items():
        outcome = name if name in ("ok", "unknown") else "failed"
        rows += [(outcome, name if outcome == "failed" else None)] * count
    return pd.DataFrame(rows, columns=["outcome", "bug_class"])


@pytest.fixture
def before():
    return frame(ok=19, snapshot_overlay=12, missing_packages=9)


def rows_by_class(table):
    return table.set_index("bug_class")


def test_a_fix_is_better_and_its_reverse_is_worse(before):
    fixed = frame(ok=40)
    table = rows_by_class(compare_profiles(before, fixed))
    assert tuple(compare_profiles(before, fixed).columns) == COMPARISON_COLUMNS
    assert list(table.index) == [*map(str, BugClass), *map(str, UnknownClass), "failed", "unknown"]
    verdicts = table["verdict"]
    assert verdicts["snapshot_overlay"] == verdicts["failed"] == Verdict.BETTER
    assert verdicts["missing_packages"] == Verdict.BETTER
    assert verdicts["process_died"] == Verdict.NO_DIFFERENCE_SHOWN
    reverse = rows_by_class(compare_profiles(fixed, before))
    assert reverse["verdict"]["snapshot_overlay"] == Verdict.WORSE
    assert reverse["difference"]["snapshot_overlay"] == 0.3


def test_the_numbers_are_those_of_the_difference(before):
    table = rows_by_class(compare_profiles(before, frame(ok=40), confidence=0.9))
    row, expected = table.loc["missing_packages"], rate_difference(9, 40, 0, 40, confidence=0.9)
    assert (row["baseline_count"], row["baseline_trials"], row["candidate_count"]) == (9, 40, 0)
    assert (row["baseline_rate"], row["candidate_rate"]) == (9 / 40, 0.0)
    assert (row["low"], row["high"]) == (expected.low, expected.high)
    assert row["p_value"] == expected.p_value


def test_the_family_is_what_happened(before):
    table = rows_by_class(compare_profiles(before, frame(ok=39, unknown=1)))
    family = table[table["p_holm"].notna()]
    assert set(family.index) == {"snapshot_overlay", "missing_packages", "failed", "unknown"}
    assert list(family["p_holm"]) == pytest.approx(list(holm(family["p_value"].to_numpy())))
    assert (table.loc[table["p_holm"].isna(), "p_value"] == 1).all()


def test_answers_that_get_lost_are_worse_though_failures_vanish(before):
    hidden = frame(ok=19, unknown=21)
    table = rows_by_class(compare_profiles(before, hidden))
    assert table["verdict"]["failed"] == Verdict.BETTER
    assert table["verdict"]["unknown"] == Verdict.WORSE


def test_a_profile_against_itself_raises_no_alarm_too_often():
    rng = np.random.default_rng(2022)
    classes = ["ok", "snapshot_overlay", "missing_packages", "process_died", "unknown"]
    chances = [0.5, 0.2, 0.15, 0.1, 0.05]
    alarms, repeats = 0, 150
    for _ in range(repeats):
        sides = [
            frame(**dict(zip(classes, rng.multinomial(40, chances).tolist(), strict=True)))
            for _ in range(2)
        ]
        verdicts = compare_profiles(*sides)["verdict"]
        alarms += (verdicts != Verdict.NO_DIFFERENCE_SHOWN).any()
    # Fisher's test is conservative, so it is well below the 5 % promised.
    assert alarms / repeats <= 0.05


def test_the_profiles_may_have_any_name_and_mechanisms(before):
    named = before.assign(profile="x", mechanism="snapshot_collected")
    pd.testing.assert_frame_equal(
        compare_profiles(named, frame(ok=40)), compare_profiles(before, frame(ok=40))
    )


def test_impossible_comparisons_are_refused(before):
    with pytest.raises(ValueError, match="the candidate has no trials"):
        compare_profiles(before, before[:0])
    with pytest.raises(ValueError, match="the baseline has no trials"):
        compare_profiles(before[:0], before)
    with pytest.raises(ValueError, match="no column bug_class"):
        compare_profiles(before, before[["outcome"]])
    with pytest.raises(ValueError, match="a failure without a bug class"):
        compare_profiles(before, before.assign(bug_class=None))
    with pytest.raises(ValueError, match="alpha must lie"):
        compare_profiles(before, before, alpha=1.0)
