"""A fleet's days against a fleet that is lived through, and a fix against enumeration."""

from __future__ import annotations

import json
import math
from fractions import Fraction
from functools import cache

import numpy as np
import pandas as pd
import pytest
from scipy.stats import poisson

from iluvatar_bench.errors import UsageError
from iluvatar_bench.runs import find_run, open_run
from iluvatar_bench.stats import (
    ANY_FAILURE,
    FLEET_COLUMNS,
    Fleet,
    chance_fix_is_seen,
    failure_groups,
    fleet_basis,
    fleet_days,
)


def worker_day(
    random: np.random.Generator, starts: int, event: float, size: int
) -> tuple[int, int]:
    """One worker's day, start after start: the next ``size`` containers fail where an event is."""
    events = failed = left = 0
    for drawn in random.random(starts):
        if left == 0 and drawn < event:
            events, left = events + 1, size
        if left:
            failed, left = failed + 1, left - 1
    return events, failed


def test_a_fleet_that_is_lived_through_fails_as_often_as_was_said():
    random = np.random.default_rng(22)
    starts, workers, days = 144, 5, 60
    # Measured on one worker, long; then 60 days of five.
    events, failed = worker_day(random, 20_000, 1 / 400, 3)
    said = fleet_days(
        {ANY_FAILURE: [3] * events},
        20_000,
        Fleet(workers=workers, starts_per_second=starts / 86_400),
    ).iloc[0]
    assert failed == pytest.approx(3 * events, abs=2)
    lived = np.array(
        [
            np.sum([worker_day(random, starts, 1 / 400, 3) for _ in range(workers)], axis=0)
            for _ in range(days)
        ]
    )
    assert said["events_low"] < lived[:, 0].mean() < said["events_high"]
    assert said["failures_low"] < lived[:, 1].mean() < said["failures_high"]
    # Of about 2 events a day: 0.17 without any; the estimate's own error allowed for.
    assert np.mean(lived[:, 0] == 0) == pytest.approx(said["day_without"], abs=0.13)


def significant(after: int, before: int, share: Fraction) -> bool:
    total = after + before
    few = sum(
        (math.comb(total, k) * share**k * (1 - share) ** (total - k) for k in range(after + 1)),
        Fraction(0),
    )
    return few <= Fraction(1, 20)


@cache
def significant_pairs(share: Fraction) -> np.ndarray:
    counts = range(45)
    return np.array([(a, b) for a in counts for b in counts if significant(a, b, share)])


@pytest.mark.parametrize(("events", "remaining"), [(3, 0.0), (8, 0.0), (8, 0.3), (5, 1.0)])
@pytest.mark.parametrize("days_after", [1, 3])
def test_seeing_a_fix_is_the_sum_over_both_counts(events, remaining, days_after):
    after, before = significant_pairs(Fraction(days_after, 1 + days_after)).T
    expected = np.sum(
        poisson.pmf(after, events * remaining * days_after) * poisson.pmf(before, events)
    )
    found = chance_fix_is_seen(events, remaining=remaining, days_after=days_after)
    assert found == pytest.approx(expected, abs=1e-6)


def test_a_fix_is_seen_as_often_in_drawn_days():
    """Days drawn by gaps between events, each pair judged with whole numbers."""
    random = np.random.default_rng(5)

    def day(rate: float) -> int:
        return int((np.cumsum(random.exponential(1 / rate, size=80)) < 1).sum())

    judged = [significant(day(6.0), day(18.0), Fraction(1, 2)) for _ in range(600)]
    assert np.mean(judged) == pytest.approx(chance_fix_is_seen(18, remaining=1 / 3), abs=0.05)


