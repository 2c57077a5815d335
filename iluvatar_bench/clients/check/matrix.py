"""The answer of a check: one cell a position and fault. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from iluvatar_bench.clients.check.advice import Advice
from iluvatar_bench.clients.check.outcome import ClientOutcome, Fault, is_unsafe
from iluvatar_bench.clients.check.positions import Position, can_stand

_SHORT = {ClientOutcome.SAFE: ".", ClientOutcome.NOT_MET: "-"}
_NOT_TRIED = "?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One fault at one position."""

    position: int
    call: str
    fault: Fault
    outcome: ClientOutcome
    run: int = 1
    """Which of the repetitions, from 1."""
    container_id: str
    label: str
    """The run's name in the table of calls."""
    exit_status: int | None
    seconds: float
    noticed: bool
    """Whether the client ended with another status than 0."""
    what: tuple[str, ...] = ()
    """What was lost, what was left, what was said."""
    advice: Advice | None = None
    """Of an unsafe cell: what it can become, the rule broken, and the change that mends it."""

    @property
    def unsafe(self) -> bool:
        """Whether it speaks against the client."""
        return is_unsafe(self.fault, self.outcome)

    def as_row(self) -> dict[str, Any]:
        """A flat row, the texts of ``what`` joined."""
        row = asdict(self)
        advice = self.advice
        return {
            **row,
            "fault": str(self.fault),
            "outcome": str(self.outcome),
            "unsafe": self.unsafe,
            "what": "; ".join(self.what),
            "advice": None,
            "bug_class": None if advice is None else advice.bug_class,
            "rule": None if advice is None else advice.rule,
            "remedy": None if advice is None else advice.remedy,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """Positions down, faults across."""

    command: tuple[str, ...]
    positions: tuple[Position, ...]
    faults: tuple[Fault, ...]
    cells: tuple[Cell, ...]
    leaves_undisturbed: tuple[str, ...] = ()
    """What the client leaves on the node without any fault."""
    runs: int = 1
    """How often each fault was to be tried at each position."""

    @property
    def unsafe(self) -> tuple[Cell, ...]:
        """The cells that speak against the client."""
        return tuple(cell for cell in self.cells if cell.unsafe)

    @property
    def calls(self) -> int:
        """How many calls the client makes."""
        return len(self.positions) - 1

    def worst(self, position: int, fault: Fault) -> Cell | None:
        """The worst of the repetitions of one cell; None where the fault was not tried there."""
        order = list(ClientOutcome)
        found = [c for c in self.cells if (c.position, c.fault) == (position, fault)]
        return min(found, key=lambda cell: order.index(cell.outcome), default=None)

    def not_tried(self, fault: Fault) -> int:
        """How many runs of a fault a stopped check did not come to."""
        planned = self.runs * sum(can_stand(fault, position) for position in self.positions)
        return planned - sum(cell.fault is fault for cell in self.cells)

    def counts(self, fault: Fault) -> dict[str, int]:
        """How often each outcome, for one fault; the worst first."""
        found = Counter(cell.outcome for cell in self.cells if cell.fault is fault)
        return {str(outcome): found[outcome] for outcome in ClientOutcome if found[outcome]}

    def as_json(self) -> dict[str, Any]:
        """JSON-ready values."""
        return {
            "command": list(self.command),
            "calls": self.calls,
            "safe": not self.unsafe,
            "leaves_undisturbed": list(self.leaves_undisturbed),
            "positions": [
                {"number": p.number, "call": p.call, "always": p.always} for p in self.positions
            ],
            "faults": {str(fault): self.counts(fault) for fault in self.faults},
            "not_tried": {str(f): left for f in self.faults if (left := self.not_tried(f))},
            "cells": [cell.as_row() for cell in self.cells],
        }

    def text(self) -> str:
        """The matrix, and under it what to do about each unsafe cell."""
        return "\n".join([*self._table(), "", *self._summary(), *self._advised()])

    def _table(self) -> Iterator[str]:
        width = max(len(position.call) for position in self.positions) + 4
        columns = [max(len(fault), 8) for fault in self.faults]
        heads = "  ".join(str(f).ljust(w) for f, w in zip(self.faults, columns, strict=True))
        yield f"{'before the call':<{width}}  {heads}".rstrip()
        for position in self.positions:
            shown = "  ".join(
                self._shown(position, fault).ljust(width_of_fault)
                for fault, width_of_fault in zip(self.faults, columns, strict=True)
            )
            yield f"{f'{position.number:>2}  {position.call}':<{width}}  {shown}".rstrip()

    def _shown(self, position: Position, fault: Fault) -> str:
        cell = self.worst(position.number, fault)
        if cell is None:
            return _NOT_TRIED if can_stand(fault, position) else ""
        return _SHORT.get(cell.outcome, str(cell.outcome))

    def _summary(self) -> Iterator[str]:
        stopped = any(self.not_tried(fault) for fault in self.faults)
        more = f"   {_NOT_TRIED} not tried: the check was stopped" if stopped else ""
        yield f". safe   - the run did not come there, or the fault means nothing there{more}"
        for fault in self.faults:
            counts = [f"{count} {name}" for name, count in self.counts(fault).items()]
            counts += [f"{left} not tried"] if (left := self.not_tried(fault)) else []
            yield f"{fault}: {', '.join(counts)}"
        if self.leaves_undisturbed:
            yield f"undisturbed it leaves: {', '.join(self.leaves_undisturbed)}"

    def _advised(self) -> Iterator[str]:
        groups: dict[tuple[Fault, ClientOutcome, Advice | None], list[Cell]] = {}
        for cell in sorted(self.unsafe, key=lambda cell: self.faults.index(cell.fault)):
            groups.setdefault((cell.fault, cell.outcome, cell.advice), []).append(cell)
        for (fault, outcome, advice), cells in groups.items():
            where = ", ".join(dict.fromkeys(str(cell.position) for cell in cells))
            yield ""
            yield f"{fault} at {where}: {outcome}"
            for what in dict.fromkeys(text for cell in cells for text in cell.what):
                yield f"  {what}"
            if advice is not None:
                yield f"  can become: {advice.bug_class}"
                yield f"  rule:       {advice.rule}"
                yield f"  change:     {advice.remedy}"
