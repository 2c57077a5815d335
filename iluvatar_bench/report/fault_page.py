"""A client under test as one HTML page: the matrix, and what to do about its unsafe cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from iluvatar_bench.count_words import count_of
from iluvatar_bench.report.fault_rows import OUTCOMES, advised, matrix_lines
from iluvatar_bench.report.figures.fault_matrix import plot_fault_matrix
from iluvatar_bench.report.page_frame import render_page
from iluvatar_bench.report.page_parts import Part, Section, Table, Text, figure_part

_READING = (
    "One row a call: the fault came before it (lost-answer, refused: at it; client-killed: after "
    "it). “safe”: it went as without the fault. “failed”: the client said so and cleaned up. "
    "“lost”: something it still needed was gone. “leaked”: it left something on the node. “hung”: "
    "it did not end. “wrong”: it ended well though its container did not do its work."
)


def fault_page(rows: Sequence[Mapping[str, Any]], *, title: str, notes: Sequence[str] = ()) -> str:
    """The page as text; what the client printed is shown as text.

    Args:
        rows: one a run with a fault: ``position``, ``call`` (or ``method`` and ``subject``),
            ``fault``, ``outcome``, and where it is unsafe ``why``, ``bug_class``, ``remedy``.
        title: the page's, as in the client's command.
        notes: sentences without their points.
    """
    unsafe = advised(rows)
    cells = sum(len(where.split(", ")) for where, *_ in unsafe)
    tried = f"{count_of(len(rows), 'run')} with a fault"
    verdict = f"{tried}: every one safe." if not unsafe else f"{tried}: {cells} unsafe."
    return render_page(
        title=title,
        verdict=[verdict],
        verdict_class="worse" if unsafe else "better",
        notes=notes,
        sections=[
            Section("Matrix", _matrix(rows)),
            Section("What to change", _changes(unsafe)),
            Section("Cells", _cells(rows)),
        ],
    )


def _matrix(rows: Sequence[Mapping[str, Any]]) -> list[Part]:
    if not rows:
        return []
    return [Text(_READING), figure_part(partial(plot_fault_matrix, rows))]


def _changes(unsafe: Sequence[tuple[str, ...]]) -> list[Part]:
    if not unsafe:
        return []
    header = ("positions", "fault", "outcome", "why", "can become", "change")
    return [Table(header, tuple(unsafe))]


def _cells(rows: Sequence[Mapping[str, Any]]) -> list[Part]:
    faults, lines = matrix_lines(rows)
    if not lines:
        return []
    key = ", ".join(f"{shown.letter} {name}" for name, shown in OUTCOMES.items())
    body = tuple(
        (
            line.text,
            *(
                OUTCOMES[o].letter if (o := line.outcomes.get(f, "")) in OUTCOMES else ""
                for f in faults
            ),
        )
        for line in lines
    )
    return [Text(key + "."), Table(("call and position", *faults), body)]
