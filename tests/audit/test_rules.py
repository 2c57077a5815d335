"""Rules over states made by hand: what no daemon of this machine can be made to show."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iluvatar_bench.audit import Audit, DaemonState, Severity, apply_rules, live_container
from iluvatar_bench.audit.clients import client_of, id_pattern
from iluvatar_bench.audit.read.held import FLAT_LABEL, held_snapshots
from iluvatar_bench.audit.read.state import (
    HeldLease,
    HostState,
    NamespaceState,
    RootMount,
    SnapshotId,
)
from iluvatar_bench.audit.rules.runtimes import shared_cgroup_effect
from iluvatar_bench.audit.rules.versions import version_notes
from iluvatar_bench.containerd.services.images import ImageRecord
from iluvatar_bench.containerd.values import (
    ContainerRecord,
    Descriptor,
    LeaseInfo,
    Resource,
    SnapshotInfo,
    SnapshotKind,
    TaskInfo,
    TaskState,
)
from iluvatar_bench.profiles import PRESETS
from iluvatar_bench.profiles.collector import Collector
from tests.audit.clients import named

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
LONG_AGO = NOW - timedelta(hours=3)
UNSEEN = HostState()
"""A host that could not be looked at."""


def record(id: str, *, cgroup: str | None = None, **fields: Any) -> ContainerRecord:
    """A record in order: a named snapshot, an own cgroup and PID namespace."""
    spec = {
        "root": {"path": "rootfs"},
        "linux": {"cgroupsPath": cgroup or f"/ns/{id}", "namespaces": [{"type": "pid"}]},
    }
    known = {
        "id": id,
        "image": "i",
        "runtime": "io.containerd.runc.v2",
        "spec": spec,
        "snapshotter": "overlayfs",
        "snapshot_key": id,
        "created_at": LONG_AGO,
    }
    return ContainerRecord(**{**known, **fields})


def snapshot(
    name: str, *, parent: str = "", labels: Mapping[str, str] | None = None
) -> dict[SnapshotId, SnapshotInfo]:
    info = SnapshotInfo(name, parent, SnapshotKind.ACTIVE, labels or {}, LONG_AGO)
    return {SnapshotId("overlayfs", name): info}


def lease(
    id: str, *held: str, expires_at: datetime | None = None, labels: Mapping[str, str] | None = None
) -> HeldLease:
    info = LeaseInfo(id=id, created_at=LONG_AGO, expires_at=expires_at, labels=labels or {})
    return HeldLease(info=info, resources=tuple(Resource("snapshots/overlayfs", x) for x in held))


def running(id: str) -> dict[str, TaskInfo]:
    return {id: TaskInfo(id, 1, TaskState.RUNNING, 0)}


def audit_of(*records: ContainerRecord, host: HostState = UNSEEN, **namespace: Any) -> Audit:
    state = NamespaceState(name="ns", records={r.id: r for r in records}, **namespace)
    return apply_rules(
        DaemonState(
            address=Path("/c.sock"), version="1.6.20", taken_at=NOW, namespaces=(state,), host=host
        )
    )


def good(id: str = "good", **fields: Any) -> dict[str, Any]:
    return {"records": record(id, **fields), "snapshots": snapshot(id), "tasks": running(id)}


def test_docker_brings_its_own_root_file_system() -> None:
    spec = {
        "root": {"path": "/var/lib/docker/overlay2/x/merged"},
        "linux": {"namespaces": [{"type": "pid"}]},
    }
    bare = record("d", spec=spec, snapshotter="", snapshot_key="")
    assert named(audit_of(bare, tasks=running("d"))) == {}
    relative = record("d", snapshotter="", snapshot_key="")
    assert named(audit_of(relative, tasks=running("d"))) == {"snapshot_not_named": 1}


def test_a_lease_for_the_containers_life_protects_it_too() -> None:
    bare = record("c", snapshot_key="")
    held = lease("life", "c")
    audit = audit_of(bare, tasks=running("c"), snapshots=snapshot("c"), leases=(held,))
    # Protected while the lease lasts: it is said that nothing else does it.
    assert named(audit) == {"snapshot_held_by_lease_alone": 1}
    assert audit.losing == ()
    ended = lease("life", "c", expires_at=NOW - timedelta(seconds=1))
    found = audit_of(bare, tasks=running("c"), snapshots=snapshot("c"), leases=(ended,))
    assert set(named(found)) == {"snapshot_not_named", "lease_expired"}


def levels_of(audit: Audit, factor: str) -> tuple[Any, tuple[str, ...]]:
    """What the one client's habit is, and what leaves the same traces."""
    (client,) = audit.clients
    (habit,) = [habit for habit in client.habits if habit.factor == factor]
    return habit.level, habit.or_else


