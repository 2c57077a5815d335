"""What a client of the CRI plugin made, from its calls to the plugin."""

from __future__ import annotations

from typing import Any

from iluvatar_bench.clients.check.made import Made, made_by
from iluvatar_bench.clients.check.pod_calls import ended_by
from iluvatar_bench.clients.check.positions import Order
from iluvatar_bench.clients.stored import snapshot_of
from iluvatar_bench.records.call import Call

POD, CONTAINER = "a" * 64, "b" * 64


def call(method: str, status: str = "OK", **parts: Any) -> Call:
    return Call(
        number=1, method=f"runtime.v1.RuntimeService/{method}", started_ns=0, status=status, **parts
    )


RUN = call("RunPodSandbox", request={"name": "p"}, answer={"pod_sandbox_id": POD})
CREATE = call(
    "CreateContainer",
    request={"pod_sandbox_id": POD, "name": "main"},
    answer={"container_id": CONTAINER},
)
START = call("StartContainer", request={"container_id": CONTAINER})


def made(*calls: Call) -> Made:
    return made_by(Order((), frozenset()).keys(calls, "p"))


def snapshot(name: str) -> Any:
    return snapshot_of("k8s.io", "overlayfs", name)


def test_a_sandbox_and_a_container_are_a_record_and_a_snapshot_each() -> None:
    found = made(RUN, CREATE, START)
    assert set(found.records) == {("k8s.io", POD), ("k8s.io", CONTAINER)}
    assert set(found.things) == {snapshot(POD), snapshot(CONTAINER)}
    assert found.mounted == {
        ("k8s.io", POD): snapshot(POD),
        ("k8s.io", CONTAINER): snapshot(CONTAINER),
    }
    assert list(found.namespaces) == ["k8s.io"]


def test_an_answer_that_was_lost_leaves_what_may_be_there() -> None:
    lost = call("RunPodSandbox", "UNAVAILABLE", answer={"pod_sandbox_id": POD})
    found = made(lost)
    assert set(found.ever) == {snapshot(POD)}
    assert not found.things
    assert not found.mounted
    assert not made(call("RunPodSandbox", "UNAVAILABLE")).ever


def test_what_is_removed_is_not_needed_any_more() -> None:
    removed = call("RemoveContainer", request={"container_id": CONTAINER})
    assert set(made(RUN, CREATE, removed).things) == {snapshot(POD)}
    failed = call("RemoveContainer", "UNKNOWN", request={"container_id": CONTAINER})
    assert snapshot(CONTAINER) in made(RUN, CREATE, failed).things
    gone = call("RemovePodSandbox", request={"pod_sandbox_id": POD})
    assert not made(RUN, CREATE, gone).things


def test_a_stop_ends_what_it_names_and_that_of_a_sandbox_all_in_it() -> None:
    things = made(RUN, CREATE).things
    stop = "runtime.v1.RuntimeService/StopContainer"
    assert ended_by(stop, {"container_id": CONTAINER}, things) == {CONTAINER}
    stop = "runtime.v1.RuntimeService/StopPodSandbox"
    assert ended_by(stop, {"pod_sandbox_id": POD}, things) == {POD, CONTAINER}
    assert ended_by("runtime.v1.RuntimeService/ContainerStatus", {}, things) == frozenset()
