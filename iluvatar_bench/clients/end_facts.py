"""Facts about the end: deletes that are polled, and what is left when the calls end. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from iluvatar_bench.clients.reading import Reading, lives_at_end
from iluvatar_bench.clients.stored import Stored
from iluvatar_bench.clients.time_sets import AFTER
from iluvatar_bench.clients.windows import holders
from iluvatar_bench.records import Call
from iluvatar_bench.records.call_facts import CallFact, CallRule

POLLED = 2
"""Refused deletes of one task from which on they count as polling."""


def polled_facts(reading: Reading) -> Iterator[CallFact]:
    """Tasks.Delete refused again and again: the task was not at its end."""
    refused: dict[tuple[str, str], list[Call]] = {}
    for call in reading.calls.values():
        if call.name != "Tasks.Delete" or call.request.get("exec_id"):
            continue
        key = (call.namespace or "", call.request.get("container_id", ""))
        if call.ok or call.status == "NOT_FOUND":
            yield from _polled(reading, key, refused.pop(key, []), call)
        elif call.status is not None:
            refused.setdefault(key, []).append(call)
    for key, calls in refused.items():
        yield from _polled(reading, key, calls, None)


def _polled(
    reading: Reading, key: tuple[str, str], refused: list[Call], last: Call | None
) -> Iterator[CallFact]:
    if len(refused) < POLLED:
        return
    end = last or refused[-1]
    spent_ms = (end.started_ns - refused[0].started_ns) / 1e6
    said = refused[0].message or refused[0].status
    yield reading.fact(
        CallRule.DELETE_POLLED,
        Stored(key[0], "task", key[1]),
        f"Tasks.Delete was refused {len(refused)} times in {spent_ms:.3g} ms ({said}).",
        [*(call.number for call in refused), None if last is None else last.number],
        container=key[1],
    )


def left_facts(reading: Reading) -> Iterator[CallFact]:
    """What the calls made and did not remove. A client that still runs leaves what it uses."""
    for kind, rule in (
        ("task", CallRule.LEFT_TASK),
        ("record", CallRule.LEFT_RECORD),
        ("image", CallRule.LEFT_IMAGE),
    ):
        for thing, life in lives_at_end(reading, kind):
            exited = ", which has ended" if life.state.get("exited") else ""
            yield reading.fact(
                rule,
                thing,
                f"The {kind} of {reading.named(life.made_by)}{exited} is there at the end.",
                [life.made_by],
                container=thing.key if kind != "image" else None,
            )
    yield from _left_leases(reading)
    yield from _left_snapshots(reading)


def _left_leases(reading: Reading) -> Iterator[CallFact]:
    for thing, life in reading.store.known("lease"):
        if life.foreign or life.perhaps_gone or life.ended_by is not None:
            continue
        if life.possible_end < reading.last_ns:
            continue
        until = "for ever"
        if life.expired:
            until = f"for {(life.possible_end - reading.last_ns) / 1e9:.0f} s more, then it expires"
        yield reading.fact(
            CallRule.LEFT_LEASE,
            thing,
            f"The lease of {reading.named(life.made_by)} is there at the end, {until}.",
            [life.made_by],
        )


def _left_snapshots(reading: Reading) -> Iterator[CallFact]:
    for thing, life in lives_at_end(reading, "snapshot"):
        if life.state.get("kind") == "Snapshots.Commit":
            continue  # A part of an image, and told with it.
        held_by = [
            str(hold.source) if hold.source is not None else "a label"
            for hold, times in holders(thing, reading.incoming, reading.held)
            if times and times[-1][1] == AFTER
        ]
        if held_by:
            yield reading.fact(
                CallRule.LEFT_SNAPSHOT,
                thing,
                f"The snapshot of {reading.named(life.made_by)} is there at the end, "
                f"held by {', '.join(dict.fromkeys(held_by))}.",
                [life.made_by],
            )
