"""What a client made in one run, from its calls. Pure.

Snapshots and content are what a collection can take."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from iluvatar_bench.clients.check import pod_calls
from iluvatar_bench.clients.check.positions import CallKey
from iluvatar_bench.clients.stored import Stored, snapshot_of
from iluvatar_bench.records.call import Call


@dataclass(slots=True)
class Made:
    """What the calls of one run made, or may have made where no answer came."""

    things: dict[Stored, CallKey] = field(default_factory=dict)
    """With the call that made each. What the client removed itself is not among them any more."""
    mounted: dict[tuple[str, str], Stored] = field(default_factory=dict)
    """The snapshot that each task (namespace, container) runs on."""
    records: dict[tuple[str, str], None] = field(default_factory=dict)
    leases: dict[tuple[str, str], None] = field(default_factory=dict)
    images: dict[tuple[str, str], None] = field(default_factory=dict)
    ever: dict[Stored, CallKey] = field(default_factory=dict)
    """All things that were ever asked for, with the call that makes each: what to look for when
    the run is over."""
    uses: dict[Stored, list[CallKey]] = field(default_factory=dict)
    """The calls that need a thing to be there."""
    namespaces: dict[str, None] = field(default_factory=dict)


def made_by(calls: Iterable[tuple[Call, CallKey]]) -> Made:
    """Follow the calls of one run, in the order of their arrival."""
    made = Made()
    places: dict[str, Stored] = {}
    for call, key in calls:
        namespace = call.namespace or ""
        if namespace:
            made.namespaces.setdefault(namespace)
        _snapshots(made, places, call, key, namespace)
        _content(made, call, key, namespace)
        _containers(made, places, call, key, namespace)
        _names(made, call, namespace)
        if pod_calls.is_pod_call(call.method):
            _pods(made, call, key)
    return made


def _snapshots(
    made: Made, places: dict[str, Stored], call: Call, key: CallKey, namespace: str
) -> None:
    if call.service != "Snapshots":
        return
    request = call.request
    snapshotter = str(request.get("snapshotter", ""))
    this = snapshot_of(namespace, snapshotter, str(request.get("key", "")))
    method = call.name.partition(".")[2]
    if method in ("Prepare", "View"):
        parent = snapshot_of(namespace, snapshotter, str(request.get("parent", "")))
        _use(made, parent, key)
        _make(made, this, call, key)
    elif method in ("Mounts", "Update"):
        _use(made, this, key)
    elif method == "Commit":
        _use(made, this, key)
        named = snapshot_of(namespace, snapshotter, str(request.get("name", "")))
        _make(made, named, call, key)
        if call.ok:
            made.things.pop(this, None)
    elif method == "Remove" and call.ok:
        made.things.pop(this, None)
    for mount in call.answer.get("mounts", ()):
        if (place := _place(mount)) is not None:
            places[place] = this


def _content(made: Made, call: Call, key: CallKey, namespace: str) -> None:
    if call.name == "Content.Write":
        digest = call.answer.get("digest") or call.request.get("expected")
        if digest and call.request.get("last_action") == "COMMIT":
            _make(made, Stored(namespace, "content", str(digest)), call, key)
    elif call.name in ("Content.Read", "Content.Info", "Content.Update", "Diff.Apply"):
        _use(made, Stored(namespace, "content", str(call.request.get("digest", ""))), key)
    elif call.name in ("Images.Create", "Images.Update"):
        _use(made, Stored(namespace, "content", str(call.request.get("target", ""))), key)
    elif call.name == "Content.Delete" and call.ok:
        made.things.pop(Stored(namespace, "content", str(call.request.get("digest"))), None)


def _containers(
    made: Made, places: dict[str, Stored], call: Call, key: CallKey, namespace: str
) -> None:
    request = call.request
    if call.name == "Containers.Create":
        made.records.setdefault((namespace, str(request.get("id", ""))))
        if request.get("snapshot_key"):
            snapshotter = str(request.get("snapshotter", ""))
            _use(made, snapshot_of(namespace, snapshotter, str(request["snapshot_key"])), key)
    elif call.name == "Tasks.Create":
        for mount in request.get("rootfs", ()):
            thing = places.get(_place(mount) or "")
            if thing is not None:
                _use(made, thing, key)
                if call.ok:
                    made.mounted[namespace, str(request.get("container_id", ""))] = thing
    elif call.name == "Diff.Apply":
        for mount in request.get("mounts", ()):
            if (thing := places.get(_place(mount) or "")) is not None:
                _use(made, thing, key)


def _pods(made: Made, call: Call, key: CallKey) -> None:
    """What the CRI plugin made for the client, by calls that no proxy sees."""
    begun = pod_calls.begun_by(call)
    if begun is not None:
        made.namespaces.setdefault(begun.namespace)
        made.records.setdefault((begun.namespace, begun.name))
        _make(made, begun, call, key)
    runs = pod_calls.run_by(call)
    if runs is not None:
        _use(made, runs, key)
        if call.ok:
            made.mounted[runs.namespace, runs.name] = runs
    if call.ok:
        for thing in pod_calls.removed_by(call, made.things):
            made.things.pop(thing)


def _names(made: Made, call: Call, namespace: str) -> None:
    if call.name == "Leases.Create":
        name = call.answer.get("id") or call.request.get("id")
        if name:
            made.leases.setdefault((namespace, str(name)))
    elif call.name == "Images.Create" and call.status != "ALREADY_EXISTS":
        made.images.setdefault((namespace, str(call.request.get("name", ""))))


def _make(made: Made, thing: Stored, call: Call, key: CallKey) -> None:
    if not thing.name or call.status == "ALREADY_EXISTS":
        # It was there before: nothing of this run's.
        return
    made.ever.setdefault(thing, key)
    if call.ok:
        made.things[thing] = key


def _use(made: Made, thing: Stored, key: CallKey) -> None:
    made.uses.setdefault(thing, []).append(key)


def _place(mount: Mapping[str, Any]) -> str | None:
    """The directory by which a mount is known to be that of one snapshot."""
    found = mount.get("upperdir") or mount.get("source")
    return str(found) if found and found != "overlay" else None
