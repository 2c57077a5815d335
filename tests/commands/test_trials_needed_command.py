"""``trials-needed`` at the command line."""

from __future__ import annotations

import json

import pytest

from iluvatar_bench.stats import trials_to_see_difference
from tests.support.command import command


def test_clusters_need_more_trials_and_ab_is_told_how() -> None:
    asked = ("trials-needed", "--rate", "0.3", "--difference", "-0.2", "--design-effect")
    one, three = (json.loads(command(*asked, d, "--json").stdout) for d in ("1", "3"))
    assert one["trials_a_side"] == trials_to_see_difference(0.3, 0.1, power=0.9)
    assert three["trials_a_side"] == 3 * one["trials_a_side"]
    assert (three["rounds"] - 1) * 6 < three["trials_a_side"] <= three["rounds"] * 6
    told = command(*asked, "3").stdout
    assert told.splitlines()[-1] == f"iluvatar-bench ab A B --rounds {three['rounds']} --repeats 6"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--rate", "30", "--difference", "0.1"], "--rate must lie in 0..1, not 30: 0.1 is 10 %"),
        (
            ["--rate", "0.3", "--difference", "0.8"],
            "--rate and --difference together must lie in 0..1, not 1.1",
        ),
        (["--rate", "0.3", "--difference", "0"], "no number of trials"),
        (["--rate", "0.3", "--difference", "0.001"], "more than 2000 trials"),
        (["--rate", "0.3", "--difference", "0.1", "--design-effect", "0.5"], "at least 1, not 0.5"),
        (["--rate", "0.3", "--difference", "0.1", "--repeats", "0"], "repeats must be at least 1"),
    ],
)
def test_impossible_requests_are_one_line(arguments: list[str], message: str) -> None:
    done = command("trials-needed", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