@pytest.mark.parametrize(
    ("expires_in_seconds", "level", "rules"),
    [
        (None, "lease_pruned", {"snapshot_held_by_lease_alone"}),
        (24 * 3600, "lease_pruned", {"snapshot_held_by_lease_alone"}),
        (30, "lease_short", {"lease_expiring"}),
        (-1, "lease_short", {"lease_expired", "snapshot_not_named"}),
    ],
)
def test_a_lease_alone_is_named_by_what_will_end_it(
    expires_in_seconds: int | None, level: str, rules: set[str]
) -> None:
    end = None if expires_in_seconds is None else NOW + timedelta(seconds=expires_in_seconds)
    audit = audit_of(
        record("c", snapshot_key=""),
        tasks=running("c"),
        snapshots=snapshot("c"),
        leases=(lease("life", "c", expires_at=end),),
    )
    assert set(named(audit)) == rules
    assert levels_of(audit, "snapshot_reference") == (level, ())
    profile = audit.clients[0].profile()
    assert profile is None or profile.snapshot_reference == level


def test_what_is_over_is_not_guessed_at() -> None:
    """A finished record is the same with a lease before it and without; so is one whose lease is
    gone without a trace."""
    finished = audit_of(record("c"), tasks=running("c"), snapshots=snapshot("c"))
    assert named(finished) == {}
    assert levels_of(finished, "snapshot_reference") == ("lease", ("record_late",))
    told = finished.clients[0].as_dict()["habits"]["snapshot_reference"]
    assert told["or_else"] == ["record_late"]
    within = audit_of(snapshots=snapshot("c"))
    assert named(within) == {"snapshot_unreferenced": 1}
    gone = audit_of(record("c", snapshot_key=""), tasks=running("c"), snapshots=snapshot("c"))
    assert levels_of(gone, "snapshot_reference") == ("none", ("lease_short", "lease_pruned"))
    first = snapshot("c")
    made = {id: replace(info, created_at=NOW) for id, info in first.items()}
    named_before = audit_of(record("c"), tasks=running("c"), snapshots=made)
    assert levels_of(named_before, "snapshot_reference") == ("container", ())


IMAGE = ImageRecord(name="i", target=Descriptor("application/json", "sha256:m", 1))
LAYER = {
    SnapshotId("overlayfs", "layer"): SnapshotInfo(
        "layer", "", SnapshotKind.COMMITTED, {}, LONG_AGO
    )
}


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({}, {"parent_not_held": 1}),
        # Another holder, the image's own top, and an image that was removed meanwhile.
        ({"leases": (lease("l", "layer"),)}, {}),
        ({"content": {"sha256:m": {"containerd.io/gc.ref.snapshot.overlayfs": "layer"}}}, {}),
        ({"top_snapshots": {"i": ("layer",)}}, {"image_snapshot_not_held": 1}),
        ({"images": ()}, {}),
    ],
)
def test_a_layer_that_only_containers_hold(fields: dict[str, Any], found: dict[str, int]) -> None:
    state = {
        "images": (IMAGE,),
        "snapshots": {**LAYER, **snapshot("c", parent="layer")},
        "tasks": running("c"),
        **fields,
    }
    audit = audit_of(record("c"), **state)
    assert named(audit) == found
    expected = "parent_unheld" if "parent_not_held" in found else "lease"
    assert levels_of(audit, "snapshot_reference")[0] == expected


