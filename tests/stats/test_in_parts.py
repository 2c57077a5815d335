"""What is counted of a run some trials at a time against what is counted of all at once."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd
import pytest

from iluvatar_bench.records import Outcome
from iluvatar_bench.runs import find_run, open_run
from iluvatar_bench.stats import describe_sides, event_sizes, failure_rates
from iluvatar_bench.stats.accounting import outcome_counts
from iluvatar_bench.stats.comparison import count_run, describe_counted
from iluvatar_bench.stats.rates import rates_of_counts

NAMES = ("iluvatar-2022-07", "root-cause", "observed")


def in_parts(trials: pd.DataFrame) -> Iterator[pd.DataFrame]:
    for begin in range(0, len(trials), 7):
        yield trials.iloc[begin : begin + 7]


@pytest.mark.parametrize("name", NAMES)
def test_rates_of_counts_are_those_of_all_trials(name: str) -> None:
    trials = open_run(find_run(name)).trials
    counts = outcome_counts(in_parts(trials))
    assert counts["count"].sum() == len(trials)
    pd.testing.assert_frame_equal(rates_of_counts(counts), failure_rates(trials))


def test_a_row_that_does_not_add_up_is_named_by_its_place_among_all() -> None:
    trials = open_run(find_run("iluvatar-2022-07")).trials.copy()
    trials.loc[29, "outcome"] = "lost"
    with pytest.raises(ValueError, match="rows 29"):
        outcome_counts(in_parts(trials))


@pytest.mark.parametrize("name", NAMES)
def test_an_event_that_took_trials_of_several_parts_is_one(name: str) -> None:
    trials = open_run(find_run(name)).trials
    counted = count_run(in_parts(trials))
    assert counted.trials == len(trials)
    pd.testing.assert_frame_equal(
        describe_counted([counted], [counted]), describe_sides([trials], [trials])
    )
    failed = trials[trials["outcome"] == str(Outcome.FAILED)]
    row = describe_counted([counted], [counted]).set_index("bug_class").loc["failed"]
    assert row["baseline_events"] == len(event_sizes(failed)) < len(failed)
