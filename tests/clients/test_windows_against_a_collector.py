"""Windows against an independent model: a store, and a collector that is run at each position.

The model knows no intervals: it carries the calls out one by one, and before a call marks from
the roots and looks which objects of the recording are left over. An object that a later call
needs, and that is left over, is lost at that position.
"""

from __future__ import annotations

import hashlib
from itertools import product
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from iluvatar_bench.clients.call_facts import facts_of
from iluvatar_bench.records import Call
from tests.support.client_calls import MS, call

KEYS = ("a", "b")
LEASES = ("l", "m")
DIGESTS = ("sha256:x", "sha256:y")
ROOT = ("", "root")
NAMES = (*KEYS, *(f"done-{key}" for key in KEYS))


class Model:
    """Containerd's store as its documents describe it, without times."""

    def __init__(self) -> None:
        self.snapshots: dict[str, dict[str, Any]] = {}
        self.blobs: dict[str, dict[str, str]] = {}
        self.records: dict[str, str] = {}
        self.images: dict[str, str] = {}
        self.leases: dict[str, set[tuple[str, str]]] = {}

    def marked(self) -> set[tuple[str, str]]:
        """Everything that a collection keeps."""
        todo = [each for held in self.leases.values() for each in held]
        todo += [("snapshot", key) for key in self.records.values() if key]
        todo += [("blob", digest) for digest in self.images.values()]
        todo += [("snapshot", key) for key, info in self.snapshots.items() if info["root"]]
        seen: set[tuple[str, str]] = set()
        while todo:
            kind, name = node = todo.pop()
            if node in seen:
                continue
            seen.add(node)
            if kind == "snapshot" and self.snapshots.get(name, {}).get("parent"):
                todo.append(("snapshot", self.snapshots[name]["parent"]))
            for label, value in self.blobs.get(name, {}).items() if kind == "blob" else ():
                todo.append(("snapshot" if ".snapshot." in label else "blob", value))
        return seen

    def there(self) -> set[tuple[str, str]]:
        return {("snapshot", key) for key in self.snapshots} | {
            ("blob", digest) for digest in self.blobs
        }


def all_steps() -> list[tuple[str, ...]]:
    """Every call on a few names, well mixed."""
    steps: list[tuple[str, ...]] = [
        *(
            ("prepare", key, lease, root)
            for key in KEYS
            for lease in ("", *LEASES)
            for root in ROOT
        ),
        *(("child", *each) for each in product(KEYS, KEYS, ("", *LEASES))),
        *(("commit", *each) for each in product(KEYS, ("", *LEASES))),
        *(("record", *each) for each in product(KEYS, ("", *KEYS))),
        *(("write", *each) for each in product(DIGESTS, ("", *LEASES), ("", *DIGESTS), NAMES)),
        *((kind, lease) for kind in ("lease", "unlease") for lease in LEASES),
        *((kind, *each) for kind in ("add", "take") for each in product(LEASES, NAMES)),
        *((kind, key) for kind in ("remove", "forget", "mounts") for key in KEYS),
        *(("mounts", f"done-{key}") for key in KEYS),
        *((kind, each) for kind in ("read", "image", "unimage") for each in DIGESTS),
    ]
    return sorted(steps, key=lambda step: hashlib.sha256(repr(step).encode()).digest())


STEPS = all_steps()
KINDS = sorted({step[0] for step in STEPS})
Story = list[tuple[Call, "Model", tuple[str, str] | None]]


@st.composite
def stories(draw: st.DrawFn) -> Story:
    """Calls that containerd would carry out, and at last one that needs whatever is there.

    Each with the store before it, and the object that it needs.
    """
    model = Model()
    story: Story = []
    choice = st.tuples(st.sampled_from(KINDS), st.integers(0, len(STEPS)))
    for kind, start in draw(st.lists(choice, min_size=20, max_size=40)):
        of_kind = [step for step in STEPS if step[0] == kind]
        for shift in range(len(of_kind)):
            step = of_kind[(start + shift) % len(of_kind)]
            made = _carried_out(model, len(story) + 1, step)
            if made is not None:
                story.append(made)
                break
    for kind, name in [*(("mounts", name) for name in NAMES), *(("read", d) for d in DIGESTS)]:
        made = _carried_out(model, len(story) + 1, (kind, name))
        if made is not None:
            story.append(made)
    return story


