"""Figures: what every one of them owes its reader, and the numbers in some."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from iluvatar_bench.errors import UnusablePath
from iluvatar_bench.report import (
    DARK,
    LIGHT,
    alt_text,
    client_rates,
    detection_latencies,
    drawn_in,
    kills,
    latency_figure,
    plot_arrivals,
    plot_burstiness,
    plot_client_rates,
    plot_differences,
    plot_dose_response,
    plot_effects,
    plot_kills,
    plot_left_behind,
    plot_lifecycles,
    plot_memory,
    plot_occupancy,
    plot_rates,
    plot_start_latency,
    plot_steps,
    plot_survival,
    save_figure,
    side_by_side,
    timeline_figure,
    trial_timeline,
)
from iluvatar_bench.report.figures import on_dark_paper, plot_failures_by_function, svg_address
from iluvatar_bench.report.figures.captions import caption_of
from iluvatar_bench.report.figures.style import Theme, figure_of
from iluvatar_bench.runs import find_run, open_run
from iluvatar_bench.stats import describe_sides, factor_effects, failure_rates, time_to_death
from iluvatar_bench.studies import open_detection

WRONG, RIGHT = (open_run(find_run(name)) for name in ("iluvatar-2022-07", "guarded"))
TRIALS = pd.concat([WRONG.trials, RIGHT.trials], ignore_index=True)
CHURN = open_run(find_run("churn-iluvatar-2022-07"))
POOL = CHURN.pool
MOMENTS = pd.date_range("2026-01-01", periods=8, freq="500ms", tz="UTC")
SAMPLES = pd.DataFrame(
    [
        {
            "run_id": "r",
            "container_id": f"c-{number}",
            "sampled_at": at,
            "rss_bytes": 2**20 * (n + 1),
        }
        for number in range(3)
        for n, at in enumerate(MOMENTS)
    ]
)
DEATHS = pd.DataFrame({"container_id": ["c-1"], "first_seen_at": [MOMENTS[3].isoformat()]})
DOSES = pd.DataFrame(
    {"dose": [0, 1e-4, 0.5], "collected": [0, 12, 39], "failed": [0, 10, 38], "trials": 40}
).assign(model_collected=[0.0, 0.3, 0.95], model_failed=[0.0, 0.2, 0.9])

MONITORED = open_run(find_run("monitored"))
DETECTED = open_detection(find_run("monitored").parents[1] / "tables" / "detection")
SEEN = MONITORED.seen
FIELD = open_run(find_run("observed"))

BURSTS = pd.DataFrame(
    {
        "trace_window_ms": [6e4, 3e5, 3.6e6],
        "replay_window_ms": [417.0, 2083.0, 25_000.0],
        "windows": [1440, 288, 24],
        "trace": [2.7, 8.4, 31.0],
        "expected": [1.34, 2.48, 7.0],
        "replay": [1.3, 2.5, 7.4],
    }
)
PLOTS: dict[str, Callable[..., Axes]] = {
    "rates": lambda **k: plot_rates(failure_rates(TRIALS), **k),
    "steps": lambda **k: plot_steps(TRIALS, **k),
    "differences": lambda **k: plot_differences(
        describe_sides([WRONG.trials], [RIGHT.trials]), names=("a", "b"), **k
    ),
    "effects": lambda **k: plot_effects(
        factor_effects(TRIALS, factors={"cgroup": ("own", "shared")}), **k
    ),
    "survival": lambda **k: plot_survival({"wrong": time_to_death(WRONG.trials)}, **k),
    "lifecycles": lambda **k: plot_lifecycles(WRONG.trials, **k),
    "memory": lambda **k: plot_memory(SAMPLES, deaths=DEATHS, **k),
    "timeline": lambda **k: timeline_figure(trial_timeline(MONITORED.trials, trial=0, **SEEN), **k),
    "latency": lambda **k: latency_figure(detection_latencies(DETECTED.deaths), **k),
    "arrivals": lambda **k: plot_arrivals(CHURN.arrivals, **k),
    "start_latency": lambda **k: plot_start_latency(CHURN.arrivals, **k),
    "client_rates": lambda **k: plot_client_rates(client_rates(FIELD.trials, every="1min"), **k),
    "kills": lambda **k: plot_kills(kills(FIELD.trials), **k),
    "left_behind": lambda **k: plot_left_behind(FIELD.seen["health"], **k),
    "occupancy": lambda **k: plot_occupancy(POOL, **k),
    "burstiness": lambda **k: plot_burstiness(BURSTS, **k),
    "dose": lambda **k: plot_dose_response(DOSES, unit="pause threshold, share of time", **k),
}

UNIT = re.compile(r"%|\(count\)|points|, ms|, s$|MiB|UTC|share of|order of submits")


@pytest.mark.parametrize("name", PLOTS)
def test_every_figure_has_units_its_n_and_a_description(name: str) -> None:
    axes = PLOTS[name]()
    for label, ticks in ((axes.get_xlabel(), "x"), (axes.get_ylabel(), "y")):
        tick_labels = [t.get_text() for t in getattr(axes, f"get_{ticks}ticklabels")()]
        # An axis of names needs no unit, one of numbers does.
        named = any(re.search("[a-z]{4}", text) for text in tick_labels)
        assert UNIT.search(label) or named, (ticks, label, tick_labels)
    said = axes.get_title() + " ".join(axes.get_legend_handles_labels()[1])
    assert re.search(r"n = \d", said), said
    assert len(alt_text(axes).split()) > 8
    assert alt_text(axes.figure) == alt_text(axes)


@pytest.mark.parametrize("name", PLOTS)
def test_every_figure_is_drawn_on_the_axes_it_is_given(name: str) -> None:
    left, right = Figure().subplots(1, 2)
    assert PLOTS[name](axes=right) is right
    assert right.has_data()
    assert not left.has_data()


@pytest.mark.parametrize("name", PLOTS)
def test_every_figure_is_written_as_png_and_svg_and_shown_on_both_papers(
    name: str, tmp_path: Path
) -> None:
    light = PLOTS[name]()
    png, svg = save_figure(light, tmp_path / "new" / f"{name}-0.5")
    assert png.read_bytes().startswith(b"\x89PNG")
    assert LIGHT.paper in svg.read_text()
    assert (png.name, svg.name) == (f"{name}-0.5.png", f"{name}-0.5.svg")
    with drawn_in(DARK):
        dark = PLOTS[name]()
        drawn = svg_address(dark)
    # Black ink on dark paper would be invisible; a median inside a box is meant to be black.
    assert name == "steps" or "#000000" not in [line.get_color() for line in dark.get_lines()]
    # A page does not draw it again: what it shows is what would have been drawn.
    assert _without_ids(on_dark_paper(svg_address(light))) == _without_ids(drawn)
    assert DARK.paper.replace("#", "%23") in drawn


def _without_ids(address: str | None) -> str:
    """Clips, hatches and markers are named by what they look like."""
    return re.sub(r"\b[hmp][0-9a-f]{10}\b", "ID", unquote(address or ""))


def test_an_image_within_a_figure_is_not_drawn_on_dark_paper_by_its_colours() -> None:
    axes = Figure().subplots()
    axes.plot([0, 1], rasterized=True)
    assert on_dark_paper(svg_address(axes)) is None


def test_a_figure_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UnusablePath, match="cannot write"):
        save_figure(PLOTS["dose"](), tmp_path / "file" / "figure")


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_colours_differ_in_lightness_and_from_the_paper(theme: Theme) -> None:
    def luminance(colour: str) -> float:
        """Relative luminance, WCAG 2.2."""
        linear = [
            c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)
        ]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    def contrast(one: str, other: str) -> float:
        low, high = sorted((luminance(one), luminance(other)))
        return (high + 0.05) / (low + 0.05)

    # The two profiles of the demo, also in a grey copy.
    assert contrast(theme.right, theme.others[0]) > 1.9
    assert contrast(theme.ink, theme.paper) > 12
    assert all(contrast(colour, theme.paper) > 1.9 for colour in (theme.right, *theme.others))


def test_lifecycles_lie_where_they_were_lived() -> None:
    rows = WRONG.trials.sort_values("submitted_at").head(10)
    axes = plot_lifecycles(WRONG.trials, limit=10)
    lives = axes.containers[0].patches
    assert len(lives) == 10
    assert [round(bar.get_width(), 6) for bar in lives] == list((rows["total_ms"] / 1000).round(6))
    first = rows["submitted_at"].min()
    begins = (rows["submitted_at"] - first).dt.total_seconds()
    assert [round(bar.get_x(), 6) for bar in lives] == list(begins.round(6))
    marked = [t for t in axes.get_legend_handles_labels()[1] if t.endswith(")")]
    failed = rows.loc[rows["outcome"] == "failed", "bug_class"].value_counts()
    assert sorted(marked) == sorted(f"{name} ({count})" for name, count in failed.items())
    assert "first 10 of 40" in axes.get_title()


def test_memory_is_in_mebibytes_and_needs_a_time() -> None:
    axes = plot_memory(SAMPLES.rename(columns={"sampled_at": "timestamp"}))
    line = axes.get_lines()[0]
    assert list(line.get_ydata()) == [float(n) for n in range(1, 9)]
    assert list(line.get_xdata()) == [n / 2 for n in range(8)]
    with pytest.raises(ValueError, match="neither a column sampled_at nor timestamp"):
        plot_memory(SAMPLES.drop(columns="sampled_at"))


def test_every_arrival_is_a_point_of_its_outcome() -> None:
    assert CHURN.arrivals is not None
    axes = plot_arrivals(CHURN.arrivals, label="x")
    drawn = {
        label: len(points.get_offsets())
        for points, label in zip(axes.collections, axes.get_legend_handles_labels()[1], strict=True)
    }
    arrivals = CHURN.arrivals.assign(waited=CHURN.arrivals["queue_ms"].fillna(0) >= 1)
    for name, rows in arrivals.groupby("outcome"):
        waited = int(rows["waited"].sum())
        label = f"{name} (n = {len(rows)}, {len(rows) - waited} without wait)"
        assert drawn[label] == waited
    # Those without a wait would lie on each other: they are numbers below the axis.
    numbers = sum(int(text.get_text()) for text in axes.texts)
    assert numbers + sum(drawn.values()) == len(arrivals)


def test_no_legend_lies_on_data_and_none_leaves_its_figure() -> None:
    for name, plot in PLOTS.items():
        axes = plot()
        figure = figure_of(axes)
        figure.draw_without_rendering()
        legend = axes.get_legend()
        if legend is None:
            continue
        box = legend.get_window_extent()
        assert not box.overlaps(axes.get_window_extent().shrunk(0.999, 0.999)), name
        assert box.x1 <= figure.bbox.x1 + 1, name
        assert box.y1 <= figure.bbox.y1, name


def test_one_sided_bounds_are_drawn_unlike_two_sided_intervals() -> None:
    rates = failure_rates(TRIALS)
    axes = plot_rates(rates)
    bounds = [line for line in axes.get_lines() if line.get_marker() == "v"]
    drawn = sorted(round(float(y), 6) for line in bounds for y in line.get_ydata())
    shown = [text.get_text().replace("\n", "_") for text in axes.get_xticklabels()]
    none = rates[rates["bug_class"].isin(shown) & (rates["count"] == 0)]
    assert drawn == sorted((100 * none["upper_bound_if_zero"]).round(6))
    assert len(drawn) > 3
    told = caption_of(axes)
    assert "two-sided 95 %" in told
    assert "one-sided" in told


def test_counts_stand_on_axes_of_whole_numbers() -> None:
    logged = pd.DataFrame(
        {"function": ["a", "b"], "bug_class": ["network", "image"], "failures": [1, 2]}
    )
    for axis in (
        PLOTS["lifecycles"]().yaxis,
        PLOTS["occupancy"]().yaxis,
        PLOTS["left_behind"]().yaxis,
        plot_failures_by_function(logged).xaxis,
    ):
        ticks = list(axis.get_ticklocs())
        assert ticks == [round(tick) for tick in ticks]


def test_what_is_short_is_in_milliseconds() -> None:
    short = WRONG.trials.head(4)
    assert plot_lifecycles(short).get_xlabel().endswith(", ms")
    assert PLOTS["lifecycles"]().get_xlabel().endswith(", s")
    # As beside a run that took longer: both have its axis.
    long = plot_lifecycles(short, until_s=60)
    assert long.get_xlabel().endswith(", s")
    assert long.get_xlim()[1] == pytest.approx(61.2)


def test_a_class_looks_the_same_in_every_figure() -> None:
    logged = pd.DataFrame(
        {"function": ["a"] * 2, "bug_class": ["network", "process_died"], "failures": [1, 2]}
    )
    both, one = plot_failures_by_function(logged), plot_failures_by_function(logged[1:])
    looks = [
        (axes.containers[-1].patches[0].get_facecolor(), axes.containers[-1].patches[0].get_hatch())
        for axes in (both, one)
    ]
    assert looks[0] == looks[1]


def test_runs_stand_side_by_side_on_one_scale() -> None:
    figure = side_by_side(plot_occupancy, {"one": POOL.assign(busy=50), "other": POOL})
    left, right = figure.axes
    assert left.get_ylim() == right.get_ylim()
    assert left.get_ylim()[0] == 0
    assert 50 < left.get_ylim()[1] < 100
    assert left.get_xlim() == right.get_xlim()
    # Nor is anything cut off of the one that is drawn last.
    longer = POOL.assign(busy=50, at_ms=POOL["at_ms"] * 3)
    last = side_by_side(plot_occupancy, {"other": POOL, "one": longer}).axes[1]
    assert last.get_xlim()[1] * 1000 > longer["at_ms"].max()
    assert last.get_ylim()[1] > 50
    assert CHURN.arrivals is not None
    slower = CHURN.arrivals.assign(queue_ms=9000.0, submitted_at_ms=90_000.0)
    last = side_by_side(plot_arrivals, {"a": CHURN.arrivals, "b": slower}).axes[1]
    assert last.get_ylim()[1] > 9000
    assert last.get_xlim()[1] > 90
    assert [axes.get_title().split(" (")[0] for axes in figure.axes] == ["one", "other"]
    assert "of one by place" in alt_text(figure)
    assert "of other by place" in alt_text(figure)
    with pytest.raises(ValueError, match="needs a run"):
        side_by_side(plot_occupancy, {})


@pytest.mark.filterwarnings("error")
def test_arrivals_of_which_none_waited_are_drawn(tmp_path: Path) -> None:
    assert CHURN.arrivals is not None
    none = CHURN.arrivals[CHURN.arrivals["queue_ms"] < 1].head(3)
    axes = plot_arrivals(none)
    save_figure(axes, tmp_path / "arrivals")
    assert axes.get_xlim()[1] >= none["submitted_at_ms"].max() / 1000


def test_what_holds_no_row_is_drawn_empty() -> None:
    assert CHURN.arrivals is not None
    assert "0 ok, 0 failed" in alt_text(plot_arrivals(CHURN.arrivals[:0]))
    assert "no cold start; no warm start" in alt_text(plot_start_latency(CHURN.arrivals[:0]))
    assert "0 launched, at most 0 at once" in alt_text(plot_occupancy(POOL[:0]))
    none = WRONG.trials[:0]
    assert "0 container" in alt_text(plot_lifecycles(none))
    assert "no trial" in alt_text(plot_survival({"x": time_to_death(none)}))
    assert "0 containers" in alt_text(plot_memory(SAMPLES[:0]))
    assert alt_text(plot_rates(failure_rates(RIGHT.trials))).endswith("guarded 0 of 40.")
