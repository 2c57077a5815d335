"""What hand-written calls say: the windows and the facts are written down by hand too."""

from __future__ import annotations

import pytest

from iluvatar_bench.clients.call_facts import facts_of
from iluvatar_bench.records.call_facts import CallFact, CallFacts, CallRule
from tests.support.client_calls import MS, Recording, call, guarded


def only(facts: CallFacts, rule: CallRule) -> CallFact:
    found = [fact for fact in facts.facts if fact.rule is rule]
    assert len(found) == 1, [fact.rule for fact in facts.facts]
    return found[0]


def rules(facts: CallFacts) -> list[CallRule]:
    return [fact.rule for fact in facts.facts]


def window_ms(fact: CallFact) -> tuple[float, float]:
    assert fact.started_ns is not None and fact.ended_ns is not None
    return fact.started_ns / MS, fact.ended_ns / MS


def test_the_right_order_gives_no_fact_and_a_bar_without_a_gap() -> None:
    facts = facts_of(guarded().calls)
    assert facts.facts == ()
    (container,) = facts.containers
    assert (container.namespace, container.container) == ("ns", "c")
    assert container.snapshots == ("overlayfs/c",)
    assert container.calls == (1, 2, 3, 4, 5, 6, 7, 8, 9, 10)
    held = [
        (each.holder, each.started_ns / MS, each.ended_ns / MS, each.made_by, each.ended_by)
        for each in container.held
    ]
    # Calls are 2 ms long and start at 10, 20, …: the snapshot is possibly there from 20 to 92.
    assert held == [("lease l", 20, 42, 2, 4), ("record c", 30, 92, 3, None)]


def test_the_order_of_2022_holds_its_snapshot_never() -> None:
    recording = Recording().record("c").prepare("c", parent="base").task("c", "c").start("c")
    recording.kill("c").delete("c", status="UNKNOWN").delete("c").forget("c")
    facts = facts_of(recording.calls)
    assert rules(facts) == [CallRule.SNAPSHOT_UNHELD, CallRule.RECORD_WITHOUT_SNAPSHOT]
    window = only(facts, CallRule.SNAPSHOT_UNHELD)
    # From the end of Prepare (2) to the start of the Tasks.Delete that was answered (7).
    assert window_ms(window) == (22, 70)
    assert window.length_ms == 48
    assert window.calls == (2, 7)
    assert window.positions(recording.calls) == (3, 4, 5, 6, 7)
    assert (window.container, window.subject) == ("c", "snapshot overlayfs/c")
    assert "snapshot_overlay" in window.may_become
    assert "containerd-lease" in window.remedy
    assert only(facts, CallRule.RECORD_WITHOUT_SNAPSHOT).unsafe


def test_a_record_after_an_unleased_prepare_is_a_window_of_one_position() -> None:
    recording = Recording().prepare("c", parent="base").record("c", "c").task("c", "c")
    recording.start("c").kill("c").delete("c").remove("c").forget("c")
    facts = facts_of(recording.calls)
    assert rules(facts) == [CallRule.SNAPSHOT_UNHELD]
    window = only(facts, CallRule.SNAPSHOT_UNHELD)
    assert window_ms(window) == (12, 20)
    assert window.calls == (1, 2)
    assert window.positions(recording.calls) == (2,)
    assert "until #2 Containers.Create held it" in window.happened


def test_overlapping_calls_are_given_the_benefit_of_the_doubt() -> None:
    calls = [
        call(
            1,
            "Snapshots.Prepare",
            at_ms=(10, 30),
            snapshotter="o",
            key="c",
            answer={"mounts": [{"upperdir": "/s/c"}]},
        ),
        call(2, "Containers.Create", at_ms=(20, 40), id="c", snapshotter="o", snapshot_key="c"),
        call(3, "Tasks.Create", at_ms=(50, 60), container_id="c", rootfs=[{"upperdir": "/s/c"}]),
    ]
    assert not facts_of(calls).unsafe


