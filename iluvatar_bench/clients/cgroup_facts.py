"""Facts about cgroups: paths of specs that meet, and Kills that reach other containers. Pure.

Source: runc 1.1 signals every process of the cgroup and of those below it; an empty path is the
container's id, whatever its namespace (seen on runc 1.1.5).
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from iluvatar_bench.clients.reading import Reading
from iluvatar_bench.clients.stored import Life, Stored
from iluvatar_bench.records import Call
from iluvatar_bench.records.call_facts import CallFact, CallRule

_NAMED = 4
"""Other containers that a sentence names."""


@dataclass(frozen=True, slots=True)
class _Placed:
    """A record, and the cgroup that its spec asks for."""

    thing: Stored
    life: Life
    path: str
    """As the spec has it."""
    parts: tuple[str, ...]
    """To compare: absolute ones start with "/"; a systemd path is one part."""


def placement_facts(reading: Reading) -> Iterator[CallFact]:
    """Paths that meet, relative paths, and Kills that reach others."""
    placed = [
        found for thing, life in reading.records() if (found := _placed(thing, life)) is not None
    ]
    inside = _inside(placed)
    yield from _shared(reading, placed, inside)
    yield from _relative(reading, placed)
    yield from _kills(reading, placed, inside)


def _placed(thing: Stored, life: Life) -> _Placed | None:
    path = life.state.get("cgroups_path")
    if path is None:
        return None
    if life.state.get("systemd_cgroup"):
        # slice:prefix:name; an empty one is made of the id.
        return _Placed(thing, life, path, (path or f"id {thing.key}",))
    parts = tuple(part for part in posixpath.normpath(path or thing.key).split("/") if part)
    return _Placed(thing, life, path, (("/", *parts) if path.startswith("/") else parts))


def _inside(placed: Sequence[_Placed]) -> dict[tuple[str, ...], list[_Placed]]:
    """For each path, the records whose cgroup is it or lies in it."""
    wanted = {each.parts for each in placed}
    inside: dict[tuple[str, ...], list[_Placed]] = {parts: [] for parts in wanted}
    for each in placed:
        for length in range(1, len(each.parts) + 1):
            if each.parts[:length] in inside:
                inside[each.parts[:length]].append(each)
    return inside


def _others(each: _Placed, found: Sequence[_Placed]) -> list[_Placed]:
    """The records of other containers."""
    return [other for other in found if other.thing != each.thing]


def _shared(
    reading: Reading, placed: Sequence[_Placed], inside: dict[tuple[str, ...], list[_Placed]]
) -> Iterator[CallFact]:
    told = set()
    for each in placed:
        others = _others(each, inside[each.parts])
        if not others or each.parts in told:
            continue
        told.add(each.parts)
        equal = [other for other in others if other.parts == each.parts]
        nested = [other for other in others if other.parts != each.parts]
        said = []
        if equal:
            said.append(f"{_names(equal)} the same cgroup")
        if nested:
            said.append(f"{_names(nested)} one inside it")
        yield reading.fact(
            CallRule.CGROUP_SHARED,
            each.thing,
            f"{each.thing.key} has {_path(each)}; {', and '.join(said)}.",
            [each.life.made_by, *(other.life.made_by for other in others[:_NAMED])],
            container=each.thing.key,
            subject=f"cgroup {_path(each)}",
        )


def _relative(reading: Reading, placed: Sequence[_Placed]) -> Iterator[CallFact]:
    for each in placed:
        systemd = each.life.state.get("systemd_cgroup")
        if each.path and not each.path.startswith("/") and not systemd:
            yield reading.fact(
                CallRule.CGROUP_RELATIVE,
                each.thing,
                f"The spec's cgroup path is {each.path}.",
                [each.life.made_by],
                container=each.thing.key,
                subject=f"cgroup {each.path}",
            )


def _kills(
    reading: Reading, placed: Sequence[_Placed], inside: dict[tuple[str, ...], list[_Placed]]
) -> Iterator[CallFact]:
    tasks: dict[tuple[str, str], list[Life]] = {}
    for thing, life in reading.store.known("task"):
        tasks.setdefault((thing.namespace, thing.key), []).append(life)
    homes: dict[tuple[str, str], list[_Placed]] = {}
    for each in placed:
        homes.setdefault((each.thing.namespace, each.thing.key), []).append(each)
    for call in reading.calls.values():
        if call.name != "Tasks.Kill" or not call.request.get("all") or not call.ok:
            continue
        target = (call.namespace or "", call.request.get("container_id", ""))
        for each in homes.get(target, ()):
            if not each.life.certain_start <= call.started_ns <= each.life.possible_end:
                continue
            hit = [
                other
                for other in _others(each, inside[each.parts])
                if _lives(tasks.get((other.thing.namespace, other.thing.key), ()), call)
            ]
            if hit:
                yield reading.fact(
                    CallRule.KILL_REACHES_OTHERS,
                    each.thing,
                    f"{reading.named(call.number)} (all, signal {call.request.get('signal', 0)}) "
                    f"of {each.thing.key} reached {_path(each)}, in which {_names(hit, 'ran')}.",
                    [call.number, each.life.made_by, *(o.life.made_by for o in hit[:_NAMED])],
                    container=each.thing.key,
                    subject=f"cgroup {_path(each)}",
                )


def _lives(tasks: Sequence[Life], call: Call) -> bool:
    """Whether a task was certainly there all through the call."""
    ended = call.ended_ns
    return ended is not None and any(
        task.certain_start <= call.started_ns and ended <= task.certain_end for task in tasks
    )


def _path(each: _Placed) -> str:
    return each.path or f"{each.thing.key} (an empty path: the id)"


def _names(others: Sequence[_Placed], verb: str | None = None) -> str:
    names = list(dict.fromkeys(other.thing.key for other in others))
    listed = ", ".join(names[:_NAMED])
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    plural = "have" if len(names) > 1 else "has"
    return f"{listed}{more} {verb or plural}"