def _carried_out(
    model: Model, number: int, step: tuple[str, ...]
) -> tuple[Call, Model, tuple[str, str] | None] | None:
    """The call, a copy of the store before it, and what it needs; None if it is refused."""
    before = Model()
    before.snapshots = {key: dict(info) for key, info in model.snapshots.items()}
    before.blobs = {key: dict(labels) for key, labels in model.blobs.items()}
    before.records, before.images = dict(model.records), dict(model.images)
    before.leases = {name: set(held) for name, held in model.leases.items()}
    kind, name, *rest = step
    request: dict[str, Any] = {"snapshotter": "o", "key": name}
    need: tuple[str, str] | None = None
    lease = None
    if kind in ("prepare", "child"):
        parent = ""
        lease = rest[0] if kind == "prepare" else rest[1]
        if kind == "child":
            parent = f"done-{rest[0]}"
            if parent not in model.snapshots:
                return None
            need = ("snapshot", parent)
            request["parent"] = parent
        if name in model.snapshots or (lease and lease not in model.leases):
            return None
        root = kind == "prepare" and bool(rest[1])
        if root:
            request["labels"] = {"containerd.io/gc.root": "x"}
        model.snapshots[name] = {"parent": parent, "root": root}
        called = "Snapshots.Prepare"
        _put(model, lease, ("snapshot", name))
    elif kind == "commit":
        lease, done = rest[0], f"done-{name}"
        if name not in model.snapshots or done in model.snapshots:
            return None
        if lease and lease not in model.leases:
            return None
        need = ("snapshot", name)
        model.snapshots[done] = {"parent": model.snapshots.pop(name)["parent"], "root": False}
        request["name"] = done
        called = "Snapshots.Commit"
        _put(model, lease, ("snapshot", done))
    elif kind in ("remove", "mounts"):
        if name not in model.snapshots:
            return None
        called = "Snapshots.Remove" if kind == "remove" else "Snapshots.Mounts"
        if kind == "remove":
            del model.snapshots[name]
        else:
            need = ("snapshot", name)
    elif kind == "record":
        if name in model.records:
            return None
        model.records[name] = rest[0]
        called, request = (
            "Containers.Create",
            {
                "id": name,
                "snapshotter": "o",
                "snapshot_key": rest[0],
            },
        )
    elif kind == "forget":
        if model.records.pop(name, None) is None:
            return None
        called, request = "Containers.Delete", {"id": name}
    elif kind in ("lease", "unlease"):
        if (name in model.leases) == (kind == "lease"):
            return None
        called, request = f"Leases.{'Create' if kind == 'lease' else 'Delete'}", {"id": name}
        if kind == "lease":
            model.leases[name] = set()
        else:
            del model.leases[name]
    elif kind in ("add", "take"):
        if name not in model.leases:
            return None
        resource = ("snapshot", rest[0])
        (model.leases[name].add if kind == "add" else model.leases[name].discard)(resource)
        called = "Leases.AddResource" if kind == "add" else "Leases.DeleteResource"
        request = {"id": name, "resource": {"id": rest[0], "type": "snapshots/o"}}
    elif kind == "write":
        lease, referred, key = rest
        if name in model.blobs or (lease and lease not in model.leases):
            return None
        labels = {"containerd.io/gc.ref.content.0": referred} if referred else {}
        labels["containerd.io/gc.ref.snapshot.o"] = key
        model.blobs[name] = labels
        called = "Content.Write"
        request = {"expected": name, "last_action": "COMMIT", "labels": labels}
        _put(model, lease, ("blob", name))
    elif kind == "read":
        if name not in model.blobs:
            return None
        need = ("blob", name)
        called, request = "Content.Read", {"digest": name}
    else:
        if (name in model.images) == (kind == "image"):
            return None
        called = "Images.Create" if kind == "image" else "Images.Delete"
        request = {"name": name, "target": name}
        if kind == "image":
            model.images[name] = name
            need = ("blob", name)
        else:
            del model.images[name]
    return call(number, called, lease=lease or None, **request), before, need


