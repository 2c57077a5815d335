"""A list of calls replayed: which objects they made, what holds them, who needs them. Pure.

Calls may overlap, and when one takes effect between its start and its end is not known. So each
object and each hold has a *certain* and a *possible* time (``stored``), and an answer that is
neither OK nor a refusal (a lost one) counts as "perhaps": a hold that was perhaps made is one,
an object that was perhaps made is none. What was there before the first call is left alone: what
holds it is not known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from iluvatar_bench.clients.labels import FLAT, expiry_ns, references
from iluvatar_bench.clients.replay_state import REFUSED, Replay, ended
from iluvatar_bench.clients.stored import Life, Store, Stored
from iluvatar_bench.clients.time_sets import AFTER
from iluvatar_bench.records import Call


def in_effect_order(calls: Iterable[Call]) -> list[Call]:
    """The calls by their ends: of two on one object, the one that ended first came first."""
    return sorted(
        calls, key=lambda call: (AFTER if call.ended_ns is None else call.ended_ns, call.number)
    )


def replay_calls(calls: Sequence[Call]) -> Store:
    """What the calls say about containerd's store."""
    replayed = Replay()
    for call in in_effect_order(calls):
        handler = _HANDLERS.get(call.name)
        if handler is not None and call.request:
            handler(replayed, call)
    replayed.end_tasks()
    return replayed.store


def namespace_of(call: Call) -> str:
    """The call's namespace; calls without one are refused by containerd."""
    return call.namespace or ""


def snapshot_named(call: Call, key: str) -> Stored:
    """A snapshot of the request's snapshotter."""
    return Stored(namespace_of(call), "snapshot", f"{call.request.get('snapshotter', '')}/{key}")


def _prepare(replayed: Replay, call: Call) -> None:
    request = call.request
    thing = snapshot_named(call, request.get("key", ""))
    if request.get("parent"):
        replayed.use(snapshot_named(call, request["parent"]), call)
    life = replayed.make(thing, call)
    if life is None:
        return
    replayed.leased(thing, call)
    replayed.mounted.learn(call, thing)
    if life.made_by != call.number:
        return
    life.state = {"parent": request.get("parent", ""), "kind": call.name}
    if request.get("parent"):
        parent = snapshot_named(call, request["parent"])
        replayed.hold(thing, parent, "parent", call, life=life)
    replayed.label(thing, call, life, request.get("labels", {}))


def _commit(replayed: Replay, call: Call) -> None:
    request = call.request
    active, committed = (snapshot_named(call, request.get(name, "")) for name in ("key", "name"))
    replayed.use(active, call)
    before = replayed.store.life(active)
    life = replayed.make(committed, call)
    if life is None or call.status == "ALREADY_EXISTS":
        return
    replayed.leased(committed, call)
    replayed.end(active, call)
    parent = before.state.get("parent", "") if before is not None else ""
    life.state = {"parent": parent, "kind": call.name}
    if parent:
        replayed.hold(committed, snapshot_named(call, parent), "parent", call, life=life)
    replayed.label(committed, call, life, request.get("labels", {}))


def _snapshot_remove(replayed: Replay, call: Call) -> None:
    thing = snapshot_named(call, call.request.get("key", ""))
    if call.lease and call.ok:
        replayed.lease_drops(Stored(thing.namespace, "lease", call.lease), thing, call)
    replayed.end(thing, call)


def _snapshot_use(replayed: Replay, call: Call) -> None:
    thing = snapshot_named(call, call.request.get("key", ""))
    replayed.use(thing, call)
    replayed.mounted.learn(call, thing)


def _labels_update(kind: str) -> Callable[[Replay, Call], None]:
    """A Snapshots.Update or Content.Update; the answer says which labels there are after it."""

    def update(replayed: Replay, call: Call) -> None:
        name = call.request.get("key" if kind == "snapshot" else "digest", "")
        thing = (
            snapshot_named(call, name)
            if kind == "snapshot"
            else Stored(namespace_of(call), kind, name)
        )
        replayed.use(thing, call)
        if call.status in REFUSED:
            return
        life = replayed.store.life(thing)
        if life is None:
            life = Life(made_by=None, foreign=True)
            replayed.store.lives[thing] = [life]
        _relabel(replayed, thing, call, life)

    return update