@pytest.mark.parametrize(
    ("paths", "rules", "levels"),
    [
        (("/a", "/a/b"), {"cgroup_nested": 1}, {"own", "nested"}),
        (("/a", "/ab"), {}, {"own"}),
        (("/", "/a/b"), {"cgroup_nested": 1}, {"own", "nested"}),
        (("kata/vfiotest",), {"cgroup_of_example": 1}, {"example"}),
        (("/mine/kata/vfiotest", "/other"), {"cgroup_of_example": 1}, {"example", "own"}),
        (("kata/vfiotest", "kata/vfiotest"), {"cgroup_shared": 2}, {"example"}),
        (("x/y", "x/y"), {"cgroup_shared": 2}, {"relative"}),
        (("x/y", "/z"), {"cgroup_relative": 1}, {"own"}),
        (("system.slice:runc:x", "/z"), {}, {"own"}),
    ],
)
def test_paths_of_cgroups_are_equal_nested_relative_or_copied(
    paths: tuple[str, ...], rules: dict[str, int], levels: set[str]
) -> None:
    records = [record(f"{'abc'[n]}", cgroup=path) for n, path in enumerate(paths)]
    snapshots = {id: info for r in records for id, info in snapshot(r.id).items()}
    tasks = {id: info for r in records for id, info in running(r.id).items()}
    host = HostState(runtimes={"runc": "runc version 1.1.5"})
    audit = audit_of(*records, snapshots=snapshots, tasks=tasks, host=host)
    assert named(audit) == rules
    shown = {
        habit.level
        for client in audit.clients
        for habit in client.habits
        if habit.factor == "cgroup"
    }
    assert shown == levels
    for found in audit.findings:
        assert found.rule.fix.endswith(".")
        assert found.rule.source.startswith("https://")
        if found.rule.name == "cgroup_nested":
            assert "process_died" in found.bug_classes
            assert any("is below that of ns/a" in detail for detail in found.details)


def test_what_comes_and_goes_during_the_reading_accuses_nobody() -> None:
    """A snapshot whose record appears or disappears meanwhile is held all the same."""
    going = record("going")
    audit = audit_of(snapshots=snapshot("going"), passing_records=(going,))
    assert named(audit) == {}
    early = record("early", created_at=NOW - timedelta(seconds=0.5))
    assert named(audit_of(early)) == {}
    passing = frozenset({SnapshotId("overlayfs", "gone")})
    assert named(audit_of(record("gone"), tasks=running("gone"), passing_snapshots=passing)) == {}
    late = replace(early, created_at=NOW - timedelta(seconds=30))
    assert named(audit_of(late)) == {"snapshot_missing": 1}


def test_kubernetes_keeps_records_of_what_has_ended() -> None:
    labels = {"io.cri-containerd.kind": "container"}
    ended = record("ended", labels=labels)
    assert named(audit_of(ended, snapshots=snapshot("ended"))) == {}
    plain = replace(ended, labels={})
    assert named(audit_of(plain, snapshots=snapshot("ended"))) == {"record_without_task": 1}


def test_a_task_whose_shim_does_not_answer() -> None:
    one = good("one")
    silent = audit_of(
        one["records"],
        snapshots=one["snapshots"],
        tasks=one["tasks"],
        silent_tasks=frozenset({"one"}),
    )
    (found,) = silent.findings
    assert (found.rule.name, found.severity) == ("task_without_shim", Severity.HIGH)
    assert found.rule.fix.startswith("Make sure")


def test_what_could_not_be_looked_at_is_not_judged() -> None:
    """None is never read as *there are none*."""
    audit = audit_of(record("c"), snapshots=snapshot("c"), tasks=running("c"), host=HostState())
    assert named(audit) == {}
    unknown = RootMount(mount_point="/m", upper_directory="/u", upper_exists=None)
    host = HostState(root_mounts={("ns", "c"): unknown})
    assert (
        named(audit_of(record("c"), snapshots=snapshot("c"), tasks=running("c"), host=host)) == {}
    )


