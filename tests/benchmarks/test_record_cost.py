"""What is recorded to measure what recording costs: trials like real ones, in a run's order."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from iluvatar_bench.benchmarks.made_trials import (
    OUT_OF_ORDER,
    TOPICS,
    keep_trial,
    trials_like_recorded,
)
from iluvatar_bench.benchmarks.record_cost import look_up_costs
from iluvatar_bench.benchmarks.repeated_run import write_repeated
from iluvatar_bench.runs import RunFolder, open_run
from iluvatar_bench.runs.run_tables import write_tables
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


def test_a_run_made_of_copies_has_trials_of_its_own(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    folder.path.mkdir()
    for trial in trials_like_recorded(5 * OUT_OF_ORDER):
        keep_trial(folder, trial)
    write_tables(folder)
    folder.write_manifest({"status": "finished", "profile": {"name": "p"}, "plan": {}})
    folder.close()
    write_repeated(folder.path, 3, tmp_path / "copies")
    one, three = open_run(folder.path), open_run(tmp_path / "copies")
    assert list(three.trials["trial"]) == list(range(3 * len(one.table)))
    assert three.trials["submitted_at"].is_monotonic_increasing
    assert (three.rates["count"] == 3 * one.rates["count"]).all()
    names = three.trials["container_id"]
    assert names.is_unique
    assert len(three.seen_of("events", names.iloc[-1])) == len(TOPICS)
    assert three.trials["evidence"].iloc[-1] == one.trials["evidence"].iloc[-1]


@pytest.mark.slow
def test_the_command_measures_a_run_that_can_be_opened() -> None:
    done = command("record-benchmark", "--trials", "200", "--copies", "2", "--json")
    (cost,) = json.loads(done.stdout)["costs"]
    assert cost["journal_bytes"] > 1000
    assert cost["open_seconds"] > 0
    assert (cost["copied_trials"], cost["copied_open_seconds"] > 0) == (400, True)
    assert command("record-benchmark", "--trials", "0").returncode == 2
