"""A client under test: positions down, faults across, the outcome as a letter and a colour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from iluvatar_bench.report.fault_rows import OUTCOMES, MatrixLine, matrix_lines
from iluvatar_bench.report.figures.captions import note
from iluvatar_bench.report.figures.style import (
    HATCHES,
    axes_or_new,
    describe,
    figure_of,
    in_style,
    theme,
)


@in_style
def plot_fault_matrix(rows: Sequence[Mapping[str, Any]], *, axes: Axes | None = None) -> Axes:
    """One row a position, one column a fault; neighbours that are alike are folded beyond 60.

    Args:
        rows: as of ``fault_rows.matrix_lines``.
        axes: where to draw; a new figure by default.
    """
    faults, lines = matrix_lines(rows)
    axes = axes_or_new(axes, 4.2 + 0.62 * max(len(faults), 1), 0.2 * max(len(lines), 6) + 1.9)
    for height, line in enumerate(lines):
        axes.text(-0.15, height, line.text, ha="right", va="center", fontsize=7.5)
        for column, fault in enumerate(faults):
            _cell(axes, column, height, line, fault)
    for column, fault in enumerate(faults):
        axes.text(
            column + 0.5,
            -0.7,
            fault,
            rotation=40 if 0.7 * figure_of(axes).get_figwidth() > 0.35 * len(faults) else 90,
            ha="left",
            va="bottom",
            rotation_mode="anchor",
            fontsize=8,
        )
    axes.set_xlim(0, max(len(faults), 1))
    axes.set_ylim(len(lines) - 0.4, -0.6)
    axes.set_axis_off()
    note(
        axes,
        "A row a call of the client, a column a fault; a letter: what became of its container.",
    )
    found = [str(row["outcome"]) for row in rows]
    seen = [name for name in OUTCOMES if name in found]
    key = "   ".join(f"{OUTCOMES[name].letter} {name}" for name in seen)
    axes.text(0, len(lines) - 0.2, key, va="top", fontsize=8)
    counted = ", ".join(f"{found.count(name)} {name}" for name in seen)
    describe(
        axes,
        f"Matrix of a client under test: {len({row['position'] for row in rows})} positions, "
        f"{len(faults)} faults; cells: {counted or 'none'}.",
    )
    return axes


def _cell(axes: Axes, column: int, height: int, line: MatrixLine, fault: str) -> None:
    outcome = line.outcomes.get(fault)
    shown = OUTCOMES.get(outcome or "")
    if shown is None:
        return
    colours = (theme().paper, theme().faint, *theme().others)
    axes.add_patch(
        Rectangle(
            (column + 0.05, height - 0.45),
            0.9,
            0.9,
            facecolor=colours[shown.colour],
            edgecolor=theme().faint,
            lw=0.5,
            hatch=HATCHES[shown.hatch],
        )
    )
    dark_on_colour = "#111111" if shown.colour > 1 else theme().ink
    axes.text(
        column + 0.5,
        height,
        shown.letter,
        ha="center",
        va="center",
        fontsize=8,
        weight="bold" if shown.unsafe else "normal",
        color=dark_on_colour,
    )
