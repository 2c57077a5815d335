"""Which calls a picture or table of one container shows, and how. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from iluvatar_bench.records import Call
from iluvatar_bench.records.call_facts import CallFact, ClientContainer

MOST_ROWS = 60
"""Beyond so many, runs of calls that are made often, and that no fact and no hold names, are folded
into one row."""

_RARE = 3
"""Calls that are made no more often than this are not folded, as long as there is room."""

_SHORT_RUN = 2
"""Runs of calls up to this long are not folded."""

_SUBJECTS = ("container_id", "key", "id", "name", "digest", "expected", "ref")


@dataclass(frozen=True, slots=True)
class CallRow:
    """One call, or a run of calls that is folded."""

    calls: tuple[Call, ...]

    @property
    def folded(self) -> bool:
        """Whether it stands for several."""
        return len(self.calls) > 1

    @property
    def number(self) -> str:
        """The call's number, or the numbers' range."""
        first, last = self.calls[0].number, self.calls[-1].number
        return f"{first}–{last}" if self.folded else str(first)

    @property
    def text(self) -> str:
        """The call and its subject; of a run, which calls how often."""
        if not self.folded:
            call = self.calls[0]
            return f"{call.name} {shortened(subject_of_call(call), 30)}".strip()
        counted = Counter(call.name for call in self.calls).most_common(2)
        named = ", ".join(f"{count} × {name}" for name, count in counted)
        more = sum(1 for _ in self.calls) - sum(count for _, count in counted)
        return f"… {named}{f', {more} others' if more else ''}"

    @property
    def problem(self) -> str:
        """The status that was not OK, of a single call; "no answer" where there was none."""
        if self.folded or self.calls[0].ok:
            return ""
        return self.calls[0].status or "no answer"


def subject_of_call(call: Call) -> str:
    """What a request is about; empty where that is not known."""
    return next((str(call.request[name]) for name in _SUBJECTS if call.request.get(name)), "")


def shortened(text: str, most: int) -> str:
    """The text with its middle left out where it is longer than ``most``."""
    if len(text) <= most:
        return text
    keep = most - 1
    return f"{text[: keep - keep // 2]}…{text[len(text) - keep // 2 :]}"


def rows_of(
    calls: Iterable[Call],
    container: ClientContainer,
    facts: Sequence[CallFact],
    *,
    most: int = MOST_ROWS,
) -> tuple[CallRow, ...]:
    """The calls of a container, and those that its facts name, in the order of their starts."""
    named = {number for fact in facts for number in fact.calls}
    named |= {n for held in container.held for n in (held.made_by, held.ended_by) if n is not None}
    wanted = named | set(container.calls)
    shown = sorted(
        (call for call in calls if call.number in wanted), key=lambda call: call.started_ns
    )
    if len(shown) <= most:
        return tuple(CallRow((call,)) for call in shown)
    return _folded(shown, named, most)


def _folded(shown: Sequence[Call], named: set[int], most: int) -> tuple[CallRow, ...]:
    """Runs of calls that nothing names, and that are made often, are one row each."""
    often = Counter(call.name for call in shown)
    keep = [call.number for call in shown if call.number in named]
    rare = [call.number for call in shown if often[call.name] <= _RARE and call.number not in named]
    kept = {*keep[: most // 2], *rare[: most // 4]}
    rows: list[CallRow] = []
    run: list[Call] = []

    def end_run() -> None:
        if len(run) > _SHORT_RUN:
            rows.append(CallRow(tuple(run)))
        else:
            rows.extend(CallRow((call,)) for call in run)
        run.clear()

    for call in shown:
        if call.number in kept:
            end_run()
            rows.append(CallRow((call,)))
        else:
            run.append(call)
    end_run()
    return tuple(rows)
