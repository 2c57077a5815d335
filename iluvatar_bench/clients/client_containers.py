"""Each container that calls name, with its calls in order and what held its snapshots. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from iluvatar_bench.clients.reading import Reading
from iluvatar_bench.clients.stored import Stored
from iluvatar_bench.clients.windows import holders
from iluvatar_bench.records import Call
from iluvatar_bench.records.call_facts import ClientContainer, HeldTime

_ID_SERVICES = {"Containers": "id", "Tasks": "container_id"}


def client_containers(reading: Reading) -> tuple[ClientContainer, ...]:
    """The containers in the order of their first calls."""
    snapshots: dict[tuple[str, str], list[Stored]] = defaultdict(list)
    for snapshot, container in reading.owners.items():
        snapshots[snapshot.namespace, container].append(snapshot)
    leases: dict[tuple[str, str], set[str]] = defaultdict(set)
    for hold in reading.store.holds:
        owner = reading.owners.get(hold.target)
        if owner is not None and hold.source is not None and hold.source.kind == "lease":
            leases[hold.source.namespace, hold.source.key].add(owner)
    calls: dict[tuple[str, str], list[int]] = {}
    for number, call in sorted(reading.calls.items()):
        for container in _containers(call, reading, leases):
            calls.setdefault((call.namespace or "", container), []).append(number)
    return tuple(
        ClientContainer(
            namespace=namespace,
            container=container,
            snapshots=tuple(each.key for each in snapshots[namespace, container]),
            calls=tuple(numbers),
            held=tuple(_held(reading, snapshots[namespace, container])),
        )
        for (namespace, container), numbers in calls.items()
    )


def _containers(
    call: Call, reading: Reading, leases: dict[tuple[str, str], set[str]]
) -> Iterator[str]:
    """The containers that a call is about."""
    namespace, request = call.namespace or "", call.request
    if call.service in _ID_SERVICES:
        name = request.get(_ID_SERVICES[call.service])
        if name:
            yield str(name)
    elif call.service == "Snapshots":
        key = f"{request.get('snapshotter', '')}/{request.get('key', '')}"
        owner = reading.owners.get(Stored(namespace, "snapshot", key))
        if owner is not None:
            yield owner
    elif call.service == "Leases":
        name = call.answer.get("id") or request.get("id", "")
        yield from sorted(leases.get((namespace, name), ()))


def _held(reading: Reading, snapshots: list[Stored]) -> Iterator[HeldTime]:
    """The holds of the snapshots, cut at the ends of the recording and of the snapshot."""
    for snapshot in snapshots:
        lives = [life for life in reading.store.lives.get(snapshot, ()) if not life.foreign]
        for hold, stretches in holders(snapshot, reading.incoming, reading.held):
            for start, end in stretches:
                for life in lives:
                    first = max(start, life.possible_start, reading.first_ns)
                    last = min(end, life.possible_end, reading.last_ns)
                    if first < last:
                        yield HeldTime(
                            holder=str(hold.source) if hold.source is not None else "label",
                            snapshot=snapshot.key,
                            started_ns=int(first),
                            ended_ns=int(last),
                            made_by=hold.made_by,
                            ended_by=_ended_by(reading, hold.source, hold.last_call, end, last),
                        )


def _ended_by(
    reading: Reading, source: Stored | None, call: int | None, end: float, last: float
) -> int | None:
    if last < end:
        return None
    if call is not None or source is None:
        return call
    lives = reading.store.lives.get(source, ())
    return next((life.ended_by for life in lives if life.possible_end == end), None)
