"""Two sides beside each other: counts, events, widened intervals; and no verdict."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from iluvatar_bench.bugs.taxonomy import BugClass
from iluvatar_bench.records import UnknownClass
from iluvatar_bench.stats import (
    COMPARISON_COLUMNS,
    EVENT_COLUMNS,
    Verdict,
    describe_sides,
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


def test_every_class_is_described_and_none_is_judged(before):
    table = describe_sides([before], [frame(ok=40)])
    assert tuple(table.columns) == (*COMPARISON_COLUMNS, *EVENT_COLUMNS)
    named = [*map(str, BugClass), *map(str, UnknownClass), "failed", "unknown"]
    assert list(table["bug_class"]) == named
    assert set(table["verdict"]) == {Verdict.DESCRIBED}
    assert table["p_value"].isna().all()
    row = rows_by_class(table).loc["failed"]
    assert (row["baseline_count"], row["candidate_count"], row["baseline_events"]) == (21, 0, 21)
    assert row["difference"] == -21 / 40


def test_independent_failures_have_newcombes_interval(before):
    table = rows_by_class(describe_sides([before], [frame(ok=37, unknown=3)], confidence=0.9))
    for name, counts in (("missing_packages", (9, 0)), ("unknown", (0, 3))):
        expected = rate_difference(counts[0], 40, counts[1], 40, confidence=0.9)
        row = table.loc[name]
        assert (row["low"], row["high"]) == pytest.approx((expected.low, expected.high))


def test_failures_of_one_event_say_less():
    kills = (
        '{"exited_at": 2.0, "pid": 1, "neighbour_kills": [{"container_id": "a", "started_at": 1}]}'
    )
    clustered = frame(ok=36, process_died=4).assign(
        mechanism=["unknown"] * 36 + ["collateral_kill"] * 4, evidence=["{}"] * 36 + [kills] * 4
    )
    alone = clustered.assign(mechanism="unknown")
    rows = [
        rows_by_class(describe_sides([trials], [frame(ok=40)])).loc["process_died"]
        for trials in (clustered, alone)
    ]
    assert [row["baseline_events"] for row in rows] == [1, 4]
    assert rows[0]["baseline_high"] > rows[1]["baseline_high"]
    assert rows[0]["low"] < rows[1]["low"]


def test_replicates_that_swing_have_a_wider_interval_than_their_sum():
    swinging = [frame(ok=40 - n, process_died=n) for n in (2, 20, 11)]
    even = [frame(ok=29, process_died=11)] * 3
    wide, narrow = (
        rows_by_class(describe_sides(runs, [frame(ok=40)])).loc["process_died"]
        for runs in (swinging, even)
    )
    assert wide["baseline_count"] == narrow["baseline_count"] == 33
    assert wide["baseline_high"] - wide["baseline_low"] > 2 * (
        narrow["baseline_high"] - narrow["baseline_low"]
    )


def test_the_profiles_may_have_any_name(before):
    named = before.assign(profile="x")
    pd.testing.assert_frame_equal(
        describe_sides([named], [frame(ok=40)]), describe_sides([before], [frame(ok=40)])
    )
    assert not math.isnan(describe_sides([named], [named])["difference"].sum())


def test_impossible_comparisons_are_refused(before):
    with pytest.raises(ValueError, match="the candidate has no trials"):
        describe_sides([before], [before[:0]])
    with pytest.raises(ValueError, match="the baseline has no trials"):
        describe_sides([], [before])
    with pytest.raises(ValueError, match="no column bug_class"):
        describe_sides([before], [before[["outcome"]]])
    with pytest.raises(ValueError, match="a failure without a bug class"):
        describe_sides([before], [before.assign(bug_class=None)])
    with pytest.raises(ValueError, match="confidence must lie"):
        describe_sides([before], [before], confidence=1.0)
