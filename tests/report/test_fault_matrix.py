"""The matrix of a client under test: picture, page and text."""

from __future__ import annotations

from typing import Any

import pytest
from matplotlib.colors import to_hex
from matplotlib.patches import Rectangle

from iluvatar_bench.clients.check.outcome import ClientOutcome
from iluvatar_bench.report import LIGHT, alt_text, plot_fault_matrix
from iluvatar_bench.report.fault_page import fault_page
from iluvatar_bench.report.fault_rows import OUTCOMES, matrix_lines


def row(position: int, fault: str, outcome: str, **more: Any) -> dict[str, Any]:
    method = "containerd.services.tasks.v1.Tasks/Create"
    return {
        "position": position,
        "method": method,
        "subject": f"c{position}",
        "fault": fault,
        "outcome": outcome,
        **more,
    }


ROWS = [
    row(1, "collection", "safe"),
    row(1, "pause", "failed"),
    row(2, "collection", "lost", why="the snapshot was gone", remedy="hold it", bug_class="image"),
    row(2, "collection", "safe"),
    row(2, "pause", "not met"),
]


def test_every_outcome_has_a_letter_of_its_own() -> None:
    assert set(OUTCOMES) == {str(outcome) for outcome in ClientOutcome}
    letters = [shown.letter for shown in OUTCOMES.values()]
    assert len(set(letters)) == len(letters)


def test_the_worst_of_the_repetitions_is_the_cell() -> None:
    faults, lines = matrix_lines(ROWS)
    assert faults == ("collection", "pause")
    assert [dict(line.outcomes) for line in lines] == [
        {"collection": "safe", "pause": "failed"},
        {"collection": "lost", "pause": "not met"},
    ]
    assert [line.text for line in lines] == ["Tasks.Create c1  1", "Tasks.Create c2  2"]


def test_the_picture_has_a_letter_and_a_colour_a_cell() -> None:
    axes = plot_fault_matrix(ROWS)
    letters = [text.get_text() for text in axes.texts if len(text.get_text()) == 1]
    assert letters == ["·", "f", "L", "–"]
    cells = [patch for patch in axes.patches if isinstance(patch, Rectangle)]
    colours = [to_hex(cell.get_facecolor()) for cell in cells]
    assert colours[0] == LIGHT.paper
    assert colours[2] == LIGHT.others[1]
    assert "1 lost, 1 failed, 2 safe, 1 not met" in alt_text(axes)


@pytest.mark.parametrize("positions", [5, 41, 400])
def test_many_positions_fit_on_a_page(positions: int) -> None:
    rows = [
        row(number, fault, "lost" if number == 17 and fault == "pause" else "safe")
        for number in range(1, positions + 1)
        for fault in ("collection", "pause")
    ]
    axes = plot_fault_matrix(rows)
    figure = axes.get_figure()
    assert figure is not None
    assert figure.get_size_inches()[1] < 16  # type: ignore[union-attr]
    _, lines = matrix_lines(rows)
    assert len(lines) == (3 if positions == 400 else positions)


def test_the_page_says_what_to_change_and_keeps_text_as_text() -> None:
    page = fault_page(ROWS, title="client <b>", notes=["it leaves a lease"])
    assert "5 runs with a fault: 1 unsafe." in page
    assert "hold it" in page
    assert "the snapshot was gone" in page
    assert "it leaves a lease" in page
    assert "<b>" not in page
    assert "every one safe" in fault_page(ROWS[:2], title="x")
    assert "0 runs" in fault_page([], title="x")