def _relabel(replayed: Replay, thing: Stored, call: Call, life: Life) -> None:
    labels = dict(call.request.get("labels", {}))
    fields = call.request.get("fields", [])
    if call.ok and "labels" in call.answer:
        after = dict(call.answer["labels"])
    elif call.ok and (not fields or "labels" in fields):
        after = labels
    else:
        after = None
    if after is not None:
        kept = [each.other for each in references(thing.namespace, after) if each.other]
        for reason in ("label", "root"):
            if reason == "label" or not any(
                each.other is None for each in references(thing.namespace, after)
            ):
                replayed.drop(life, call, reason=reason, keep=kept)
    replayed.label(thing, call, life, {**labels, **(after or {})})


def _record_create(replayed: Replay, call: Call) -> None:
    thing = Stored(namespace_of(call), "record", call.request.get("id", ""))
    life = replayed.make(thing, call)
    if life is None or call.status == "ALREADY_EXISTS":
        return
    replayed.root(thing, call, life)
    life.state = _record_state(call.request)
    _record_holds(replayed, thing, call, life)
    replayed.label(thing, call, life, call.request.get("labels", {}))


def _record_state(record: Mapping[str, object]) -> dict[str, str]:
    names = ("snapshotter", "snapshot_key", "image", "cgroups_path")
    state = {name: str(record.get(name, "")) for name in names}
    if "cgroups_path" not in record:
        del state["cgroups_path"]
    if record.get("systemd_cgroup"):
        state["systemd_cgroup"] = "yes"
    return state


def _record_holds(replayed: Replay, thing: Stored, call: Call, life: Life) -> None:
    """An empty snapshotter or key holds nothing, and is no error (metadata/gc.go, 1.6 to 2.3)."""
    snapshotter, key = life.state["snapshotter"], life.state["snapshot_key"]
    if snapshotter and key:
        snapshot = Stored(thing.namespace, "snapshot", f"{snapshotter}/{key}")
        replayed.hold(thing, snapshot, "record", call, life=life)


def _record_update(replayed: Replay, call: Call) -> None:
    thing = Stored(namespace_of(call), "record", call.request.get("id", ""))
    life = replayed.store.life(thing)
    if call.status in REFUSED or life is None or not life.state:
        return
    fields = call.request.get("fields", [])
    changed = {
        name: value
        for name, value in _record_state(call.request).items()
        if not fields or name in fields
    }
    if {"snapshotter", "snapshot_key"} & changed.keys():
        if call.ok:
            replayed.drop(life, call, reason="record")
        life.state = {**life.state, **changed}
        _record_holds(replayed, thing, call, life)
    if not fields or any(name.startswith("labels") for name in fields):
        _relabel(replayed, thing, call, life)


def _record_delete(replayed: Replay, call: Call) -> None:
    replayed.end(Stored(namespace_of(call), "record", call.request.get("id", "")), call)


def _task_create(replayed: Replay, call: Call) -> None:
    namespace, name = namespace_of(call), call.request.get("container_id", "")
    record = replayed.store.life(Stored(namespace, "record", name))
    snapshot = replayed.mounted.task(call, namespace, name, record, replayed.store)
    if snapshot is not None:
        replayed.use(snapshot, call)
    replayed.make(Stored(namespace, "task", name), call)


_NOT_ENDED = ("UNKNOWN", "FAILED_PRECONDITION")
"""What containerd answers where the task still runs (``cannot delete a running process``)."""


def _task_delete(replayed: Replay, call: Call) -> None:
    if call.request.get("exec_id"):
        return
    if call.status not in _NOT_ENDED:
        replayed.end(Stored(namespace_of(call), "task", call.request.get("container_id", "")), call)


def _task_wait(replayed: Replay, call: Call) -> None:
    """A Wait that was answered: from its answer on the task's process needs nothing."""
    life = replayed.store.life(
        Stored(namespace_of(call), "task", call.request.get("container_id", ""))
    )
    if call.ok and not call.request.get("exec_id") and life is not None and life.open:
        life.certain_end = min(life.certain_end, ended(call))
        life.state["exited"] = str(call.number)


def _lease_create(replayed: Replay, call: Call) -> None:
    name = call.answer.get("id") or call.request.get("id", "")
    thing = Stored(namespace_of(call), "lease", name)
    life = replayed.make(thing, call)
    if life is None or (call.status == "ALREADY_EXISTS" and not life.foreign):
        return
    labels = {**call.request.get("labels", {}), **call.answer.get("labels", {})}
    life.state = {FLAT: "yes"} if FLAT in labels else {}
    expires, created = expiry_ns(labels), call.answer.get("created_at_ns")
    if call.ok and expires is not None and created is not None:
        # Containerd's clock is not the calls': the lease was made within this call.
        life.possible_end = max(ended(call), ended(call) + expires - created)
        life.expired = True
    replayed.root(thing, call, life)


