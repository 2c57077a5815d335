"""Public traces as they are published: what is taken of a window, and what cannot be read."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from iluvatar_bench.errors import UsageError
from iluvatar_bench.plans import PublicFunction, parse_azure_2021, parse_huawei, trace_form
from iluvatar_bench.runs.trace_files import read_trace

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
    found = parse_azure_2021(lines, name="t", first_minute=2, minutes=1).invocations
    assert [(one.function, one.at_ms) for one in found] == [
        ("f001", 0.0),
        ("f000", 1250.0),
        ("f000", 58000.0),
    ]
    only = parse_azure_2021(lines, name="t", first_minute=2, minutes=1, functions=1)
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
    trace = parse_huawei([HUAWEI, *rows], name="t", seed=1, first_minute=2, minutes=2)
    found = trace.invocations
    assert trace == parse_huawei([HUAWEI, *rows], name="t", seed=1, first_minute=2, minutes=2)
    there = [number for number in range(240 // length) if 60 <= number * length < 180]
    assert len(found) == sum(number % 3 for number in there)
    counts = Counter(int(one.at_ms // (1000 * length)) for one in found)
    expected = {number - there[0]: number % 3 for number in there}
    assert counts == {at: count for at, count in expected.items() if count}


def test_the_first_minute_has_what_only_it_has() -> None:
    rows = ["0,0,1,,4\n", "0,60,0,,NaN\n"]
    found = parse_huawei([HUAWEI, *rows], name="t", seed=1, minutes=1, functions=2).invocations
    assert Counter(one.function for one in found) == {"f000": 4, "f001": 1}


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
            parse_huawei(lines, name="t", seed=1)
    assert message in str(caught.value)


def test_windows_are_within_what_there_is() -> None:
    with pytest.raises(UsageError, match="minutes 20155 to 20164 are not within 1 to 20160"):
        parse_azure_2021([AZURE], name="t", first_minute=20155)
    with pytest.raises(UsageError, match="are not within 1 to 1440"):
        parse_huawei([HUAWEI], name="t", seed=1, first_minute=1440)


def test_a_file_of_either_is_read_by_its_header(tmp_path: Path) -> None:
    path = tmp_path / "trace.txt"
    path.write_text(f"{AZURE}a,f,1.5,0.5\n")
    assert [one.at_ms for one in read_trace(path, seed=1).invocations] == [1000.0]
    path.write_text(f"{HUAWEI}0,0,1,0,0\n")
    assert len(read_trace(path, seed=1).invocations) == 1