@pytest.mark.parametrize(
    ("version", "effect", "classes"),
    [
        ("runc version 1.0.0-rc95", "signals every process", {"process_died", "silent_startup"}),
        ("runc version 1.1.15", "signals every process", {"process_died", "create_rejected"}),
        ("runc version 1.2.0", "refused at create", {"create_rejected"}),
        ("runc version 1.5.1", "refused at create", {"create_rejected"}),
        ("crun version 1.8.1", "Delete of one", {"process_died"}),
        ("youki version 0.5", "not known", {"process_died"}),
    ],
)
def test_a_shared_cgroup_means_what_the_runtimes_version_makes_of_it(
    version: str, effect: str, classes: set[str]
) -> None:
    known = shared_cgroup_effect(version)
    assert effect in known.effect
    host = HostState(runtimes={"runc": version})
    records = [record(id, cgroup="/one/") for id in ("a", "b")]
    records[1] = record("b", cgroup="one")
    snapshots, tasks = {**snapshot("a"), **snapshot("b")}, {**running("a"), **running("b")}
    (found,) = audit_of(*records, snapshots=snapshots, tasks=tasks, host=host).findings
    assert (found.rule.name, found.count) == ("cgroup_shared", 2)
    assert classes <= set(found.bug_classes)
    assert any(version in detail for detail in found.details)
    assert found.bug_classes == known.bug_classes


@pytest.mark.parametrize(
    ("version", "effect", "classes"),
    [
        ("runc version 1.1.5", "stays in its shim's cgroup", {"deadline", "removal_failed"}),
        ("runc version 1.1.6", "refused at create", {"create_rejected"}),
        ("crun version 1.21", "refused at create", {"create_rejected"}),
    ],
)
def test_a_shared_unit_means_something_else_than_a_shared_path(
    version: str, effect: str, classes: set[str]
) -> None:
    ids = ("x-1", "x-2")
    records = [record(id, cgroup="a.slice:x:y") for id in ids]
    snapshots = {**snapshot(ids[0]), **snapshot(ids[1])}
    tasks = {**running(ids[0]), **running(ids[1])}
    host = HostState(runtimes={"runc": version})
    audit = audit_of(*records, snapshots=snapshots, tasks=tasks, host=host)
    (found,) = audit.findings
    assert found.rule.name == "cgroup_shared"
    assert effect in " ".join(found.details)
    assert set(found.bug_classes) == classes
    assert levels_of(audit, "cgroup_driver") == ("systemd", ())


@pytest.mark.parametrize(
    ("asked", "real", "joined"),
    [
        ("/ns/c", "/ns/c", True),
        ("/ns/c", "/docker/node/ns/c/init.scope", True),
        ("/ns/c", "/ns/cc", False),
        ("a-b.slice:cri:c", "/a.slice/a-b.slice/cri-c.scope", True),
        ("a.slice:cri:b.slice", "/a.slice/b.slice", True),
        ("a.slice:x:c", "/system.slice/containerd.service", False),
        # Where it lies is not known from the record.
        ("x/y", "/system.slice/x/y", True),
        ("/", "/system.slice", True),
    ],
)
def test_a_process_outside_of_its_cgroup_is_found(asked: str, real: str, joined: bool) -> None:
    host = HostState(cgroups={("ns", "c"): real}, runtimes={"runc": "runc version 1.1.5"})
    audit = audit_of(
        record("c", cgroup=asked), snapshots=snapshot("c"), tasks=running("c"), host=host
    )
    found = [f for f in audit.findings if f.rule.name == "cgroup_not_joined"]
    assert [f.objects for f in found] == ([] if joined else [("ns/c",)])
    if found:
        assert f"ns/c is in {real}" in found[0].details[0]


def test_systemds_cgroups_and_those_that_the_runtime_makes() -> None:
    same = [record(id, cgroup="system.slice:runc:x") for id in ("a", "b")]
    both = {**snapshot("a"), **snapshot("b")}, {**running("a"), **running("b")}
    assert set(named(audit_of(*same, snapshots=both[0], tasks=both[1]))) == {"cgroup_shared"}
    without = {**record("a").spec, "linux": {"namespaces": [{"type": "pid"}], "cgroupsPath": ""}}
    own = [record(id, spec=without) for id in ("a", "b")]
    assert named(audit_of(*own, snapshots=both[0], tasks=both[1])) == {}


def test_a_flat_lease_holds_parents_and_not_what_labels_point_to() -> None:
    points = {"containerd.io/gc.ref.snapshot.overlayfs": "far"}
    snapshots = {
        **snapshot("low"),
        **snapshot("top", parent="low", labels=points),
        **snapshot("far"),
    }
    for labels, kept in (({}, {"low", "top", "far"}), ({FLAT_LABEL: "x"}, {"low", "top"})):
        state = NamespaceState(
            name="ns", snapshots=snapshots, leases=(lease("l", "top", labels=labels),)
        )
        assert {s.name for s in held_snapshots(state, now=NOW)} == kept
    assert named(
        audit_of(snapshots=snapshots, leases=(lease("l", "top", labels={FLAT_LABEL: ""}),))
    ) == {"snapshot_unreferenced": 1}


