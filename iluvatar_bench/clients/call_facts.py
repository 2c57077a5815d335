"""From a list of calls to facts about each container. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from iluvatar_bench.clients.cgroup_facts import placement_facts
from iluvatar_bench.clients.client_containers import client_containers
from iluvatar_bench.clients.end_facts import left_facts, polled_facts
from iluvatar_bench.clients.held_facts import record_facts, removal_facts, window_facts
from iluvatar_bench.clients.reading import reading_of
from iluvatar_bench.records import Call
from iluvatar_bench.records.call_facts import CallFact, CallFacts, CallRule

_ORDER = {rule: position for position, rule in enumerate(CallRule)}


def facts_of(calls: Iterable[Call]) -> CallFacts:
    """What the calls of a client (or of several) say about their containers.

    Calls may overlap; a claim is made only where it holds in whatever order they took effect
    (``windows`` says precisely how). Calls whose content is not known are passed over.
    """
    reading = reading_of(calls)
    found = [
        *window_facts(reading),
        *record_facts(reading),
        *removal_facts(reading),
        *placement_facts(reading),
        *polled_facts(reading),
        *left_facts(reading),
    ]
    return CallFacts(containers=client_containers(reading), facts=tuple(sorted(found, key=_place)))


def _place(fact: CallFact) -> tuple[bool, int, int]:
    return not fact.unsafe, _ORDER[fact.rule], fact.calls[0] if fact.calls else 0