def test_a_lease_deleted_before_the_record_is_a_window_that_it_opens() -> None:
    recording = Recording().lease("l").prepare("c", lease="l").unlease("l").record("c", "c")
    recording.task("c", "c").delete("c").remove("c").forget("c")
    facts = facts_of(recording.calls)
    assert rules(facts) == [CallRule.LEASE_ENDED_EARLY]
    window = only(facts, CallRule.LEASE_ENDED_EARLY)
    assert window_ms(window) == (32, 40)
    assert window.calls == (2, 3, 4)
    assert "#3 Leases.Delete let lease l go" in window.happened


def test_a_lease_that_expires_while_the_container_lives() -> None:
    recording = Recording().lease(
        "l",
        labels={"containerd.io/gc.expire": "2026-01-01T00:00:00.033Z"},
        answer={"id": "l", "created_at_ns": 1_767_225_600_000_000_000},
    )
    recording.prepare("c", lease="l").record("c").task("c", "c").start("c")
    recording.kill("c").delete("c").remove("c").forget("c").unlease("l")
    facts = facts_of(recording.calls)
    window = only(facts, CallRule.LEASE_EXPIRED)
    # Made by 12 at the latest, good for 33 ms.
    assert window_ms(window) == (45, 70)
    assert window.calls == (2, 7)
    assert "lease l expired" in window.happened
    assert CallRule.LEFT_LEASE not in rules(facts)


def test_a_lease_deleted_before_it_expires_has_not_expired() -> None:
    recording = Recording().lease(
        "l",
        labels={"containerd.io/gc.expire": "2026-01-02T00:00:00Z"},
        answer={"id": "l", "created_at_ns": 1_767_225_600_000_000_000},
    )
    recording.prepare("c", lease="l").unlease("l").record("c", "c").task("c", "c").delete("c")
    assert CallRule.LEASE_ENDED_EARLY in rules(facts_of(recording.calls))


def test_a_lease_that_holds_for_the_whole_life_is_enough() -> None:
    recording = Recording().lease("l").prepare("c", lease="l").record("c").task("c", "c")
    recording.start("c").kill("c").delete("c").remove("c").forget("c").unlease("l")
    facts = facts_of(recording.calls)
    assert not facts.unsafe
    assert rules(facts) == [CallRule.RECORD_WITHOUT_SNAPSHOT]


def test_a_resource_added_to_a_lease_is_held_from_then_on() -> None:
    recording = Recording().lease("l").prepare("c")
    recording.add("Leases.AddResource", id="l", resource={"id": "c", "type": "snapshots/overlayfs"})
    recording.record("c", "c").unlease("l").task("c", "c").delete("c").remove("c").forget("c")
    window = only(facts_of(recording.calls), CallRule.SNAPSHOT_UNHELD)
    assert window_ms(window) == (22, 30)
    assert window.calls == (2, 3)


def test_a_resource_taken_from_a_lease_is_held_no_more() -> None:
    recording = Recording().lease("l").prepare("c", lease="l")
    recording.add(
        "Leases.DeleteResource", id="l", resource={"id": "c", "type": "snapshots/overlayfs"}
    )
    recording.record("c", "c").task("c", "c").delete("c").remove("c").forget("c").unlease("l")
    window = only(facts_of(recording.calls), CallRule.LEASE_ENDED_EARLY)
    assert window_ms(window) == (32, 40)


def test_another_clients_deletion_of_all_leases() -> None:
    recording = Recording().lease("l").prepare("c", lease="l").record("c").task("c", "c")
    recording.unlease("l").delete("c").remove("c").forget("c")
    window = only(facts_of(recording.calls), CallRule.LEASE_ENDED_EARLY)
    assert window_ms(window) == (52, 60)


def test_a_root_label_holds() -> None:
    recording = Recording().prepare("c", labels={"containerd.io/gc.root": "now"}).record("c")
    recording.task("c", "c").delete("c").remove("c").forget("c")
    assert not facts_of(recording.calls).unsafe