def test_the_pace_of_collections_is_told_where_it_is_known() -> None:
    audit = audit_of(snapshots=snapshot("loose"))
    for settings, words in (
        (None, ""),
        (Collector(), "at most 2 % of the time, after 100 changes"),
        (Collector(deletion_threshold=1), "after 1 deletes"),
    ):
        (found,) = apply_rules(replace(audit.state, collector=settings)).findings
        assert words in " ".join(found.details)
    assert "the oldest is 3 h old" in found.details


def test_versions_are_told_apart() -> None:
    old, patched, new = (" ".join(version_notes(v, [])) for v in ("1.6.20~ds1", "1.6.36", "v2.1.6"))
    assert "no event" in old
    assert "milliseconds" in old
    assert "245 ms" in patched
    assert "no event" in patched
    assert "/snapshot/remove" in new
    assert "245 ms" in new
    assert version_notes("unknown", [""]) == ()


def test_clients_are_told_apart_by_label_or_pattern() -> None:
    assert id_pattern("hello-64647108-00001") == "hello-*"
    assert id_pattern("web-3f2504e0-4f89-41d3-9a0c-0305e82c3301") == "web-*"
    assert id_pattern("database") == "database"
    assert client_of(record("a", labels={"owner": "mine"})) == "mine"
    assert client_of(record("a", labels={"io.cri-containerd.kind": "sandbox"})) == "kubernetes"
    assert client_of(record("web-17")) == "web-*"


def test_habits_follow_the_majority_and_name_the_nearest_preset() -> None:
    records = [record(f"w-{n}", cgroup="/all") for n in range(3)] + [record("w-3")]
    snapshots = {id: info for r in records for id, info in snapshot(r.id).items()}
    tasks = {id: info for r in records for id, info in running(r.id).items()}
    (client,) = audit_of(*records, snapshots=snapshots, tasks=tasks).clients
    habits = {habit.factor: habit for habit in client.habits}
    assert (habits["cgroup"].level, habits["cgroup"].seen, habits["cgroup"].total) == (
        "shared",
        3,
        4,
    )
    assert client.preset == "guarded"
    assert client.agrees == ("snapshot_reference", "removal")
    profile = client.profile()
    assert profile is not None
    assert (profile.cgroup, profile.snapshot_reference, profile.kill) == ("shared", "lease", "init")
    nothing = audit_of(
        record("x", spec={}, snapshot_key="", snapshotter="", spec_problem="no JSON")
    )
    assert nothing.clients[0].profile() is None


def test_what_left_no_trace_is_as_in_the_nearest_preset() -> None:
    records = [record(f"w-{n}", snapshot_key="", cgroup="/all") for n in range(2)]
    audit = audit_of(*records, tasks=running("w-0"), snapshots=snapshot("w-0"))
    (client,) = audit.clients
    profile = client.profile()
    assert profile is not None
    assert (client.base, profile.kill, profile.removal) == (
        "iluvatar-2022-07",
        "all",
        "worker_2022",
    )
    assert client.sources()["kill"] == "assumed: no trace of it, as in iluvatar-2022-07"
    # Of two that are as near, the one with the fewer mistakes.
    tied = replace(client, preset=None, near=("iluvatar-2022-07", "iluvatar-2022-08"))
    assert tied.base == "iluvatar-2022-08"


def test_a_level_of_few_is_no_habit_and_a_tie_names_no_preset() -> None:
    """Docker's records name no snapshot: one of nerdctl's among them says nothing of them."""
    absolute = {**record("d").spec, "root": {"path": "/var/lib/docker/merged"}}
    docker = [
        record(
            f"d-{n}", spec={**absolute, "linux": record(f"d-{n}").spec["linux"]}, snapshot_key=""
        )
        for n in range(9)
    ]
    bare = record("d-9", snapshot_key="")
    (client,) = audit_of(*docker, bare).clients
    habits = {habit.factor: habit for habit in client.habits}
    told = habits["snapshot_reference"]
    assert (told.level, told.seen, told.total, told.enough) == ("none", 1, 10, False)
    assert (client.preset, client.near) == (None, ("iluvatar-2022-08", "guarded"))
    profile = client.profile()
    assert profile is not None
    assert profile.factors == {**PRESETS["guarded"].factors, "network": "host"}
    sources = client.sources()
    assert sources["cgroup"] == "seen 10 of 10"
    assert sources["snapshot_reference"].startswith("assumed: only 1 of 10 show none")
    assert sources["kill"].startswith("assumed: no trace")


