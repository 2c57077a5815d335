"""A slow host's containers get their time: who runs profiles says how long one may be silent."""

from __future__ import annotations

from pathlib import Path

import pytest

from iluvatar_bench.batch.notebook_files import notebook_names
from iluvatar_bench.batch.parameters import parameter_types
from tests.support.command import command
from tests.support.command_lines import all_commands

OF_RUNS = {"--set", "--concurrency", "--function"}
"""Options of what runs profiles; and of these two, which do not."""
RUN_NOTHING = {"doctor", "profile new"}

OF_LOADS = {"trials", "arrivals", "min_trials"}
"""Parameters of notebooks that run profiles."""

RUNNING = {
    "run cold-start": "",
    "run churn": "",
    "run trace": "day.csv",
    "demo": "",
    "ab": "iluvatar-2022-07 guarded",
    "dose": "start_delay_ms 0",
    "root-cause": "",
    "blame": "iluvatar-2022-07 guarded",
    "test-hypothesis": "@latest",
    "ground-truth": "",
    "false-alarms": "",
}
"""Commands that run profiles, and the arguments without which each is refused for want of them."""


MEASURING = {"overhead": ""}
"""The same, of those that run no profile and wait for a function of their own."""


def with_options(*names: str) -> set[str]:
    return {
        words
        for words, found in all_commands().items()
        if any(not set(names).isdisjoint(parameter.opts) for parameter in found.params)
    }


def test_every_command_that_runs_profiles_takes_the_time_to_become_ready() -> None:
    """Of the others, ``sweep`` has it in its grid, ``notebook`` as a parameter, and ``repeat`` from
    the run that it repeats.
    """
    assert with_options("--ready-seconds") == {*RUNNING, *MEASURING}
    assert with_options(*OF_RUNS) - RUN_NOTHING == set(RUNNING)


def test_every_notebook_that_runs_profiles_takes_it_as_well() -> None:
    parameters = {name: set(parameter_types(name)) for name in notebook_names()}
    running = {name for name, found in parameters.items() if not OF_LOADS.isdisjoint(found)}
    assert len(running) > 6
    assert {name for name, found in parameters.items() if "ready_seconds" in found} == running


@pytest.mark.parametrize(
    ("words", "seconds"),
    [
        *((words, "0") for words in (*RUNNING, *MEASURING)),
        *(("demo", none) for none in ("-1", "nan", "inf")),
    ],
)
def test_a_time_that_is_none_is_refused_before_anything_is_made(
    words: str, seconds: str, tmp_path: Path
) -> None:
    needed = (RUNNING | MEASURING)[words].split()
    asked = [*words.split(), *needed, "--ready-seconds", seconds]
    refused = command(*asked, cwd=tmp_path)
    told = f"error: --ready-seconds must be a number above 0, not {seconds}\n"
    assert (refused.returncode, refused.stdout, refused.stderr) == (2, "", told)
    assert list(tmp_path.iterdir()) == []
