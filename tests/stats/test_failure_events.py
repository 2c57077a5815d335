"""One Kill is one event: counted in evidence, and what that does to an interval."""

from __future__ import annotations

import itertools
import json
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iluvatar_bench.runs import find_run, open_run
from iluvatar_bench.stats import clustered_rate, event_sizes, rate
from iluvatar_bench.stats.failure_events import between_runs_rate
from tests.stats.drifting_blocks import clustered_failures


def failed(mechanism, evidence, *, prepared_ms=10.0):
    spans = [{"name": "prepare", "started_ms": 0.0, "ended_ms": prepared_ms}]
    return {
        "mechanism": mechanism,
        "evidence": json.dumps(evidence),
        "submitted_at": "1970-01-01T00:16:40+00:00",
        "spans": json.dumps(spans),
    }


def killed(at, *kills, signals=()):
    neighbours = [{"container_id": name, "started_at": began} for name, began in kills]
    return {"exited_at": at, "pid": 7, "neighbour_kills": neighbours, "signals": list(signals)}


def test_containers_that_one_kill_took_are_one_event():
    rows = [failed("collateral_kill", killed(5.0, ("a", 4.9), ("b", 1.0))) for _ in range(3)]
    rows += [failed("collateral_kill", killed(9.0, ("a", 4.9), ("b", 8.0)))]
    assert sorted(event_sizes(pd.DataFrame(rows))) == [1, 3]


def test_the_kernels_record_goes_before_the_times():
    signals = [{"pid": 7, "sender_container": "c", "sender_pid": 99}]
    rows = [failed("collateral_kill", killed(5.0 + n, ("a", n), signals=signals)) for n in range(3)]
    assert event_sizes(pd.DataFrame(rows)) == [3]


def test_a_restart_is_one_event_and_everything_else_is_its_own():
    daemon = {"daemon_now": {"pid": 5, "started_at": 3.0}}
    rows = [failed("daemon_restart", daemon)] * 4 + [failed("own_error", {})] * 2
    assert sorted(event_sizes(pd.DataFrame(rows))) == [1, 1, 4]


def test_containers_that_were_to_stand_on_one_layer_are_one_event():
    below = [{"name": "top", "found": True}, {"name": "base", "found": False}]
    rows = [failed("parent_collected", {"parents": below})] * 3
    rows += [failed("parent_collected", {"parents": [{"name": "other", "found": False}]})]
    rows += [failed("parent_collected", {})]
    assert sorted(event_sizes(pd.DataFrame(rows))) == [1, 1, 3]


def test_collections_are_the_fewest_moments_that_explain_all():
    ends = [1000.4, 1000.6, 1002.0]
    rows = [failed("snapshot_collected", {"step_ended_at": end}) for end in ends[:2]]
    rows += [failed("snapshot_collected", {"step_ended_at": ends[2]}, prepared_ms=1500.0)]
    assert sorted(event_sizes(pd.DataFrame(rows))) == [1, 2]


def test_starts_that_went_without_a_processor_at_one_time_are_one_event():
    def starved(began: float) -> dict[str, object]:
        return failed("cpu_starved", {"step_started_at": began, "step_ended_at": began + 4.0})

    rows = [starved(1000.0), starved(1003.0), starved(1005.0), failed("cpu_throttled", {})]
    assert sorted(event_sizes(pd.DataFrame(rows))) == [1, 1, 2]
    collected = failed("snapshot_collected", {"step_ended_at": 1003.5}, prepared_ms=1000.0)
    rows = [starved(1000.0), collected]
    assert event_sizes(pd.DataFrame(rows)) == [1, 1], "what one took the other did not"


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 3)), min_size=1, max_size=6))
@settings(max_examples=50)
def test_no_fewer_moments_would_do(windows):
    rows = [
        failed("snapshot_collected", {"step_ended_at": 1000.0 + a + b}, prepared_ms=1000.0 * a)
        for a, b in windows
    ]
    sizes = event_sizes(pd.DataFrame(rows))
    assert sum(sizes) == len(windows)
    needed = next(
        count
        for count in range(1, 7)
        for moments in itertools.combinations(range(12), count)
        if all(any(a <= moment <= a + b for moment in moments) for a, b in windows)
    )
    assert len(sizes) == needed


def test_in_the_recorded_run_a_kill_takes_more_than_one():
    trials = open_run(find_run("iluvatar-2022-07")).trials
    killed_ones = trials[trials["mechanism"] == "collateral_kill"]
    sizes = event_sizes(killed_ones)
    assert sum(sizes) == len(killed_ones)
    assert 1.5 < np.mean(sizes) < 4
    assert max(sizes) <= 5


def test_independent_failures_have_wilsons_interval_and_clusters_a_wider_one():
    alone, expected = clustered_rate([1] * 12, 40), rate(12, 40)
    assert (alone.low, alone.high) == pytest.approx((expected.low, expected.high))
    # Twelve containers in four events of three: as if four of 13.3 had failed.
    clustered = clustered_rate([3] * 4, 40)
    assert (clustered.count, clustered.events, clustered.design_effect) == (12, 4, 3.0)
    assert clustered.low < expected.low < expected.high < clustered.high
    none = clustered_rate([], 40)
    assert (none.low, none.high) == (0.0, rate(0, 40).high)


def test_the_widened_interval_covers_where_wilsons_does_not():
    rng = np.random.default_rng(9)
    held = {"wilson": 0, "clustered": 0}
    for _ in range(600):
        sizes = [s for s in (clustered_failures(rng, 5, 0.3) for _ in range(24)) if s]
        wide, narrow = clustered_rate(sizes, 120), rate(sum(sizes), 120)
        held["clustered"] += wide.low <= 0.3 <= wide.high
        held["wilson"] += narrow.low <= 0.3 <= narrow.high
    assert held["wilson"] / 600 < 0.88
    assert held["clustered"] / 600 > 0.92


def test_replicates_that_swing_have_a_wider_interval_than_their_sum():
    effect, low, high = between_runs_rate([4, 20, 8], [40, 40, 40])
    p, n = 32 / 120, 120
    variance = 3 / 2 * sum((x - p * 40) ** 2 for x in (4, 20, 8)) / n**2
    assert effect == pytest.approx(variance * n / (p * (1 - p)))
    assert low < rate(32, 120).low
    assert high > rate(32, 120).high
    assert between_runs_rate([0, 0], [40, 40])[0] == 1
    assert math.isnan(between_runs_rate([3], [40])[0])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: clustered_rate([0], 3), "at least one trial"),
        (lambda: clustered_rate([4], 3), "count must be"),
        (lambda: between_runs_rate([], []), "as many counts"),
        (lambda: between_runs_rate([5], [3]), "each count"),
        (lambda: event_sizes(pd.DataFrame({"evidence": []})), "no column mechanism"),
    ],
)
def test_impossible_counts_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