def test_a_key_without_a_snapshotter_holds_nothing() -> None:
    recording = Recording().lease("l").prepare("c", lease="l").record("c", "c", snapshotter="")
    recording.unlease("l").task("c", "c").delete("c").remove("c").forget("c")
    facts = facts_of(recording.calls)
    assert rules(facts) == [CallRule.LEASE_ENDED_EARLY, CallRule.RECORD_WITHOUT_SNAPSHOT]
    assert "no snapshotter" in only(facts, CallRule.RECORD_WITHOUT_SNAPSHOT).happened


def test_a_record_that_names_another_snapshot() -> None:
    recording = Recording().lease("l").prepare("a", lease="l").prepare("b", lease="l")
    recording.record("c", "b").unlease("l").task("c", "a").delete("c")
    recording.remove("a").remove("b").forget("c")
    facts = facts_of(recording.calls)
    named = only(facts, CallRule.RECORD_NAMES_OTHER)
    assert named.calls == (4, 6)
    assert "names snapshot overlayfs/b" in named.happened
    assert "mounts snapshot overlayfs/a" in named.happened
    assert window_ms(only(facts, CallRule.LEASE_ENDED_EARLY)) == (52, 70)


def test_a_record_updated_to_its_snapshot_ends_the_window() -> None:
    recording = Recording().prepare("c").record("c")
    recording.add(
        "Containers.Update",
        id="c",
        snapshot_key="c",
        snapshotter="overlayfs",
        fields=["snapshot_key"],
    )
    recording.task("c", "c").delete("c").remove("c").forget("c")
    facts = facts_of(recording.calls)
    assert window_ms(only(facts, CallRule.SNAPSHOT_UNHELD)) == (12, 30)
    assert CallRule.RECORD_WITHOUT_SNAPSHOT not in rules(facts)


def test_a_record_deleted_under_its_task_and_before_its_snapshot() -> None:
    recording = Recording().lease("l").prepare("c", lease="l").record("c", "c").unlease("l")
    recording.task("c", "c").start("c").forget("c").delete("c").remove("c")
    facts = facts_of(recording.calls)
    assert rules(facts) == [
        CallRule.REFERENCE_DROPPED,
        CallRule.RECORD_UNDER_TASK,
        CallRule.RECORD_BEFORE_SNAPSHOT,
    ]
    assert window_ms(only(facts, CallRule.REFERENCE_DROPPED)) == (72, 80)
    assert only(facts, CallRule.RECORD_UNDER_TASK).calls == (5, 7, 8)
    assert only(facts, CallRule.RECORD_BEFORE_SNAPSHOT).calls == (7, 9)


def test_a_task_whose_end_was_awaited_needs_nothing_more() -> None:
    recording = Recording().lease("l").prepare("c", lease="l").record("c", "c").unlease("l")
    recording.task("c", "c").start("c").add("Tasks.Wait", container_id="c").forget("c")
    recording.delete("c")
    facts = facts_of(recording.calls)
    assert CallRule.REFERENCE_DROPPED not in rules(facts)
    assert CallRule.RECORD_UNDER_TASK in rules(facts)


def test_a_lost_answer_accuses_nobody() -> None:
    recording = Recording().lease("l").prepare("c", lease="l")
    recording.record("c", "c", status="UNAVAILABLE").unlease("l").task("c", "c").delete("c")
    assert not facts_of(recording.calls).unsafe
    recording = Recording().lease("l").prepare("c", lease="l").record("c", "c", status=None)
    recording.unlease("l", status="DEADLINE_EXCEEDED").task("c", "c").delete("c")
    assert not facts_of(recording.calls).unsafe


def test_a_removal_whose_answer_was_lost_is_no_proof_that_a_thing_is_left() -> None:
    recording = Recording().lease("l").prepare("c", lease="l").record("c", "c").unlease("l")
    recording.task("c", "c").delete("c", status="UNAVAILABLE").remove("c", status=None)
    recording.forget("c", status="DEADLINE_EXCEEDED")
    assert facts_of(recording.calls).facts == ()
    recording.forget("c")
    assert facts_of(recording.calls).facts == ()


