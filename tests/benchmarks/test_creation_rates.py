"""The knee of creations: wrong requests start nothing; a real one measures every limit."""

from __future__ import annotations

import json

import pytest

from iluvatar_bench.benchmarks.creation_rates import creation_rates
from iluvatar_bench.errors import UsageError
from tests.support.command import command


@pytest.mark.parametrize(
    ("limits", "containers", "rounds", "message"),
    [
        ((), 8, 2, "name each limit once, and at least one"),
        ((2, 2), 8, 2, "name each limit once"),
        ((0,), 8, 2, "a limit must be between 1 and 64"),
        ((4,), 3, 2, "containers must be between the largest limit, 4, and 200, not 3"),
        ((4,), 8, 1, "rounds must be between 2 and 100, not 1"),
    ],
)
async def test_wrong_requests_start_nothing(
    limits: tuple[int, ...], containers: int, rounds: int, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        await creation_rates(limits, containers=containers, rounds=rounds)


@pytest.mark.daemon
@pytest.mark.slow
def test_every_limit_is_measured_in_every_round() -> None:
    done = command(
        "creation-benchmark",
        *("--limit", "1", "--limit", "3", "--containers", "4", "--rounds", "2", "--json"),
    )
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    assert sorted((one["limit"], one["round"]) for one in told["of"]) == [
        (1, 0),
        (1, 1),
        (3, 0),
        (3, 1),
    ]
    # Nobody waited longer for its own creation than it took to make all four.
    assert all(0 < one["create_ms"] < 1000 * 4 / one["rate"] for one in told["of"])
    assert told["knee"]["setting"] in (1, 3)