def _put(model: Model, lease: str, thing: tuple[str, str]) -> None:
    if lease:
        model.leases[lease].add(thing)


def needs_of(made: Call) -> set[tuple[str, str]]:
    """What a call names and so needs, besides its own object: targets of its labels."""
    labels = made.request.get("labels", {})
    return {
        ("snapshot" if ".snapshot." in label else "blob", value)
        for label, value in labels.items()
        if ".ref." in label
    }


def lost_by_the_model(story: Story) -> set[tuple[int, tuple[str, str]]]:
    """Position and object, for each that a collection there takes and a later call needs."""
    lost = set()
    for position, (made, before, _) in enumerate(story):
        garbage = before.there() - before.marked()
        for thing in garbage:
            for later, store, need in story[position:]:
                if thing not in store.there():
                    break
                if need == thing or thing in needs_of(later):
                    lost.add((made.number, thing))
                    break
    return lost


def lost_by_windows(calls: list[Call]) -> set[tuple[int, tuple[str, str]]]:
    found = set()
    for fact in facts_of(calls).facts:
        kind, _, name = fact.subject.partition(" ")
        thing = ("blob", name) if kind == "content" else ("snapshot", name.partition("/")[2])
        found |= {(position, thing) for position in fact.positions(calls)}
    return found


@settings(max_examples=150, deadline=None)
@given(stories())
def test_windows_are_the_positions_at_which_a_collection_takes_something(
    story: Story,
) -> None:
    calls = [made for made, _, _ in story]
    assert lost_by_windows(calls) == lost_by_the_model(story)


def touched(made: Call) -> set[tuple[str, str]]:
    """The objects that a call makes, changes or removes, and its lease."""
    names = {
        (made.service, str(made.request[name]))
        for name in ("id", "key", "name", "digest", "expected")
        if name in made.request
    }
    return names | ({("Leases", made.lease)} if made.lease else set())


@settings(max_examples=80, deadline=None)
@given(stories(), st.data())
def test_with_calls_that_overlap_no_window_claims_too_much(
    story: Story, data: st.DataObject
) -> None:
    """Each call takes effect somewhere within it, while those on other objects are under way."""
    stretched = []
    for made, _, _ in story:
        effect_ms = 10 * made.number
        start = effect_ms - data.draw(st.integers(1, 35))
        end = effect_ms + data.draw(st.integers(1, 35))
        for other, _, _ in story:
            if other.number != made.number and touched(other) & touched(made):
                between = 5 * (made.number + other.number)
                if other.number < made.number:
                    start = max(start, between)
                else:
                    end = min(end, between - 1)
        request = dict(made.request)
        stretched.append(
            call(made.number, made.name, lease=made.lease, at_ms=(start, end), **request)
        )
    effects = {made.number: 10 * made.number * MS for made, _, _ in story}
    for fact in facts_of(stretched).facts:
        if fact.started_ns is None or fact.ended_ns is None:
            continue
        kind, _, name = fact.subject.partition(" ")
        thing = ("blob", name) if kind == "content" else ("snapshot", name.partition("/")[2])
        for position, (made, before, _) in enumerate(story):
            earlier = effects[story[position - 1][0].number] if position else 0
            # The stores stand from one effect to the next; does the window meet this one?
            if max(earlier, fact.started_ns) < min(effects[made.number], fact.ended_ns):
                assert thing in before.there()
                assert thing not in before.marked()
