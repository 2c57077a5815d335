"""The rows of a check as the lines of a matrix, and as a table. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from iluvatar_bench.report.call_rows import shortened

MOST_LINES = 60
"""Beyond so many positions, neighbours with the same outcomes are one line."""


@dataclass(frozen=True, slots=True)
class ShownOutcome:
    """How an outcome looks."""

    letter: str
    colour: int
    """0 the paper, 1 grey, from 2 on the theme's other colours."""
    hatch: int
    unsafe: bool


OUTCOMES: Mapping[str, ShownOutcome] = {
    "lost": ShownOutcome("L", 3, 0, True),
    "hung": ShownOutcome("H", 6, 0, True),
    "wrong": ShownOutcome("W", 7, 0, True),
    "leaked": ShownOutcome("K", 2, 0, True),
    "failed": ShownOutcome("f", 5, 0, False),
    "safe": ShownOutcome("·", 0, 0, False),
    "not met": ShownOutcome("–", 1, 0, False),
}
"""The worst first."""

_WORST = {name: position for position, name in enumerate(OUTCOMES)}


@dataclass(frozen=True, slots=True)
class MatrixLine:
    """One position, or several that are alike."""

    text: str
    outcomes: Mapping[str, str]
    """Fault to outcome, the worst of its repetitions."""


def matrix_lines(
    rows: Iterable[Mapping[str, Any]], *, most: int = MOST_LINES
) -> tuple[tuple[str, ...], tuple[MatrixLine, ...]]:
    """The faults in the order in which they come, and a line a position.

    Args:
        rows: one a run: ``position`` (number), ``call`` (or ``method`` and ``subject``),
            ``fault``, ``outcome``; more is passed over.
        most: beyond so many positions, neighbours that are alike are folded.
    """
    faults: dict[str, None] = {}
    calls: dict[int, str] = {}
    outcomes: dict[int, dict[str, str]] = {}
    for row in rows:
        position, fault, outcome = int(row["position"]), str(row["fault"]), str(row["outcome"])
        faults.setdefault(fault)
        calls.setdefault(position, call_text(row))
        found = outcomes.setdefault(position, {})
        if fault not in found or _rank(outcome) < _rank(found[fault]):
            found[fault] = outcome
    numbers = sorted(calls)
    groups: list[list[int]] = []
    for number in numbers:
        alike = bool(groups) and outcomes[groups[-1][-1]] == outcomes[number]
        if len(numbers) > most and alike:
            groups[-1].append(number)
        else:
            groups.append([number])
    return tuple(faults), tuple(_line(group, calls, outcomes[group[0]]) for group in groups)


def _rank(outcome: str) -> int:
    return _WORST.get(outcome, len(_WORST))


def _line(
    group: Sequence[int], calls: Mapping[int, str], outcomes: Mapping[str, str]
) -> MatrixLine:
    first = shortened(calls[group[0]], 40)
    if len(group) == 1:
        return MatrixLine(f"{first}  {group[0]}", outcomes)
    return MatrixLine(f"{first} … {len(group)} positions  {group[0]}–{group[-1]}", outcomes)


def call_text(row: Mapping[str, Any]) -> str:
    """The call of a row: its ``call``, or its ``method`` and ``subject``."""
    if row.get("call"):
        return str(row["call"])
    method = str(row.get("method") or "")
    service, _, name = method.partition("/")
    short = f"{service.rpartition('.')[2]}.{name}" if name else method
    return f"{short} {row.get('subject') or ''}".strip()


def advised(rows: Iterable[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """Unsafe rows that say the same, together: where, fault, outcome, why, class, remedy."""
    groups: dict[tuple[str, ...], list[int]] = {}
    for row in rows:
        shown = OUTCOMES.get(str(row["outcome"]))
        unsafe = row.get("unsafe", shown is not None and shown.unsafe)
        if unsafe:
            said = (
                str(row["fault"]),
                str(row["outcome"]),
                str(row.get("why") or row.get("rule") or row.get("what") or "–"),
                str(row.get("bug_class") or "–"),
                str(row.get("remedy") or "–"),
            )
            groups.setdefault(said, []).append(int(row["position"]))
    return [
        (", ".join(map(str, sorted(set(positions)))), *said) for said, positions in groups.items()
    ]
