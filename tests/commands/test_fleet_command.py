"""``fleet`` at the command line."""

from __future__ import annotations

import json

import pytest

from tests.support.command import command


def test_an_observed_node_as_a_fleet() -> None:
    told = command("fleet", "observed", "--client", "iluvatar_worker", "--workers", "200", "--json")
    found = json.loads(told.stdout)
    assert found["workers"] == 200
    assert found["starts_per_day"] == pytest.approx(200 * 86_400 * found["starts_per_second"])
    rows = {row["failure"]: row for row in found["days"]}
    assert rows["any failure"]["failures"] == sum(
        row["failures"] for name, row in rows.items() if name not in ("any failure", "unknown")
    )
    assert [plan["events_allowed"] for plan in found["plans"]] == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "name a run, or give --measured"),
        (["observed", "--measured", "1/2"], "name a run, or give --measured"),
        (["--measured", "5/2"], "--measured 5/2: events of starts, as in 3/2000000"),
        (["--measured", "1/100", "--claim", "2"], "between 0 and 1, not 2"),
    ],
)
def test_impossible_requests_are_one_line(arguments: list[str], message: str) -> None:
    done = command("fleet", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
