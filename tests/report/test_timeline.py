"""The time line of a trial, from hand-made frames whose every answer is known, and its figures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from matplotlib.figure import Figure

from iluvatar_bench import open_run
from iluvatar_bench.batch.notebook_files import NOTEBOOK_HOME
from iluvatar_bench.errors import UsageError
from iluvatar_bench.report import (
    detection_latencies,
    latency_figure,
    latency_table,
    plot_memory,
    timeline_figure,
    trial_facts,
    trial_timeline,
    unwanted_deaths,
)
from iluvatar_bench.studies import open_detection

DATA = NOTEBOOK_HOME.parent / "data"
BEGAN = pd.Timestamp("2026-01-01T00:00:00Z")


def at(milliseconds: float) -> pd.Timestamp:
    return BEGAN + pd.Timedelta(milliseconds=milliseconds)


def span(name: str, started_ms: float, ended_ms: float, *, completed: bool = True) -> Any:
    return {
        "name": name, "started_ms": started_ms, "ended_ms": ended_ms, "completed": completed,
    }  # fmt: skip


def a_trial(number: int, submitted_ms: float, *spans: Any, **factors: str) -> dict[str, Any]:
    return {
        "trial": number,
        "container_id": f"c{number}",
        "submitted_at": at(submitted_ms),
        "spans": json.dumps(spans),
        "cgroup": "shared",
        "kill": "all",
        **factors,
    }


TRIALS = pd.DataFrame(
    [
        a_trial(0, 1000, span("start", 10, 20), span("alive", 20, 90, completed=False),
                span("kill", 95, 99)),
        # 50 ms later: its Kill falls at 80 to 85 of trial 0's time, its collection at 52 to 54.
        a_trial(1, 1050, span("collection", 2, 4), span("kill", 30, 35)),
        # Over before trial 0 began, and after it had ended.
        a_trial(2, 0, span("kill", 100, 110)),
        a_trial(3, 2000, span("kill", 5, 6)),
        # While it lived, and out of reach: another cgroup; the first process alone.
        a_trial(4, 1000, span("kill", 40, 41), cgroup="own"),
        a_trial(5, 1000, span("kill", 40, 41), kill="init"),
    ]
)  # fmt: skip
EVENTS = pd.DataFrame(
    [
        {"timestamp": at(1005), "topic": "/snapshot/prepare", "container_id": None,
         "snapshot_key": "c0"},
        {"timestamp": at(1088), "topic": "/tasks/exit", "container_id": "c0",
         "snapshot_key": None},
        {"timestamp": at(1089), "topic": "/tasks/exit", "container_id": "c1",
         "snapshot_key": None},
    ]
)  # fmt: skip
DEATHS = pd.DataFrame(
    [
        {"container_id": "c0", "pidfd_at": at(1087), "wait_at": at(1090), "event_at": at(1089),
         "list_at": pd.NaT, "poll_at": pd.NaT, "killed_at": at(1085)},
        {"container_id": "c1", "pidfd_at": pd.NaT, "wait_at": at(2001), "event_at": at(2003),
         "list_at": pd.NaT, "poll_at": at(2500), "killed_at": at(2000)},
    ]
)  # fmt: skip
SAMPLES = pd.DataFrame(
    [
        {"sampled_at": at(1040), "container_id": "c0", "rss_bytes": 5 << 20},
        {"sampled_at": at(1040), "container_id": None, "rss_bytes": 9 << 20},
        {"sampled_at": at(1091), "container_id": "c0", "rss_bytes": None},
    ]
).astype({"rss_bytes": "Int64"})


def timeline_of(trial: int) -> pd.DataFrame:
    return trial_timeline(TRIALS, trial=trial, events=EVENTS, deaths=DEATHS, samples=SAMPLES)


def test_everything_of_one_trial_stands_on_one_axis_in_the_order_of_time() -> None:
    timeline = timeline_of(0)
    found = [
        (row.kind, row.name_, row.container_id, row.started_ms, row.ended_ms)
        for row in timeline.rename(columns={"name": "name_"}).itertuples()
    ]
    assert found == [
        ("event", "/snapshot/prepare", "c0", 5, 5),
        ("step", "start", "c0", 10, 20),
        ("step", "alive", "c0", 20, 90),
        ("sample", "memory", "c0", 40, 40),
        ("collection", "collection", "c1", 52, 54),
        ("neighbour_kill", "kill", "c1", 80, 85),
        ("death", "pidfd", "c0", 87, 87),
        ("event", "/tasks/exit", "c0", 88, 88),
        ("death", "event", "c0", 89, 89),
        ("death", "wait", "c0", 90, 90),
        ("sample", "memory", "c0", 91, 91),
        ("kill", "kill", "c0", 95, 99),
    ]
    assert list(timeline.loc[~timeline["completed"].astype(bool), "name"]) == ["alive"]
    memory = timeline.loc[timeline["kind"] == "sample", "rss_bytes"]
    assert list(memory.isna()) == [False, True]
    assert memory.iloc[0] == 5 << 20


def test_what_cannot_be_drawn_is_refused_in_words() -> None:
    with pytest.raises(UsageError, match="no trial 9; there are 6"):
        timeline_of(9)
    with pytest.raises(UsageError, match="without the times of its steps"):
        trial_timeline(
            TRIALS.drop(columns="spans"), trial=0, events=EVENTS, deaths=DEATHS, samples=SAMPLES
        )


def test_latencies_count_from_the_signal_and_each_death_has_one_first() -> None:
    latencies = detection_latencies(DEATHS)
    assert [tuple(row) for row in latencies.itertuples(index=False)] == [
        ("c0", "pidfd", 2.0),
        ("c0", "wait", 5.0),
        ("c0", "event", 4.0),
        ("c1", "wait", 1.0),
        ("c1", "event", 3.0),
        ("c1", "poll", 500.0),
    ]
    table = latency_table(latencies).set_index("way")
    assert table.loc["wait"].to_dict() == {"count": 2, "median_ms": 3.0, "max_ms": 5.0, "first": 1}
    assert table["first"].to_dict() == {"pidfd": 1, "wait": 1, "event": 0, "poll": 0}


def test_the_figures_draw_on_the_axes_they_are_given_and_name_their_units(tmp_path: Path) -> None:
    figure = Figure()
    whole, end, latency, memory = figure.subplots(4)
    timeline = timeline_of(0)
    assert timeline_figure(timeline, axes=whole) is whole
    assert timeline_figure(timeline, window_ms=(70, 100), axes=end) is end
    assert latency_figure(detection_latencies(DEATHS), axes=latency) is latency
    assert plot_memory(SAMPLES, deaths=DEATHS, axes=memory) is memory
    low, high = whole.get_xlim()
    assert low < 10
    assert 99 < high < 110
    low, high = end.get_xlim()
    assert 60 < low < 70
    assert 100 < high < 110
    lanes = [label.get_text() for label in whole.get_yticklabels()]
    assert lanes == [
        "steps",
        "our Kill of it",
        "our Kills of its cgroup",
        "collections",
        "containerd's events",
        "death seen by",
        "memory\n(0–5 MiB)",
    ]
    assert whole.get_xlabel().endswith(", ms")
    assert "ms" in latency.get_xlabel()
    assert "MiB" in memory.get_ylabel()
    assert memory.get_xlabel().endswith(", ms")
    figure.savefig(tmp_path / "figure.svg")


def test_a_life_without_samples_or_a_death_can_be_drawn() -> None:
    timeline = trial_timeline(
        TRIALS, trial=3, events=EVENTS[:0], deaths=DEATHS[:0], samples=SAMPLES[:0]
    )
    assert list(timeline["kind"]) == ["kill"]
    lanes = [label.get_text() for label in timeline_figure(timeline).get_yticklabels()]
    assert lanes == ["our Kill of it"]


def test_every_trial_of_the_recorded_run_has_a_time_line_that_agrees_with_itself() -> None:
    run = open_run(DATA / "runs" / "monitored")
    seen = run.seen
    killed_by_neighbours = run.trials["mechanism"] == "collateral_kill"
    assert killed_by_neighbours.any()
    for _, trial in run.trials.iterrows():
        timeline = trial_timeline(run.trials, trial=trial["trial"], **seen)
        assert set(timeline["container_id"]) <= set(run.trials["container_id"])
        told = timeline[timeline["kind"] == "death"]
        assert len(told) == len(set(told["name"])) >= 2
        steps = timeline[timeline["kind"] == "step"]
        assert (steps["ended_ms"] >= steps["started_ms"]).all()
        if trial["bug_class"] == "process_died":
            # The neighbour's Kill begins before anybody knows of the death it causes.
            kills = timeline[timeline["kind"] == "neighbour_kill"]
            assert kills["started_ms"].min() < told["started_ms"].min()


def test_the_recorded_detection_tells_each_death_in_four_ways() -> None:
    detection = open_detection(DATA / "tables" / "detection")
    assert len(detection.reported) == len(set(detection.reported)) == len(detection.deaths) == 20
    table = latency_table(detection_latencies(detection.deaths)).set_index("way")
    assert table["count"].to_dict() == {"pidfd": 20, "wait": 20, "event": 20, "poll": 20}
    with pytest.raises(UsageError, match="no recorded detection"):
        open_detection(DATA)


def test_the_facts_of_a_trial_are_text_a_row_a_fact() -> None:
    run = open_run(DATA / "runs" / "monitored")
    died = run.trials[run.trials["bug_class"] == "process_died"].iloc[0]
    facts = trial_facts(run.trials, trial=died["trial"])
    assert facts["value"].map(type).eq(str).all()
    assert facts.loc[facts["fact"] == "mechanism", "value"].item() == "collateral_kill"
    assert (facts["fact"] == "facts").sum() == len(json.loads(died["evidence"])["facts"])
    with pytest.raises(UsageError, match="no trial 77"):
        trial_facts(run.trials, trial=77)


def test_a_removed_container_has_not_died() -> None:
    trials = pd.DataFrame({"container_id": ["a", "b", "c"], "outcome": ["ok", "failed", "unknown"]})
    deaths = pd.DataFrame({"container_id": ["c", "b", "a"], "pid": [1, 2, 3]})
    assert list(unwanted_deaths(deaths, trials)["container_id"]) == ["c", "b"]
    assert unwanted_deaths(deaths[:0], trials).empty


@pytest.mark.parametrize(
    ("level", "chosen", "reached"),
    [
        ("relative", 0, True),
        ("example", 1, True),
        # Trials in pairs: the cgroup of the second lies below that of the first, and not above.
        ("nested", 1, True),
        ("nested", 0, False),
    ],
)
def test_a_neighbours_kill_is_shown_where_it_reaches_over(
    level: str, chosen: int, reached: bool
) -> None:
    trials = pd.DataFrame(
        [a_trial(n, 1000, span("alive", 0, 90), span("kill", 40, 41)) for n in (0, 1)]
    ).assign(cgroup=level)
    shown = trial_timeline(trials, trial=chosen, events=EVENTS, deaths=DEATHS, samples=SAMPLES)
    assert ("neighbour_kill" in set(shown["kind"])) == reached
