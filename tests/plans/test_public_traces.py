"""Public traces as they are published: what is taken of a window, and what cannot be read."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from iluvatar_bench.errors import UsageError
from iluvatar_bench.plans import (
    FunctionFacts,
    PublicFunction,
    TraceWindow,
    metadata_of,
    parse_azure_2021,
    parse_durations,
    parse_huawei,
    parse_memory,
    trace_form,
)
from iluvatar_bench.runs.trace_files import read_durations, read_trace
from tests.support.command import command

AZURE = "app,func,end_timestamp,duration\n"
HUAWEI = "day,time,0,1,7\n"


def test_the_forms_are_told_by_their_headers() -> None:
    assert trace_form(AZURE, name="t") == "azure_2021"
    assert trace_form(HUAWEI, name="t") == "huawei"


def test_an_invocation_of_2021_began_before_it_ended_and_is_of_its_application() -> None:
    lines = [
        AZURE,
        "a,f,59.5,0.5\n",  # minute 1
        "a,f,61.5,0.25\n",
        "b,f,65.0,5.0\n",  # began with minute 2
        "a,f,130.0,12.0\n",  # began in minute 2, ended in minute 3
        "b,f,121.0,0.5\n",
    ]
    found = parse_azure_2021(
        lines, name="t", window=TraceWindow(first_minute=2, minutes=1)
    ).invocations
    assert [(one.function, one.at_ms) for one in found] == [
        ("f001", 0.0),
        ("f000", 1250.0),
        ("f000", 58000.0),
    ]
    only = parse_azure_2021(
        lines, name="t", window=TraceWindow(first_minute=2, minutes=1, functions=1)
    )
    assert {one.function for one in only.invocations} == {"f000"}
    # What it ran for is the mean of its invocations there: 0.25 and 12 seconds.
    assert only.functions["f000"] == PublicFunction(("a", "f"), 2, 6125.0)


@pytest.mark.parametrize("length", [1, 60])
def test_huaweis_counts_are_drawn_within_their_minute_or_second(length: int) -> None:
    # The times are those of the whole data set: this day is not its first.
    begin = 3 * 86_400
    rows = [
        f"3,{begin + number * length},{number % 3}.0,,{'NaN' if number else 4}\n"
        for number in range(240 // length)
    ]
    window = TraceWindow(first_minute=2, minutes=2)
    trace = parse_huawei([HUAWEI, *rows], name="t", window=window)
    found = trace.invocations
    assert trace == parse_huawei([HUAWEI, *rows], name="t", window=window)
    there = [number for number in range(240 // length) if 60 <= number * length < 180]
    assert len(found) == sum(number % 3 for number in there)
    counts = Counter(int(one.at_ms // (1000 * length)) for one in found)
    expected = {number - there[0]: number % 3 for number in there}
    assert counts == {at: count for at, count in expected.items() if count}


def test_the_first_minute_has_what_only_it_has() -> None:
    rows = ["0,0,1,,4\n", "0,60,0,,NaN\n"]
    window = TraceWindow(minutes=1, functions=2)
    found = parse_huawei([HUAWEI, *rows], name="t", window=window).invocations
    assert Counter(one.function for one in found) == {"f000": 4, "f001": 1}


DELAYS = [HUAWEI, "0,0,12.5,,90\n", "0,60,NaN,,80.4\n", "0,120,20.5,,3000\n"]
"""Of three functions; of the second none is known."""


def test_huaweis_delays_are_durations_and_its_limits_memory() -> None:
    durations = parse_durations(DELAYS, name="d")
    assert durations == FunctionFacts("huawei", {("0",): 16.5, ("7",): 90.0})
    memory = parse_memory([HUAWEI, "0,0,128.0,256.0,\n", "0,60,128.0,512.0,\n"], name="m")
    requests = [HUAWEI, "0,0,2,1,4\n", "0,60,0,1,1\n"]
    trace = parse_huawei(requests, name="t", durations=durations.of)
    told = metadata_of(trace, durations=durations.of, memory=memory.of, otherwise_mib=64)
    assert {
        trace.functions[name].key[0]: (one.warm_ms, one.memory_mib) for name, one in told.items()
    } == {"0": (16, 128), "1": (0, 384), "7": (90, 64)}
    with pytest.raises(UsageError, match="d, line 2: function 1 must be a number from 0"):
        parse_durations([HUAWEI, "0,0,1,-3,1\n"], name="d")


def test_durations_are_for_the_trace_that_they_are_beside(tmp_path: Path) -> None:
    requests, delays, other = (tmp_path / name for name in ("requests.csv", "delays.csv", "o.csv"))
    requests.write_text(f"{HUAWEI}0,0,2,0,4\n")
    delays.write_text("".join(DELAYS))
    other.write_text(f"{AZURE}a,f,1.5,0.5\n")
    shown = command("run", "trace", str(requests), "--durations", str(delays), "--plan-only")
    assert (shown.returncode, shown.stderr) == (0, "")
    rows = [line.split() for line in shown.stdout.splitlines() if "stand_in" in line]
    assert [(row[0], row[3], row[4]) for row in rows] == [
        ("f000", "90", "ms"),
        ("f001", "16", "ms"),
    ]
    with pytest.raises(UsageError, match=r"o\.csv is no trace of Huawei's: the durations"):
        read_trace(other, durations=read_durations(delays))
    refused = command("run", "trace", str(requests), "--app-memory", str(delays), "--plan-only")
    assert refused.returncode == 2
    assert "--app-memory goes with --durations" in refused.stderr
    other.write_text("HashOwner,HashApp,AverageAllocatedMb\no,a,100\n")
    both = ["--durations", str(delays), "--app-memory", str(other)]
    refused = command("run", "trace", str(requests), *both, "--plan-only")
    assert refused.returncode == 2
    assert "o.csv is one of Azure's files" in refused.stderr


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([AZURE, "a,f,soon,1\n"], "t, line 2: end_timestamp must be a number from 0 to 1e"),
        ([AZURE, "a,f,nan,1\n"], "line 2: end_timestamp must be a number"),
        ([AZURE, "a,f,10,-1\n"], "line 2: duration must be a number"),
        ([AZURE, "a,f,10\n"], "line 2: 3 values for 4 columns"),
        ([AZURE], "t holds no invocation in the minutes"),
        ([HUAWEI, "0,0,1,1,x\n"], "line 2: function 7 must be a number"),
        ([HUAWEI, "0,60,1,1,1\n", "0,0,1,1,1\n"], "line 3: time 0 comes after 60"),
        ([HUAWEI, "0,0,0,0,0\n"], "holds no invocation"),
        ([HUAWEI, "0,0,1,200000,1\n"], "holds 200002 invocations there, more than 100000"),
        ([HUAWEI], "holds no invocation"),
    ],
)
def test_what_cannot_be_read_is_said_with_its_line(lines: list[str], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        if lines[0] == AZURE:
            parse_azure_2021(lines, name="t")
        else:
            parse_huawei(lines, name="t")
    assert message in str(caught.value)


def test_windows_are_within_what_there_is() -> None:
    with pytest.raises(UsageError, match="minutes 20155 to 20164 are not within 1 to 20160"):
        parse_azure_2021([AZURE], name="t", window=TraceWindow(first_minute=20155))
    with pytest.raises(UsageError, match="are not within 1 to 1440"):
        parse_huawei([HUAWEI], name="t", window=TraceWindow(first_minute=1440))


def test_a_file_of_either_is_read_by_its_header(tmp_path: Path) -> None:
    path = tmp_path / "trace.txt"
    path.write_text(f"{AZURE}a,f,1.5,0.5\n")
    assert [one.at_ms for one in read_trace(path).invocations] == [1000.0]
    path.write_text(f"{HUAWEI}0,0,1,0,0\n")
    assert len(read_trace(path).invocations) == 1
