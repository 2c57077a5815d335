"""The invented day is the one that docs/traces.md tells of, and is read as Azure's is."""

from __future__ import annotations

from iluvatar_bench.benchmarks.invented_day import invented_day
from iluvatar_bench.plans import TraceWindow, parse_azure, parse_durations, parse_memory


def test_the_day_of_the_docs_is_invented_anew_and_its_three_files_fit_each_other() -> None:
    files = invented_day(20)
    durations = parse_durations(files["durations"], name="d").of
    memory = parse_memory(files["memory"], name="m").of
    window = TraceWindow(minutes=1440, functions=12, rule="representative")
    trace = parse_azure(files["invocations"], name="i", window=window, durations=durations)
    assert (len(trace.population), len(trace.invocations)) == (227, 1438)
    assert all(one.duration_ms is not None for one in trace.population)
    assert {key[:2] for key in durations} == set(memory)
    assert len(memory) == 80
