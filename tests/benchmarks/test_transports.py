"""What a unix socket saves: the table, and a real pair of containers in it."""

from __future__ import annotations

import pandas as pd
import pytest

from iluvatar_bench.benchmarks.transports import (
    COLD_START,
    DIFFERENCE,
    FIRST,
    STARTS,
    TCP,
    UNIX,
    WARM,
    invocation_times,
    transport_table,
)


def of_pair(pair: int, transport: str, cold: float, *warm: float) -> list[dict[str, object]]:
    times = [(COLD_START, cold), (FIRST, cold / 10), *((WARM, one) for one in warm)]
    return [
        {"start": start, "transport": transport, "pair": pair, "duration_ms": took}
        for start, took in times
    ]


def test_a_container_counts_once_and_a_difference_is_within_its_pair() -> None:
    rows: list[dict[str, object]] = []
    # The host becomes slower from pair to pair, and tcp always takes 20 ms more.
    for pair in range(9):
        rows += of_pair(pair, UNIX, 100.0 + 50 * pair, 3.0, 3.0)
        rows += of_pair(pair, TCP, 120.0 + 50 * pair, 3.0, 4.0, 5.0)
    rows += of_pair(9, TCP, 10_000.0, 100.0)  # the other one failed
    table = transport_table(pd.DataFrame(rows)).set_index(["start", "transport"])
    assert len(table) == 9
    assert (table["pairs"] == 9).all()
    assert table.loc[(COLD_START, TCP), "median_ms"] == 320
    assert table.loc[(WARM, TCP), "median_ms"] == 4
    assert table.loc[(WARM, UNIX), "median_ms"] == 3
    cold = table.loc[(COLD_START, DIFFERENCE)]
    assert (cold["low_ms"], cold["median_ms"], cold["high_ms"]) == (20, 20, 20)
    # Each transport alone says nothing so exact: its interval is as wide as the host's change.
    alone = table.loc[(COLD_START, UNIX)]
    assert alone["low_ms"] < 250 < 350 < alone["high_ms"]


@pytest.mark.daemon
@pytest.mark.slow
async def test_both_transports_are_measured_in_one_run() -> None:
    times = await invocation_times(containers=2, invocations=3)
    counts = times.groupby(["start", "transport"]).size()
    assert counts.to_dict() == {
        (start, transport): 4 if start == WARM else 2
        for start in STARTS
        for transport in (TCP, UNIX)
    }
    # A cold start is more than its first invocation.
    by = times.groupby("start")["duration_ms"].min()
    assert by[COLD_START] > by[FIRST]
