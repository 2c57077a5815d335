"""What is recorded to measure what recording costs: trials like real ones, in a run's order."""

from __future__ import annotations

import json

import pytest

from iluvatar_bench.benchmarks.record_cost import OUT_OF_ORDER, look_up_costs, trials_like_recorded
from tests.support.command import command


def test_the_trials_are_those_of_recorded_runs_and_end_out_of_order() -> None:
    made = list(trials_like_recorded(5 * OUT_OF_ORDER))
    numbers = [trial.trial for trial in made]
    assert sorted(numbers) == list(range(len(made)))
    assert numbers != sorted(numbers)
    assert len({trial.container_id for trial in made}) == len(made)
    failed = [trial for trial in made if trial.bug_class is not None]
    assert 0 < len(failed) <= len(made) / 5
    assert all(trial.evidence["facts"] for trial in failed)


def test_look_ups_are_measured_for_each_number() -> None:
    assert [cost.trials for cost in look_up_costs([3, 30])] == [3, 30]


@pytest.mark.slow
def test_the_command_measures_a_run_that_can_be_opened() -> None:
    done = command("record-benchmark", "--trials", "200", "--json")
    (cost,) = json.loads(done.stdout)["costs"]
    assert cost["journal_bytes"] > 1000
    assert cost["open_seconds"] > 0
    assert command("record-benchmark", "--trials", "0").returncode == 2
