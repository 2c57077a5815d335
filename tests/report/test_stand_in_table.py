"""What stands in for a trace's functions: asked and measured, side by side."""

from __future__ import annotations

import math

import pandas as pd

from iluvatar_bench.plans import PooledFunction
from iluvatar_bench.report.stand_in_table import stand_in_table

MIB = 1 << 20


def test_a_function_has_its_warm_requests_and_the_most_memory_of_each_container() -> None:
    functions = [
        PooledFunction("f", "stand_in", 60, 250),
        PooledFunction("g", "stand_in", 150, 1200),
        PooledFunction("h", "hello"),
    ]
    began = pd.Timestamp("2026-11-29T12:00:00Z")
    rows = [
        ("f", "a", "ok", "cold", 900.0),
        ("f", "a", "ok", "warm", 251.0),
        ("f", "a", "ok", "warm", 255.0),
        ("f", "b", "ok", "warm", 253.0),
        ("f", None, "dropped", None, None),
        ("f", "e", "failed", "cold", None),
        ("g", "c", "failed", "warm", 9.0),
        ("h", "d", "ok", "warm", 5.0),
    ]
    names = ["function", "container_id", "outcome", "start", "invoke_ms"]
    arrivals = pd.DataFrame(rows, columns=names).assign(
        submitted_at=began, lateness_ms=1.0, latency_ms=lambda frame: frame["invoke_ms"] + 2001.0
    )
    read = [("a", 5, 20), ("a", 9, 61), ("a", 1, 99), ("b", 9, 63), (None, 9, 500)]
    read += [("c", 9, None), ("d", 9, 30), ("e", 9, 9)]
    samples = pd.DataFrame(
        {
            "container_id": [name for name, _, _ in read],
            "sampled_at": [began + pd.Timedelta(seconds=at) for _, at, _ in read],
            "rss_bytes": [None if mib is None else mib * MIB for _, _, mib in read],
        }
    )
    table = stand_in_table(functions, arrivals, samples)
    assert list(table["function"]) == ["f", "g"]
    f, g = table.to_dict("records")
    assert (f["arrivals"], f["asked_ms"], f["took_ms"]) == (3, 250, 253.0)
    assert 253.0 < f["took_95_ms"] <= 255.0
    assert (f["containers"], f["asked_mib"], f["resident_mib"]) == (2, 60, 62.0)
    assert (g["arrivals"], g["containers"], g["asked_ms"]) == (0, 0, 1200)
    assert math.isnan(g["took_ms"])
    assert math.isnan(g["resident_mib"])


def test_where_nothing_imitates_there_is_no_row() -> None:
    arrivals = pd.DataFrame(
        {
            "function": ["h"],
            "container_id": ["d"],
            "outcome": ["ok"],
            "start": ["cold"],
            "invoke_ms": [1.0],
            "latency_ms": [1.0],
            "lateness_ms": [0.0],
            "submitted_at": [pd.Timestamp("2026-11-29T12:00:00Z")],
        }
    )
    samples = pd.DataFrame(
        {
            "container_id": pd.Series(dtype=str),
            "sampled_at": pd.Series(dtype="datetime64[us, UTC]"),
            "rss_bytes": pd.Series(dtype=float),
        }
    )
    assert stand_in_table([PooledFunction("h", "hello")], arrivals, samples).empty
