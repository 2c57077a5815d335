"""A client's calls as one HTML page: what they break, and a sequence diagram a container."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from iluvatar_bench.records import Call
from iluvatar_bench.records.call_facts import CallFact, CallFacts, ClientContainer
from iluvatar_bench.report.call_facts_text import counted_facts, summary_line
from iluvatar_bench.report.call_rows import rows_of
from iluvatar_bench.report.figures.sequence import plot_sequence
from iluvatar_bench.report.page_frame import render_page
from iluvatar_bench.report.page_parts import Part, Section, Table, Text, figure_part

MOST_CONTAINERS = 6
"""Containers that are drawn, those in danger first."""

_MOST_FACTS = 200

_READING = (
    "A window runs from the end of the call after which a thing was surely there, or surely held "
    "no more, to the start of the call that held it or needed it last: it is never longer than it "
    "was. Calls that overlap are given the benefit of the doubt."
)


def call_page(calls: Sequence[Call], facts: CallFacts, *, title: str = "A client's calls") -> str:
    """The page as text.

    Args:
        calls: a recording.
        facts: what it says.
        title: the page's.
    """
    sections = [
        Section("What the calls break", _rules(facts)),
        Section("Facts", _facts(facts)),
        Section("Containers", _containers(calls, facts)),
    ]
    notes = []
    if len(facts.containers) > MOST_CONTAINERS:
        notes.append(
            f"{MOST_CONTAINERS} of {len(facts.containers)} containers are drawn, those in danger "
            "first"
        )
    return render_page(
        title=title,
        verdict=[summary_line(facts, len(calls))],
        verdict_class="worse" if facts.unsafe else "better",
        notes=notes,
        sections=sections,
    )


def drawn_containers(facts: CallFacts) -> list[tuple[ClientContainer, list[CallFact]]]:
    """The containers that a page draws, each with its facts."""
    by_container: dict[tuple[str, str], list[CallFact]] = {}
    for fact in facts.facts:
        if fact.container is not None:
            by_container.setdefault((fact.namespace, fact.container), []).append(fact)
    told = [
        (container, by_container.get((container.namespace, container.container), []))
        for container in facts.containers
    ]
    told.sort(key=lambda pair: not any(fact.unsafe for fact in pair[1]))
    return told[:MOST_CONTAINERS]


def _rules(facts: CallFacts) -> list[Part]:
    rows = [
        (
            str(rule),
            "broken" if found[0].unsafe else "note",
            str(len(found)),
            found[0].must,
            ", ".join(found[0].may_become) or "–",
            found[0].remedy,
        )
        for rule, found in counted_facts(facts.facts).items()
    ]
    if not rows:
        return [Text("Nothing: no rule is broken, and nothing is left.")]
    return [Table(("what", "", "times", "rule", "can become", "change"), tuple(rows))]


def _facts(facts: CallFacts) -> list[Part]:
    rows = tuple(
        (
            f"{fact.namespace}/{fact.container or '–'}",
            str(fact.rule),
            "–" if fact.length_ms is None else f"{fact.length_ms:.3g}",
            ", ".join(f"#{number}" for number in fact.calls[:8]),
            fact.happened,
        )
        for fact in facts.facts[:_MOST_FACTS]
    )
    if not rows:
        return []
    more = len(facts.facts) - len(rows)
    told = f" The first {len(rows)} of {len(facts.facts)}." if more else ""
    return [
        Text(_READING + told),
        Table(("container", "what", "ms", "calls", "happened"), rows),
    ]


def _containers(calls: Sequence[Call], facts: CallFacts) -> list[Part]:
    parts: list[Part] = []
    for container, found in drawn_containers(facts):
        name = f"{container.namespace}/{container.container}"
        parts += [
            Text(name, "heading"),
            figure_part(partial(plot_sequence, calls, container, found)),
            _calls_table(calls, container, found),
        ]
    return parts


def _calls_table(
    calls: Sequence[Call], container: ClientContainer, facts: Sequence[CallFact]
) -> Table:
    rows = rows_of(calls, container, facts)
    origin = rows[0].calls[0].started_ns if rows else 0
    return Table(
        ("call", "ms", "took, ms", "what", "lease", "status"),
        tuple(
            (
                row.number,
                f"{(row.calls[0].started_ns - origin) / 1e6:.1f}",
                "–" if row.folded else _took(row.calls[0]),
                row.text,
                "–" if row.folded else row.calls[0].lease or "–",
                "–" if row.folded else row.calls[0].status or "no answer",
            )
            for row in rows
        ),
    )


def _took(call: Call) -> str:
    return "–" if call.duration_ms is None else f"{call.duration_ms:.1f}"
