"""One reading of a list of calls, which every kind of fact is found in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from iluvatar_bench.clients.call_rules import RULES
from iluvatar_bench.clients.reach import held_times
from iluvatar_bench.clients.replay import replay_calls
from iluvatar_bench.clients.stored import Hold, Life, Store, Stored
from iluvatar_bench.clients.time_sets import Times
from iluvatar_bench.clients.windows import Window, by_target, find_windows
from iluvatar_bench.records import Call
from iluvatar_bench.records.call_facts import CallFact, CallRule


@dataclass(frozen=True, slots=True)
class Reading:
    """The calls, the store that they make, and its windows."""

    calls: Mapping[int, Call]
    store: Store
    held: Mapping[Stored, Times]
    incoming: Mapping[Stored, Sequence[Hold]]
    windows: tuple[Window, ...]
    owners: Mapping[Stored, str]
    """The container that a snapshot belongs to."""
    first_ns: int
    last_ns: int

    def fact(
        self,
        rule: CallRule,
        thing: Stored,
        happened: str,
        calls: Iterable[int | None],
        *,
        container: str | None = None,
        subject: str | None = None,
        unsafe: bool | None = None,
        stretch: tuple[float, float] | None = None,
    ) -> CallFact:
        """A fact in the words of its rule."""
        known = RULES[rule]
        numbers = sorted({number for number in calls if number is not None})
        return CallFact(
            rule=rule,
            unsafe=known.unsafe if unsafe is None else unsafe,
            namespace=thing.namespace,
            container=container if container is not None else self.owners.get(thing),
            subject=subject or str(thing),
            happened=happened,
            must=known.must,
            remedy=known.remedy,
            calls=tuple(numbers),
            may_become=tuple(str(name) for name in known.may_become),
            started_ns=None if stretch is None else int(stretch[0]),
            ended_ns=None if stretch is None else int(stretch[1]),
        )

    def named(self, number: int | None) -> str:
        """A call for a sentence: ``#3 Snapshots.Prepare``."""
        if number is None:
            return "no call"
        call = self.calls.get(number)
        return f"#{number}" if call is None else f"#{number} {call.name}"

    def records(self) -> Iterable[tuple[Stored, Life]]:
        """Records that the calls certainly made."""
        return self.store.known("record")


def reading_of(calls: Iterable[Call]) -> Reading:
    """Replay the calls, and look for windows."""
    listed = sorted(calls, key=lambda call: call.number)
    store = replay_calls(listed)
    held = held_times(store)
    ends = [call.started_ns if call.ended_ns is None else call.ended_ns for call in listed]
    last_ns = max(ends, default=0)
    return Reading(
        calls={call.number: call for call in listed},
        store=store,
        held=held,
        incoming=by_target(store),
        windows=tuple(find_windows(store, held, last_ns)),
        owners=_owners(store),
        first_ns=min((call.started_ns for call in listed), default=0),
        last_ns=last_ns,
    )


def _owners(store: Store) -> dict[Stored, str]:
    """Of a snapshot: the task that mounts it, the record that names it, or one of its name."""
    owners = {snapshot: container for (_, container, _), snapshot in reversed(store.mounts.items())}
    names = set()
    for thing, lives in store.lives.items():
        if thing.kind == "record":
            names.add((thing.namespace, thing.key))
            for life in lives:
                if life.state.get("snapshot_key"):
                    key = f"{life.state['snapshotter']}/{life.state['snapshot_key']}"
                    owners.setdefault(Stored(thing.namespace, "snapshot", key), thing.key)
    for thing in store.lives:
        key = thing.key.partition("/")[2]
        if thing.kind == "snapshot" and (thing.namespace, key) in names:
            owners.setdefault(thing, key)
    return owners


def lives_at_end(reading: Reading, kind: str) -> Iterable[tuple[Stored, Life]]:
    """Objects of a kind that were certainly made, and that no call removed."""
    return (
        (thing, life)
        for thing, life in reading.store.known(kind)
        if life.ended_by is None and not life.perhaps_gone and not life.foreign
    )
