"""Rules by which a public trace is sampled and scaled: representative, as bursty, as long."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from iluvatar_bench.errors import UsageError
from iluvatar_bench.functions import builtin_names
from iluvatar_bench.plans import (
    PublicFunction,
    TraceWindow,
    burstiness,
    choose_functions,
    index_of_dispersion,
    metadata_of,
    parse_azure,
    parse_durations,
    parse_memory,
    replay,
    spread,
    stand_in,
)
from tests.support.command import command

WHOLE_DAY = TraceWindow(minutes=1440, functions=6)
MINUTES = ",".join(map(str, range(1, 1441)))
INVOCATIONS = f"HashOwner,HashApp,HashFunction,Trigger,{MINUTES}\n"
DURATIONS = (
    "HashOwner,HashApp,HashFunction,Average,Count,Minimum,Maximum,percentile_Average_0,"
    "percentile_Average_1,percentile_Average_25,percentile_Average_50,percentile_Average_75,"
    "percentile_Average_99,percentile_Average_100\n"
)
MEMORY = (
    "HashOwner,HashApp,SampleCount,AverageAllocatedMb,AverageAllocatedMb_pct1,"
    "AverageAllocatedMb_pct5,AverageAllocatedMb_pct25,AverageAllocatedMb_pct50,"
    "AverageAllocatedMb_pct75,AverageAllocatedMb_pct95,AverageAllocatedMb_pct99,"
    "AverageAllocatedMb_pct100\n"
)


def population(count: int) -> list[PublicFunction]:
    """Skewed as the published ones are: most are rare, and duration has nothing to do with that."""
    source = random.Random(3)
    return [
        PublicFunction((str(n),), 1 + int(source.paretovariate(0.5)), source.lognormvariate(6, 1.5))
        for n in range(count)
    ]


@pytest.mark.parametrize("seed", range(5))
def test_a_representative_choice_has_the_spread_of_all_and_the_most_invoked_has_not(
    seed: int,
) -> None:
    everybody = population(2000)
    day = 86_400_000.0
    whole = spread(everybody, window_ms=day)
    taken = [
        everybody[at]
        for at in choose_functions(everybody, functions=20, rule="representative", seed=seed)
    ]
    chosen = spread(taken, window_ms=day)
    for measure, quartiles in whole.items():
        for found, expected in zip(chosen[measure], quartiles, strict=True):
            assert expected / 1.6 <= found <= expected * 1.6, measure
    most = [
        everybody[at] for at in choose_functions(everybody, functions=20, rule="most", seed=seed)
    ]
    assert spread(most, window_ms=day)["inter_arrival_ms"][2] < whole["inter_arrival_ms"][0] / 10


def test_each_function_has_the_same_chance_and_none_is_taken_twice() -> None:
    everybody = [PublicFunction((str(n),), 2 + n % 7, float(n % 5)) for n in range(40)]
    everybody.append(PublicFunction(("once",), 1))
    drawn: Counter[int] = Counter()
    for seed in range(2000):
        taken = choose_functions(everybody, functions=8, rule="representative", seed=seed)
        assert len(set(taken)) == 8
        drawn.update(taken)
    assert 40 not in drawn, "between one invocation there is no time"
    # 2,000 draws of a chance of 1 in 5: 400, standard deviation 18.
    assert all(400 - 5 * 18 < drawn[at] < 400 + 5 * 18 for at in range(40))
    all_of_them = choose_functions(everybody, functions=100, rule="representative", seed=1)
    assert sorted(all_of_them) == list(range(40))
    with pytest.raises(UsageError, match="no rule of choice 'least'"):
        choose_functions(everybody, functions=1, rule="least", seed=1)  # type: ignore[arg-type]


def bursty_day(*, functions: int = 6) -> list[str]:
    """Invocations in some hours only, and in these in some minutes, many at once."""
    source = random.Random(5)
    rows = [INVOCATIONS]
    for number in range(functions):
        counts = [0] * 1440
        for hour in source.sample(range(24), 5):
            for minute in source.sample(range(60), 8):
                counts[hour * 60 + minute] = source.randrange(5, 40)
        rows.append(f"o,a,f{number},http,{','.join(map(str, counts))}\n")
    return rows


def test_the_index_of_dispersion_is_that_of_known_counts() -> None:
    assert index_of_dispersion([3, 3, 3, 3]) == 0
    # Mean 1, sum of squares 4 over 3.
    assert index_of_dispersion([0, 2, 0, 2]) == pytest.approx(4 / 3)
    assert index_of_dispersion([0, 0]) is index_of_dispersion([7]) is None


def test_a_day_in_ten_minutes_is_as_bursty_as_the_day() -> None:
    trace = parse_azure(bursty_day(), name="t", window=WHOLE_DAY)
    functions = stand_in(trace.invocations, chosen={}, in_turn=["hello"], metadata={})
    plan = replay(trace.invocations, functions=functions, budget_mib=512, speed=144)
    last = plan.arrivals[-1].at_ms
    assert last is not None
    assert last < 600_000
    times = [one.at_ms for one in plan.arrivals if one.at_ms is not None]
    rows = burstiness(trace.counts, times, stretch_ms=trace.stretch_ms, speed=144)
    assert [(row.trace_window_ms / 60_000, row.windows) for row in rows] == [
        (1, 1440),
        (5, 288),
        (15, 96),
        (60, 24),
        (180, 8),
    ]
    for row in rows:
        assert row.trace is not None
        assert row.trace > 10
        assert row.replay == pytest.approx(row.trace, rel=0.01)
    # The check can fail: the same number at random times is a Poisson process.
    source = random.Random(1)
    even = [source.uniform(0, 600_000) for _ in times]
    flat = burstiness(trace.counts, even, stretch_ms=trace.stretch_ms, speed=144)
    assert all(row.replay is not None and row.replay < 4 for row in flat)


def test_what_is_kept_by_chance_is_less_bursty_as_theory_says() -> None:
    whole = parse_azure(bursty_day(), name="t", window=WHOLE_DAY)
    part = parse_azure(bursty_day(), name="t", window=replace(WHOLE_DAY, keep=0.1))
    share = len(part.invocations) / len(whole.invocations)
    assert share == pytest.approx(0.1, abs=0.02)
    assert part.counts == whole.counts
    for row in burstiness(
        part.counts,
        [one.at_ms for one in part.invocations],
        stretch_ms=part.stretch_ms,
        speed=1,
        keep=0.1,
    )[:3]:
        assert row.trace is not None
        assert row.expected is not None
        assert row.expected < row.trace / 3
        assert row.replay == pytest.approx(row.expected, rel=0.25)
    with pytest.raises(UsageError, match="keep must be above 0"):
        parse_azure(bursty_day(), name="t", window=TraceWindow(keep=0))


def duration_row(function: str, median: float) -> str:
    return f"o,a,{function},1,2,3,4,5,6,7,{median},9,10,11\n"


def test_durations_of_2019_are_the_functions_and_memory_its_share_of_the_applications() -> None:
    durations = parse_durations(
        [DURATIONS, duration_row("f0", 120.4), duration_row("f1", 7), duration_row("f0", 999)],
        name="d",
    )
    assert durations.form == "azure"
    assert durations.of == {("o", "a", "f0"): 120.4, ("o", "a", "f1"): 7.0}
    memory = parse_memory([MEMORY, "o,a,5,301,1,1,1,1,1,1,1,1\n"], name="m")
    trace = parse_azure(bursty_day(functions=3), name="t", window=WHOLE_DAY, durations=durations.of)
    told = metadata_of(trace, durations=durations.of, memory=memory.of, otherwise_mib=64)
    of_key = {trace.functions[name].key[2]: one for name, one in told.items()}
    assert [(of_key[name].warm_ms, of_key[name].memory_mib) for name in ("f0", "f1", "f2")] == [
        (120, 151),
        (7, 151),
        (0, 151),
    ]
    pooled = stand_in(trace.invocations, chosen={}, in_turn=["stand_in"], metadata=told)
    assert {(one.source, one.duration_ms) for one in pooled.values()} == {
        ("stand_in", 120),
        ("stand_in", 7),
        ("stand_in", 0),
    }
    assert "stand_in" in builtin_names()
    with pytest.raises(UsageError, match="d, line 2: percentile_Average_50 must be a number"):
        parse_durations([DURATIONS, duration_row("f0", float("nan"))], name="d")


def test_a_plan_is_shown_without_starting_anything(tmp_path: Path) -> None:
    day, lasting = tmp_path / "day.csv", tmp_path / "durations.csv"
    day.write_text("".join(bursty_day()))
    lasting.write_text(DURATIONS + duration_row("f2", 80))
    arguments = [
        *("run", "trace", str(day), "--durations", str(lasting), "--minutes", "1440"),
        *("--speed", "144", "--choose", "representative", "--most", "3", "--plan-only"),
        *("--out", str(tmp_path / "results")),
    ]
    shown = command(*arguments)
    assert (shown.returncode, shown.stderr) == (0, "")
    first, *rest = shown.stdout.splitlines()
    assert "of 3 of 6 functions in 600.0 s" in first
    (hours,) = [line.split() for line in rest if line.startswith("1 h -> 25 s")]
    assert hours[-1] == hours[-2] == hours[-3]
    assert not (tmp_path / "results").exists()
    alone = ["run", "trace", str(day), "--app-memory", str(lasting), "--plan-only"]
    refused = command(*alone)
    assert refused.returncode == 2
    assert "--app-memory goes with --durations" in refused.stderr