def test_a_finding_names_whose_it_is_and_what_it_stands_for() -> None:
    mine = record("a", snapshot_key="", labels={"owner": "mine"})
    audit = audit_of(mine, record("other-17", snapshot_key=""), tasks=running("a"))
    (found,) = audit.findings
    assert found.clients == ("ns: mine", "ns: other-*")
    assert found.as_dict()["meaning"] == "can lose data or a container now"


def test_a_table_a_frame_and_a_notebook() -> None:
    audit = audit_of(record("<b>", snapshot_key=""), tasks=running("<b>"))
    assert audit.frame["count"].tolist() == [1]
    assert "&lt;b&gt;" in audit._repr_html_()
    assert "<b>," not in audit._repr_html_()
    assert audit.next_collection.empty


def test_a_cgroup_is_the_hosts_whatever_the_containerd_namespace() -> None:
    spaces = tuple(
        NamespaceState(
            name=name,
            records={"a": record("a", cgroup="/one")},
            snapshots=snapshot("a"),
            tasks=running("a"),
        )
        for name in ("first", "second")
    )
    state = replace(audit_of().state, namespaces=spaces)
    (found,) = apply_rules(state).findings
    assert (found.rule.name, found.objects) == ("cgroup_shared", ("first/a", "second/a"))
    alone = replace(state, namespaces=spaces[:1])
    assert apply_rules(alone).findings == ()


def test_nothing_is_orphaned_where_the_mounts_could_not_be_looked_at() -> None:
    """The form of the leases of known clients: ``test_right_clients``."""
    state = {"snapshots": snapshot("x"), "leases": (lease("keeper", "x"),)}
    looked = HostState(mounted=frozenset())
    assert named(audit_of(host=looked, **state)) == {"snapshot_orphaned": 1}
    assert named(audit_of(host=UNSEEN, **state)) == {}
    mounted = HostState(mounted=frozenset({("ns", SnapshotId("overlayfs", "x"))}))
    assert named(audit_of(host=mounted, **state)) == {}


def test_what_is_in_use_is_said_as_far_as_it_was_seen() -> None:
    loose = snapshot("loose")
    for host, words, severity in (
        (HostState(mounted=frozenset()), "in use right now: 0", Severity.MEDIUM),
        (UNSEEN, "in use right now: 0 as far as could be seen", Severity.MEDIUM),
        (
            HostState(mounted=frozenset({("ns", SnapshotId("overlayfs", "loose"))})),
            "in use right now: 1",
            Severity.HIGH,
        ),
    ):
        (found,) = audit_of(snapshots=loose, host=host).findings
        assert words in found.details[0]
        assert found.severity is severity


_NAMES = st.sampled_from(
    [
        "linux",
        "root",
        "path",
        "namespaces",
        "type",
        "cgroupsPath",
        "resources",
        "memory",
        "limit",
        "cpu",
        "quota",
        "period",
        "annotations",
        "io.kubernetes.cri.sandbox-id",
        "readonly",
    ]
)
_VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.sampled_from(["pid", "/", "a:b", ""])
)
_SPECS = st.dictionaries(
    _NAMES,
    st.recursive(
        _VALUES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner)
    ),
)


@given(specs=st.lists(_SPECS, min_size=1, max_size=3))
def test_no_spec_of_any_form_ends_the_audit(specs: list[dict[str, Any]]) -> None:
    records = [record(f"r{n}", spec=spec, snapshot_key="") for n, spec in enumerate(specs)]
    audit = audit_of(*records, tasks=running("r0"))
    assert audit.counts["containers"] == len(specs)
    json.dumps(audit.as_dict())
    for client in audit.clients:
        client.profile()
    for one in records:
        assert live_container(audit, one.id).name == f"ns/{one.id}"