def _lease_delete(replayed: Replay, call: Call) -> None:
    thing = Stored(namespace_of(call), "lease", call.request.get("id", ""))
    life = replayed.store.life(thing)
    expired_ns = life.possible_end if life is not None and life.expired else AFTER
    replayed.end(thing, call)
    if life is not None and expired_ns > life.possible_end:
        life.expired = False


def _lease_resource(replayed: Replay, call: Call) -> None:
    resource = call.request.get("resource", {})
    kind, _, snapshotter = resource.get("type", "").partition("/")
    name = resource.get("id", "")
    target = {
        "snapshots": Stored(namespace_of(call), "snapshot", f"{snapshotter}/{name}"),
        "content": Stored(namespace_of(call), "content", name),
        "images": Stored(namespace_of(call), "image", name),
    }.get(kind)
    if target is None:
        return
    lease = Stored(namespace_of(call), "lease", call.request.get("id", ""))
    if call.name == "Leases.AddResource":
        replayed.lease_holds(lease, target, call)
    elif call.ok:
        replayed.lease_drops(lease, target, call)


def _content_write(replayed: Replay, call: Call) -> None:
    digest = call.answer.get("digest") or call.request.get("expected", "")
    if not digest or (call.ok and call.request.get("last_action") != "COMMIT"):
        return
    thing = Stored(namespace_of(call), "content", digest)
    life = replayed.make(thing, call)
    if life is None:
        return
    replayed.leased(thing, call)
    if life.made_by == call.number:
        replayed.label(thing, call, life, call.request.get("labels", {}))


def _content_use(replayed: Replay, call: Call) -> None:
    replayed.use(Stored(namespace_of(call), "content", call.request.get("digest", "")), call)


def _apply(replayed: Replay, call: Call) -> None:
    _content_use(replayed, call)
    snapshot = replayed.mounted.of(namespace_of(call), call.request.get("mounts", ()))
    if snapshot is not None:
        replayed.use(snapshot, call)


def _content_delete(replayed: Replay, call: Call) -> None:
    replayed.end(Stored(namespace_of(call), "content", call.request.get("digest", "")), call)


def _image(replayed: Replay, call: Call) -> None:
    thing = Stored(namespace_of(call), "image", call.request.get("name", ""))
    target = Stored(thing.namespace, "content", call.request.get("target", ""))
    updating = call.name == "Images.Update"
    fields = call.request.get("fields", [])
    life = replayed.store.life(thing) if updating else replayed.make(thing, call)
    if updating and call.status not in REFUSED and life is None:
        life = replayed.store.lives.setdefault(thing, [Life(made_by=None, foreign=True)])[-1]
        replayed.hold(None, thing, "self", call, life=life)
    if life is None or call.status in REFUSED:
        return
    if not updating:
        replayed.root(thing, call, life)
    elif call.ok and (not fields or any(name.startswith("target") for name in fields)):
        replayed.drop(life, call, reason="image")
    if not updating or not fields or any(name.startswith("target") for name in fields):
        replayed.use(target, call)
        replayed.hold(thing, target, "image", call, life=life)
    if updating:
        _relabel(replayed, thing, call, life)
    else:
        replayed.label(thing, call, life, call.request.get("labels", {}))


def _image_delete(replayed: Replay, call: Call) -> None:
    replayed.end(Stored(namespace_of(call), "image", call.request.get("name", "")), call)


_HANDLERS: Mapping[str, Callable[[Replay, Call], None]] = {
    "Snapshots.Prepare": _prepare,
    "Snapshots.View": _prepare,
    "Snapshots.Commit": _commit,
    "Snapshots.Remove": _snapshot_remove,
    "Snapshots.Mounts": _snapshot_use,
    "Snapshots.Update": _labels_update("snapshot"),
    "Containers.Create": _record_create,
    "Containers.Update": _record_update,
    "Containers.Delete": _record_delete,
    "Tasks.Create": _task_create,
    "Tasks.Delete": _task_delete,
    "Tasks.Wait": _task_wait,
    "Leases.Create": _lease_create,
    "Leases.Delete": _lease_delete,
    "Leases.AddResource": _lease_resource,
    "Leases.DeleteResource": _lease_resource,
    "Content.Write": _content_write,
    "Content.Read": _content_use,
    "Content.Update": _labels_update("content"),
    "Content.Delete": _content_delete,
    "Diff.Apply": _apply,
    "Images.Create": _image,
    "Images.Update": _image,
    "Images.Delete": _image_delete,
}