def test_the_fewest_events_that_show_a_fix_are_five():
    """(1/2)^5 is 0.03, (1/2)^4 is 0.06."""
    assert chance_fix_is_seen(6) == pytest.approx(poisson.sf(4, 6), abs=1e-9)
    assert chance_fix_is_seen(0) == 0.0
    assert chance_fix_is_seen(20, remaining=1.0) <= 0.05
    assert chance_fix_is_seen(1e6, remaining=0.9) == 1.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"events_per_day": -1.0}, "events must lie in"),
        ({"events_per_day": math.nan}, "events must lie in"),
        ({"events_per_day": 1e7}, "events must lie in"),
        ({"events_per_day": 5.0, "remaining": 1.5}, "remaining must lie in"),
        ({"events_per_day": 5.0, "days_after": 0.0}, "days must be above 0"),
        ({"events_per_day": 5.0, "alpha": 5.0}, "alpha must lie"),
    ],
)
def test_fixes_that_cannot_be_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        chance_fix_is_seen(**arguments)


@pytest.mark.parametrize("workers", [0, -1])
def test_a_fleet_has_workers_that_start_something(workers):
    with pytest.raises(ValueError, match="at least one worker"):
        Fleet(workers=workers, starts_per_second=1)
    for pace in (0.0, -1.0, math.inf, math.nan):
        with pytest.raises(ValueError, match="finite and above 0"):
            Fleet(workers=1, starts_per_second=pace)


def test_a_recorded_run_is_counted_by_its_kills_and_its_rows_add_up():
    """The unit is the Kill: 24 containers of this run were ended by 9 (docs/how-we-know.md)."""
    run = open_run(find_run("iluvatar-2022-07"))
    groups = failure_groups(run.trials)
    killed = run.trials[run.trials["mechanism"].eq("collateral_kill")]
    alone = failure_groups(run.trials.drop(index=killed.index))
    assert len(groups[ANY_FAILURE]) - len(alone[ANY_FAILURE]) == 9
    assert sum(groups[ANY_FAILURE]) - sum(alone[ANY_FAILURE]) == len(killed) == 24
    days = fleet_days(groups, len(run.trials), Fleet(workers=10, starts_per_second=0.1))
    assert tuple(days.columns) == FLEET_COLUMNS
    total, classes = days.iloc[0], days.iloc[1:]
    assert total["failures"] == classes["failures"].sum()
    assert total["failures_per_day"] == pytest.approx(classes["failures_per_day"].sum())
    assert (days["events_low"] <= days["events_per_day"]).all()
    assert (days["events_per_day"] <= days["events_high"]).all()


def test_an_observed_node_gives_its_own_pace_and_its_clients():
    run = open_run(find_run("observed"))
    basis = fleet_basis(run)
    assert basis.starts_per_second is not None
    assert basis.starts_per_second * (run.seconds_watched or 0) == pytest.approx(len(basis.trials))
    worker = fleet_basis(run, clients=["iluvatar_worker"])
    assert set(worker.trials["client"]) == {"iluvatar_worker"}
    assert worker.starts_per_second < basis.starts_per_second
    with pytest.raises(UsageError, match="no client 'x' was observed: there are batch-"):
        fleet_basis(run, clients=["x"])


def test_a_run_of_several_profiles_asks_for_one():
    run = open_run(find_run("root-cause"))
    with pytest.raises(UsageError, match="each with rates of its own: name one of"):
        fleet_basis(run)
    one = run.trials["profile"].iloc[0]
    assert set(fleet_basis(run, profile=one).trials["profile"]) == {one}
    with pytest.raises(UsageError, match="no profile 'nope' in this run"):
        fleet_basis(run, profile="nope")
    with pytest.raises(UsageError, match="only an observation has clients"):
        fleet_basis(run, profile=one, clients=["x"])


def test_lost_answers_stand_in_a_row_of_their_own():
    trials = pd.DataFrame(
        {
            "outcome": ["ok", "unknown", "failed", "unknown"],
            "bug_class": [None, None, "oom_killed", None],
            "mechanism": [None, None, "oom", None],
            "evidence": [json.dumps({})] * 4,
        }
    )
    assert failure_groups(trials) == {ANY_FAILURE: [1], "oom_killed": [1], "unknown": [1, 1]}
