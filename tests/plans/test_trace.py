"""Traces: what is read, and the one line that says what cannot be."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iluvatar_bench.errors import UsageError
from iluvatar_bench.plans import (
    PooledFunction,
    TracedInvocation,
    TraceWindow,
    parse_azure,
    parse_metadata,
    parse_trace,
    replay,
    stand_in,
    trace_form,
)

HEADER = "func_name,invoke_time_ms\n"
METADATA = "func_name,cold_dur_ms,warm_dur_ms,mem_mb"
AZURE = "HashOwner,HashApp,HashFunction,Trigger," + ",".join(map(str, range(1, 1441)))


@given(st.lists(st.tuples(st.sampled_from(["f1", "cnn-0.0.1"]), st.integers(0, 10**6)), min_size=1))
def test_a_trace_is_read_back_as_it_was_written(rows: list[tuple[str, int]]) -> None:
    rows.sort(key=lambda row: row[1])
    lines = [HEADER, *(f"{name},{at_ms}\r\n" for name, at_ms in rows), "\n"]
    assert parse_trace(lines, name="t") == tuple(TracedInvocation(n, at) for n, at in rows)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["f1,10\n", "f1,9\n"], "t.csv, line 3: 9 ms comes after 10 ms, and a trace is sorted"),
        (["f1,-5\n"], "t.csv, line 2: invoke_time_ms must be a whole number from 0"),
        (["f1,soon\n"], "line 2: invoke_time_ms must be a whole number"),
        (["f1,1e3\n"], "line 2: invoke_time_ms must be a whole number"),
        (["f1," + "9" * 5000 + "\n"], "line 2: invoke_time_ms must be a whole number"),
        (["f1,1\n", "f1\n"], "line 3: 1 values for 2 columns"),
        ([",1\n"], "line 2: no func_name"),
        ([], "t.csv holds no invocation"),
    ],
)
def test_a_bad_line_is_named(lines: list[str], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_trace([HEADER, *lines], name="t.csv")
    assert message in str(caught.value)
    assert len(str(caught.value)) < 200


def test_the_form_is_told_by_the_header() -> None:
    assert trace_form("\ufefffunc_name,invoke_time_ms\r\n", name="t") == "iluvatar"
    assert trace_form(AZURE, name="t") == "azure"
    for header in ("", "time,name", "func_name"):
        with pytest.raises(UsageError, match="t, line 1: neither an Ilúvatar trace"):
            trace_form(header, name="t")


def test_metadata_have_the_columns_of_the_load_generator_and_may_have_more() -> None:
    lines = [METADATA + ",image_name\n", "f1,400,10,512,docker.io/x\n"]
    assert parse_metadata(lines, name="m")["f1"].memory_mib == 512
    with pytest.raises(UsageError, match="m, line 1: no column 'mem_mb'"):
        parse_metadata(["func_name,cold_dur_ms,warm_dur_ms\n"], name="m")
    with pytest.raises(UsageError, match="m, line 3: function 'f1' stands there twice"):
        parse_metadata([METADATA + "\n", "f1,1,1,1\n", "f1,1,1,1\n"], name="m")


def azure_row(function: str, counts: dict[int, int]) -> str:
    return f"o,a,{function},http," + ",".join(str(counts.get(m, 0)) for m in range(1, 1441))


def test_minute_counts_become_arrivals_in_those_minutes() -> None:
    lines = [AZURE, azure_row("x", {5: 3, 6: 1, 9: 50}), azure_row("y", {5: 7})]
    window = TraceWindow(first_minute=5, minutes=2, functions=5)
    again, other = (
        parse_azure(lines, name="z", window=replace(window, seed=seed)).invocations
        for seed in (1, 2)
    )
    found = parse_azure(lines, name="z", window=window).invocations
    assert found == again
    assert found != other
    assert Counter((one.function, int(one.at_ms // 60_000)) for one in found) == {
        ("f000", 0): 7,
        ("f001", 0): 3,
        ("f001", 1): 1,
    }
    assert all(earlier.at_ms <= later.at_ms for earlier, later in pairwise(found))
    first = parse_azure(lines, name="z", window=TraceWindow(functions=1)).invocations
    (only,) = {one.function for one in first}
    assert only == "f000"


@pytest.mark.parametrize(
    ("row", "options", "message"),
    [
        (azure_row("x", {}), {}, "z holds no invocation in the minutes"),
        (azure_row("x", {1: 10**6}), {}, "z holds 1000000 invocations there, more than 100000"),
        (azure_row("x", {1: -4}), {}, "z, line 2: minute 1 must be a whole number"),
        (azure_row("x", {1: 1}), {"first_minute": 1440}, "minutes 1440 to 1449 are not within"),
        (azure_row("x", {1: 1}), {"functions": 0}, "functions of a trace must be between"),
        ("o,a,x", {}, "z, line 2: 3 values for 1444 columns"),
    ],
)
def test_bad_minute_counts_are_refused(row: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_azure([AZURE, row], name="z", window=TraceWindow(**options))


INVOCATIONS = tuple(TracedInvocation(f, at) for f, at in (("p", 100), ("q", 300), ("p", 700)))


def test_a_replay_keeps_order_and_scales_time() -> None:
    functions = stand_in(
        INVOCATIONS, chosen={"q": "chameleon"}, in_turn=["hello"], metadata={}, memory_mib=64
    )
    assert functions == {
        "p": PooledFunction("p", "hello", 64),
        "q": PooledFunction("q", "chameleon", 64),
    }
    plan = replay(INVOCATIONS, functions=functions, budget_mib=128, speed=2)
    assert plan.kind == "trace"
    assert [(a.function, a.at_ms) for a in plan.arrivals] == [("p", 50), ("q", 150), ("p", 350)]
    short = replay(INVOCATIONS, functions=functions, budget_mib=128, limit=1)
    assert [function.name for function in short.functions] == ["p"]


def test_memory_is_that_of_the_metadata() -> None:
    metadata = parse_metadata([METADATA + "\n", "p,1,1,256\n", "q,1,1,32\n"], name="m")
    functions = stand_in(INVOCATIONS, chosen={}, in_turn=["hello", "chameleon"], metadata=metadata)
    assert [(f.source, f.memory_mib) for f in functions.values()] == [
        ("hello", 256),
        ("chameleon", 32),
    ]
    with pytest.raises(UsageError, match="function 'q' of the trace is not in the metadata"):
        stand_in(INVOCATIONS, chosen={}, in_turn=["hello"], metadata={"p": metadata["p"]})


def test_functions_that_nothing_stands_in_for_are_named() -> None:
    functions = stand_in(INVOCATIONS, chosen={"p": "hello"}, in_turn=[], metadata={})
    with pytest.raises(UsageError, match="nothing stands in for function 'q' of the trace"):
        replay(INVOCATIONS, functions=functions, budget_mib=128)
    with pytest.raises(UsageError, match="no function 'r' in the trace; there are: p, q"):
        stand_in(INVOCATIONS, chosen={"r": "hello"}, in_turn=[], metadata={})
    for wrong in ({"speed": 0}, {"speed": float("nan")}, {"limit": 0}):
        with pytest.raises(UsageError, match="must be"):
            replay(INVOCATIONS, functions={}, budget_mib=128, **wrong)
