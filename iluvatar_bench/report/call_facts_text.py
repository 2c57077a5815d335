"""What a client's calls say, as text: the rules that are broken, and the changes that mend it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from iluvatar_bench.count_words import count_of
from iluvatar_bench.records.call_facts import CallFact, CallFacts, CallRule

_EXAMPLES = 3
"""Containers of one rule that are told in full."""


def counted_facts(facts: Iterable[CallFact]) -> dict[CallRule, list[CallFact]]:
    """The facts by their rules, in the order in which they come."""
    found: dict[CallRule, list[CallFact]] = {}
    for fact in facts:
        found.setdefault(fact.rule, []).append(fact)
    return found


def summary_line(facts: CallFacts, calls: int) -> str:
    """One sentence: how many calls, containers and breaches."""
    told = f"{count_of(calls, 'call')}, {count_of(len(facts.containers), 'container')}"
    if not facts.unsafe:
        return f"{told}: none by which a container can be lost."
    endangered = {(f.namespace, f.container) for f in facts.unsafe if f.container is not None}
    rules = len(counted_facts(facts.unsafe))
    return (
        f"{told}: {count_of(rules, 'rule')} broken, "
        f"{count_of(len(endangered), 'container')} endangered."
    )


def call_facts_text(facts: CallFacts, calls: int) -> str:
    """The summary, and each rule with its first containers, its meaning and its remedy.

    Args:
        facts: what the calls say.
        calls: how many calls there were.
    """
    lines = [summary_line(facts, calls)]
    for rule, found in counted_facts(facts.facts).items():
        lines += ["", *_told(rule, found)]
    return "\n".join(lines)


def _told(rule: CallRule, found: Sequence[CallFact]) -> list[str]:
    first = found[0]
    times = "once" if len(found) == 1 else f"{len(found)} times"
    lines = [f"{'BROKEN' if first.unsafe else 'note'}  {rule}, {times}{_lengths(found)}"]
    for fact in found[:_EXAMPLES]:
        who = f"{fact.namespace}/{fact.container}: " if fact.container else ""
        lines.append(f"  {who}{fact.happened}")
    if len(found) > _EXAMPLES:
        lines.append(f"  … and {len(found) - _EXAMPLES} more")
    lines.append(f"  rule:       {first.must}")
    if first.may_become and first.unsafe:
        lines.append(f"  can become: {', '.join(first.may_become)}")
    lines.append(f"  change:     {first.remedy}")
    return lines


def _lengths(found: Sequence[CallFact]) -> str:
    lengths = sorted(fact.length_ms for fact in found if fact.length_ms is not None)
    if not lengths:
        return ""
    if len(lengths) == 1:
        return f", for {lengths[0]:.3g} ms"
    middle = lengths[len(lengths) // 2]
    return f", for {lengths[0]:.3g}–{lengths[-1]:.3g} ms (the middle one {middle:.3g} ms)"