def test_a_look_is_no_need() -> None:
    recording = Recording().prepare("c")
    recording.add("Snapshots.Stat", snapshotter="overlayfs", key="c", status="NOT_FOUND")
    recording.add("Content.Write", expected="sha256:a", last_action="COMMIT")
    recording.add("Content.Info", digest="sha256:a", status="NOT_FOUND")
    assert facts_of(recording.calls).facts == ()


def test_a_refused_record_holds_nothing() -> None:
    recording = Recording().lease("l").prepare("c", lease="l")
    recording.record("c", "c", status="INVALID_ARGUMENT").unlease("l").task("c", "c").delete("c")
    assert window_ms(only(facts_of(recording.calls), CallRule.LEASE_ENDED_EARLY)) == (42, 60)


def test_what_was_there_before_is_not_judged() -> None:
    recording = Recording().task("c", "c").start("c").kill("c").delete("c").remove("c").forget("c")
    assert facts_of(recording.calls).facts == ()


IMPORT_LABELS = {"containerd.io/gc.ref.content.0": "sha256:config"}
CONFIG_LABELS = {"containerd.io/gc.ref.snapshot.overlayfs": "chain"}


def unpacked(*, labelled: bool, lease: str | None) -> Recording:
    """An image: two blobs, its one layer, its record; the lease goes; a container from it."""
    recording = Recording().lease("l")
    commit = {"last_action": "COMMIT", "lease": lease}
    recording.add("Content.Write", expected="sha256:layer", **commit)
    recording.add(
        "Content.Write",
        expected="sha256:config",
        labels=CONFIG_LABELS if labelled else {},
        **commit,
    )
    recording.add(
        "Content.Write",
        expected="sha256:manifest",
        labels=IMPORT_LABELS if labelled else {},
        **commit,
    )
    recording.prepare("extract", lease=lease)
    recording.add("Diff.Apply", digest="sha256:layer", mounts=[{"upperdir": "/s/extract"}])
    recording.add(
        "Snapshots.Commit", snapshotter="overlayfs", key="extract", name="chain", lease=lease
    )
    recording.add("Images.Create", name="i", target="sha256:manifest")
    recording.unlease("l").add("Content.Read", digest="sha256:config")
    recording.lease("m").prepare("c", parent="chain", lease="m").record("c", "c").unlease("m")
    return recording.task("c", "c").delete("c").remove("c").forget("c")


def test_a_labelled_import_under_a_lease_is_held_throughout() -> None:
    facts = facts_of(unpacked(labelled=True, lease="l").calls)
    assert not facts.unsafe
    assert rules(facts) == [CallRule.LEFT_IMAGE]


def test_an_import_without_labels_loses_config_and_snapshot_with_the_lease() -> None:
    facts = facts_of(unpacked(labelled=False, lease="l").calls)
    found = {
        fact.subject: window_ms(fact)
        for fact in facts.facts
        if fact.rule is CallRule.LEASE_ENDED_EARLY
    }
    # The lease ends at 92; the config is read at 100, the chain is a parent from 120 on.
    assert found == {"content sha256:config": (92, 100), "snapshot overlayfs/chain": (92, 120)}


def test_an_import_without_a_lease_has_a_window_for_each_blob_and_snapshot() -> None:
    facts = facts_of(unpacked(labelled=True, lease=None).calls)
    found = {fact.subject: (fact.rule, *window_ms(fact)) for fact in facts.facts if fact.length_ms}
    # The labels hold the config and its chain from the manifest on, the image the manifest.
    assert found == {
        "content sha256:layer": (CallRule.CONTENT_UNHELD, 22, 60),
        "content sha256:config": (CallRule.CONTENT_UNHELD, 32, 80),
        "content sha256:manifest": (CallRule.CONTENT_UNHELD, 42, 80),
        "snapshot overlayfs/extract": (CallRule.SNAPSHOT_UNHELD, 52, 70),
        "snapshot overlayfs/chain": (CallRule.PARENT_UNHELD, 72, 80),
    }


