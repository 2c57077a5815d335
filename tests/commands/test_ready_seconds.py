"""A slow host's containers get their time: who runs profiles says how long one may be silent."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.command import command
from tests.support.command_lines import all_commands

OF_RUNS = {"--set", "--concurrency", "--function"}
"""Options of what runs profiles; and of these two, which do not."""
RUN_NOTHING = {"doctor", "profile new"}

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


def with_options(*names: str) -> set[str]:
    return {
        words
        for words, found in all_commands().items()
        if any(not set(names).isdisjoint(parameter.opts) for parameter in found.params)
    }


def test_every_command_that_runs_profiles_takes_the_time_to_become_ready() -> None:
    """Of the others, ``sweep`` has it in its grid, ``notebook`` as a parameter of cold_start and
    churn, and ``repeat`` from the run that it repeats.
    """
    assert with_options("--ready-seconds") == set(RUNNING)
    assert with_options(*OF_RUNS) - RUN_NOTHING == set(RUNNING)


@pytest.mark.parametrize("words", RUNNING)
def test_a_time_that_is_none_is_refused_before_anything_is_made(words: str, tmp_path: Path) -> None:
    asked = [*words.split(), *RUNNING[words].split(), "--ready-seconds", "0"]
    refused = command(*asked, cwd=tmp_path)
    told = "error: --ready-seconds must be a number above 0, not 0\n"
    assert (refused.returncode, refused.stdout, refused.stderr) == (2, "", told)
    assert list(tmp_path.iterdir()) == []
