"""Figures of more containers than can be told apart: aggregated, and they say so."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from iluvatar_bench.report import alt_text, plot_lifecycles, plot_memory, plot_survival
from iluvatar_bench.report.figures.captions import caption_of
from iluvatar_bench.report.figures.style import MOST_MARKS, marks_of
from iluvatar_bench.stats import survival_curve

MANY = MOST_MARKS + 1


@pytest.mark.parametrize("count", [1, 2, MOST_MARKS, MANY, 10 * MOST_MARKS])
def test_marks_are_all_or_so_many_with_both_ends(count: int) -> None:
    marks = marks_of(count)
    assert len(marks) == len(set(marks)) == min(count, MOST_MARKS)
    assert (marks[0], marks[-1]) == (0, count - 1)


def samples(containers: int) -> pd.DataFrame:
    """Two of each container, of 1, 2, ... 10 MiB by turns."""
    begin = pd.Timestamp("2026-01-01", tz="UTC")
    return pd.DataFrame(
        [
            {
                "container_id": f"c{number}",
                "sampled_at": begin + pd.Timedelta(seconds=number % 100 + later),
                "rss_bytes": 2**20 * (number % 10 + 1),
            }
            for number in range(containers)
            for later in (0, 1)
        ]
    )


def test_the_memory_of_many_containers_is_a_band_and_its_caption_says_so() -> None:
    few = plot_memory(samples(MOST_MARKS))
    assert len(few.get_lines()) == MOST_MARKS + 1
    assert "More than" not in caption_of(few)
    many = plot_memory(samples(MANY))
    (median,) = many.get_lines()
    assert np.median(median.get_ydata()) == pytest.approx(5.5, abs=1)
    (band,) = many.collections
    low, high = band.get_paths()[0].get_extents().intervaly
    assert 1 <= low < 5 < high <= 10
    assert f"More than {MOST_MARKS:,} containers" in caption_of(many)
    assert f"n = {MANY}" in many.get_title()
    assert "highest 10" in alt_text(many)


def test_a_curve_of_many_times_is_drawn_with_fewer_and_its_caption_says_so() -> None:
    times = np.arange(1.0, 4 * MOST_MARKS)
    curve = survival_curve(times, np.ones(len(times), dtype=bool))
    axes = plot_survival({"guarded": curve})
    (line,) = axes.get_lines()
    assert len(line.get_xdata()) == MOST_MARKS
    assert list(line.get_ydata())[-1] == 0
    assert f"Of more than {MOST_MARKS:,} times" in caption_of(axes)
    assert "Of more than" not in caption_of(
        plot_survival({"guarded": survival_curve([1.0], [True])})
    )


def test_lives_are_drawn_from_what_is_drawn_of_them() -> None:
    trials = pd.DataFrame(
        {
            "submitted_at": pd.date_range("2026-01-01", periods=100, freq="s", tz="UTC")[::-1],
            "total_ms": 10.0,
            "outcome": "ok",
            "bug_class": None,
        }
    )
    axes = plot_lifecycles(trials)
    assert "first 60 of 100" in axes.get_title()
    begins = [bar.get_x() for bar in axes.containers[0].patches]
    assert begins == [float(second) for second in range(60)]
