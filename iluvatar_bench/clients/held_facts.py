"""Facts about holds: windows, and records that do not name what is mounted. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from iluvatar_bench.clients.reading import Reading
from iluvatar_bench.clients.stored import Life, Stored
from iluvatar_bench.clients.time_sets import AFTER
from iluvatar_bench.clients.windows import Window
from iluvatar_bench.records.call_facts import CallFact, CallRule


def window_facts(reading: Reading) -> Iterator[CallFact]:
    """One fact a window."""
    for window in reading.windows:
        rule = _rule(reading, window)
        numbers = [window.made_by, window.opened_by, window.closed_by]
        yield reading.fact(
            rule,
            window.thing,
            _sentence(reading, window, rule),
            numbers,
            stretch=(window.start, window.end),
        )


def _rule(reading: Reading, window: Window) -> CallRule:
    if window.lost_hold is None:
        if window.thing.kind == "content":
            return CallRule.CONTENT_UNHELD
        committed = reading.calls[window.made_by].name == "Snapshots.Commit"
        return CallRule.PARENT_UNHELD if committed else CallRule.SNAPSHOT_UNHELD
    root = window.root
    if root is not None and root.kind == "lease":
        return CallRule.LEASE_EXPIRED if window.opened_by is None else CallRule.LEASE_ENDED_EARLY
    return CallRule.REFERENCE_DROPPED


def _sentence(reading: Reading, window: Window, rule: CallRule) -> str:
    length = f"{(window.end - window.start) / 1e6:.3g} ms"
    if rule is CallRule.LEASE_EXPIRED:
        began = f"{window.root} expired"
    elif window.lost_hold is not None:
        began = f"{reading.named(window.opened_by)} let {window.root or 'what held it'} go"
    else:
        began = f"{reading.named(window.made_by)} made it"
    if window.held_after:
        until = f"until {reading.named(window.closed_by)} held it"
    elif window.closed_by is not None:
        until = f"to {reading.named(window.closed_by)}, which ended the need of it"
        if window.end < reading.last_ns and reading.calls[window.closed_by].name != "Tasks.Delete":
            until = f"to its last use, {reading.named(window.closed_by)}"
    else:
        until = "to the end of the recording"
    return f"Nothing held {window.thing} for {length} after {began}, {until}."


def record_facts(reading: Reading) -> Iterator[CallFact]:
    """Records that name no snapshot, or another than the one that is mounted."""
    in_danger = {window.thing for window in reading.windows}
    mounts: dict[tuple[str, str], list[tuple[int, Stored]]] = {}
    for (namespace, name, number), mounted in reading.store.mounts.items():
        mounts.setdefault((namespace, name), []).append((number, mounted))
    for thing, life in reading.records():
        for number, mounted in mounts.get((thing.namespace, thing.key), ()):
            if _of(life, reading, number):
                yield from _named(reading, thing, life, mounted, number, in_danger)


def _of(life: Life, reading: Reading, number: int) -> bool:
    """Whether the task was made while this record was there."""
    return life.certain_start <= reading.calls[number].started_ns <= life.possible_end


def _named(
    reading: Reading,
    thing: Stored,
    life: Life,
    mounted: Stored,
    number: int,
    in_danger: set[Stored],
) -> Iterator[CallFact]:
    snapshotter, key = life.state["snapshotter"], life.state["snapshot_key"]
    if not snapshotter or not key:
        missing = "snapshot_key" if not key else "snapshotter"
        yield reading.fact(
            CallRule.RECORD_WITHOUT_SNAPSHOT,
            thing,
            f"The record has no {missing}, and its task mounts {mounted}.",
            [life.made_by, number],
            container=thing.key,
            # A lease that outlives the container holds it as well.
            unsafe=mounted in in_danger,
        )
    elif f"{snapshotter}/{key}" != mounted.key:
        yield reading.fact(
            CallRule.RECORD_NAMES_OTHER,
            thing,
            f"The record names snapshot {snapshotter}/{key}, and its task mounts {mounted}.",
            [life.made_by, number],
            container=thing.key,
            unsafe=mounted in in_danger,
        )


def removal_facts(reading: Reading) -> Iterator[CallFact]:
    """Records deleted before what needs them: the task, and the snapshot."""
    tasks: dict[tuple[str, str], list[Life]] = {}
    for thing, life in reading.store.known("task"):
        tasks.setdefault((thing.namespace, thing.key), []).append(life)
    for thing, life in reading.records():
        if life.ended_by is None or life.possible_end == AFTER:
            continue
        deleted = reading.calls[life.ended_by]
        for task in tasks.get((thing.namespace, thing.key), ()):
            if task.perhaps_gone:
                continue
            gone = AFTER if task.ended_by is None else reading.calls[task.ended_by].started_ns
            if task.certain_start <= deleted.started_ns and life.possible_end <= gone:
                yield reading.fact(
                    CallRule.RECORD_UNDER_TASK,
                    thing,
                    f"{reading.named(life.ended_by)} took the record away under the task of "
                    f"{reading.named(task.made_by)}.",
                    [task.made_by, life.ended_by, task.ended_by],
                    container=thing.key,
                )
        yield from _before_snapshot(reading, thing, life)


def _before_snapshot(reading: Reading, thing: Stored, life: Life) -> Iterator[CallFact]:
    key = f"{life.state.get('snapshotter', '')}/{life.state.get('snapshot_key', '')}"
    snapshot = Stored(thing.namespace, "snapshot", key)
    for each in reading.store.lives.get(snapshot, ()):
        if each.foreign or each.ended_by is None:
            continue
        removal = reading.calls[each.ended_by]
        held = any(
            start < removal.started_ns and life.possible_end < end
            for start, end in reading.held.get(snapshot, ())
        )
        if (
            removal.name == "Snapshots.Remove"
            and each.certain_start <= life.possible_end <= removal.started_ns
            and not held
        ):
            yield reading.fact(
                CallRule.RECORD_BEFORE_SNAPSHOT,
                thing,
                f"{reading.named(life.ended_by)} let {snapshot} go before "
                f"{reading.named(each.ended_by)} removed it.",
                [life.ended_by, each.ended_by],
                container=thing.key,
            )