def test_a_flat_lease_holds_a_blob_and_not_what_its_labels_name() -> None:
    recording = Recording().lease("l", labels={"containerd.io/gc.flat": "true"}).lease("m")
    recording.add("Content.Write", expected="sha256:a", last_action="COMMIT", lease="m")
    recording.add(
        "Content.Write",
        expected="sha256:b",
        last_action="COMMIT",
        lease="l",
        labels={"containerd.io/gc.ref.content.0": "sha256:a"},
    )
    recording.unlease("m")
    recording.add("Content.Read", digest="sha256:b").add("Content.Read", digest="sha256:a")
    recording.unlease("l")
    facts = facts_of(recording.calls)
    assert [(fact.subject, window_ms(fact)) for fact in facts.unsafe] == [
        ("content sha256:a", (52, 70))
    ]


@pytest.mark.parametrize(
    ("one", "other", "shared"),
    [
        ("/a", "/a", True),
        ("/a", "/a/b", True),
        ("/a/b", "/a", False),
        ("/a", "/ab", False),
        ("/a", "a", False),
        ("", "", False),
        ("second", "", True),
        ("x/../y", "y", True),
        ("/a//b/", "/a/b", True),
    ],
)
def test_a_kill_of_all_reaches_cgroups_that_are_equal_or_inside(
    one: str, other: str, shared: bool
) -> None:
    recording = Recording()
    for name, path in (("first", one), ("second", other)):
        recording.record(name, cgroups_path=path).task(name, name).start(name)
    recording.kill("first").delete("first").delete("second")
    kills = [
        fact
        for fact in facts_of(recording.calls).facts
        if fact.rule is CallRule.KILL_REACHES_OTHERS
    ]
    assert len(kills) == int(shared)
    if shared:
        assert kills[0].calls == (1, 4, 7)
        assert kills[0].container == "first"
        assert "second ran" in kills[0].happened


def test_a_kill_of_one_process_or_of_nobody_else_reaches_nobody() -> None:
    recording = Recording()
    for name in ("first", "second"):
        recording.record(name, cgroups_path="/a").task(name, name).start(name)
    recording.kill("first", every=False).delete("second").kill("first").delete("first")
    facts = facts_of(recording.calls)
    assert CallRule.KILL_REACHES_OTHERS not in rules(facts)
    assert only(facts, CallRule.CGROUP_SHARED).subject == "cgroup /a"


def test_one_name_in_two_namespaces_has_one_cgroup() -> None:
    recording = Recording()
    for namespace in ("x", "y"):
        recording.record("c", cgroups_path="", namespace=namespace)
        recording.task("c", "c", namespace=namespace)
    recording.kill("c", namespace="x")
    assert only(facts_of(recording.calls), CallRule.KILL_REACHES_OTHERS).namespace == "x"


def test_a_relative_path_is_told() -> None:
    recording = Recording().record("c", cgroups_path="kata/vfiotest")
    fact = only(facts_of(recording.calls), CallRule.CGROUP_RELATIVE)
    assert not fact.unsafe
    assert fact.subject == "cgroup kata/vfiotest"


def test_deletes_polled() -> None:
    recording = Recording().record("c").task("c", "c")
    for _ in range(3):
        recording.delete("c", status="UNKNOWN")
    recording.delete("c").forget("c")
    fact = only(facts_of(recording.calls), CallRule.DELETE_POLLED)
    assert fact.calls == (3, 4, 5, 6)
    assert "3 times in 30 ms" in fact.happened


def test_what_is_left() -> None:
    recording = Recording().lease("l").prepare("c", lease="l").record("c", "c").task("c", "c")
    facts = facts_of(recording.calls)
    assert rules(facts) == [
        CallRule.LEFT_TASK,
        CallRule.LEFT_RECORD,
        CallRule.LEFT_SNAPSHOT,
        CallRule.LEFT_LEASE,
    ]
    assert "held by lease l, record c" in only(facts, CallRule.LEFT_SNAPSHOT).happened


def test_no_calls_and_calls_without_content_say_nothing() -> None:
    assert facts_of([]).facts == ()
    unknown = [call(1, "Snapshots.Prepare"), call(2, "Tasks.Kill", at_ms=(5, None), status=None)]
    assert facts_of(unknown).facts == ()
