"""When this client did what: the steps of a trial on the host's clock."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from iluvatar_bench.explain.case import Actor, Moment
from iluvatar_bench.records import STEP_COLUMNS

_CALLS = {
    "network": "attaching the network",
    "create": "Containers.Create",
    "prepare": "Snapshots.Prepare",
    "task_create": "Tasks.Create",
    "start": "Tasks.Start",
    "ready": "waiting until it is ready",
    "first_invoke": "first invocation",
    "invoke": "invocation",
    "alive": "alive",
    "pause": "Tasks.Pause",
    "resume": "Tasks.Resume",
    "turn": "waiting for its turn to be made",
    "grace": "waiting for its end after SIGTERM",
    "kill": "Tasks.Kill",
    "delete": "Tasks.Delete",
    "collection": "a collection, forced",
}

_ENDS_WITH = {
    "create": "/containers/create",
    "prepare": "/snapshot/prepare",
    "task_create": "/tasks/create",
    "start": "/tasks/start",
    "delete": "/tasks/delete",
}
"""The event that containerd publishes as it answers the step's request."""


def client_steps(
    row: Mapping[str, Any], events: Sequence[Mapping[str, Any]], evidence: Mapping[str, Any]
) -> tuple[Moment, ...]:
    """The steps of a trial, those with a known time; the one that failed is marked.

    Runs that recorded ``spans`` say it exactly. In older ones a step's end is the event that
    containerd publishes with its answer, its beginning that less the step's duration.
    """
    submitted = row.get("submitted_at")
    begun: list[Moment] = []
    if isinstance(submitted, datetime):
        begun.append(Moment(at=submitted.timestamp(), actor=Actor.CLIENT, text="submitted"))
    spans = json.loads(row.get("spans") or "[]")
    if spans and isinstance(submitted, datetime):
        return (*begun, *_from_spans(spans, submitted.timestamp()))
    return (*begun, *_from_events(row, events, evidence), *_failed_step(row, evidence))


def _from_spans(spans: Sequence[Mapping[str, Any]], submitted: float) -> Iterator[Moment]:
    for span in spans:
        name, completed = str(span["name"]), bool(span.get("completed", True))
        yield Moment(
            at=submitted + span["started_ms"] / 1000,
            ended_at=submitted + span["ended_ms"] / 1000,
            actor=Actor.CLIENT,
            text=_CALLS.get(name, name) + ("" if completed else ": failed"),
            bad=not completed,
        )


def _failed_step(row: Mapping[str, Any], evidence: Mapping[str, Any]) -> Iterator[Moment]:
    step, began = evidence.get("step"), evidence.get("step_started_at")
    if row["outcome"] == "ok" or step is None or began is None:
        return
    yield Moment(
        at=began,
        ended_at=evidence.get("step_ended_at"),
        actor=Actor.CLIENT,
        text=f"{_CALLS.get(step, step)}: failed",
        bad=True,
    )


def _from_events(
    row: Mapping[str, Any], events: Sequence[Mapping[str, Any]], evidence: Mapping[str, Any]
) -> Iterator[Moment]:
    ends = {event["topic"]: event["timestamp"].timestamp() for event in events}
    known: dict[str, tuple[float, float]] = {}
    for column in STEP_COLUMNS:
        step, duration = column.removesuffix("_ms"), row.get(column)
        if duration is None or step == evidence.get("step"):
            continue
        seconds = duration / 1000
        ended = ends.get(_ENDS_WITH.get(step, ""))
        if ended is None and step in ("ready", "first_invoke", "alive"):
            ended = _after(known, step, seconds)
        if ended is not None:
            known[step] = (ended - seconds, ended)
    if "delete" in known and row.get("kill_ms") is not None:
        # The Kill is sent right before the task is deleted, and after the step that failed.
        began = known["delete"][0] - row["kill_ms"] / 1000
        began = max(began, evidence.get("step_ended_at") or began)
        ended = began + row["kill_ms"] / 1000
        known["kill"] = (began, ended)
        known["delete"] = (max(ended, known["delete"][0]), known["delete"][1])
    for step, (began, ended) in _one_after_another(known):
        yield Moment(at=began, ended_at=ended, actor=Actor.CLIENT, text=_CALLS[step], exact=False)


def _one_after_another(
    known: Mapping[str, tuple[float, float]],
) -> Iterator[tuple[str, tuple[float, float]]]:
    """The steps in their order. No request begins before the answer to the last one: a beginning
    that was worked out comes out too early, as an event is published before its answer is sent."""
    free = 0.0
    for step, (began, ended) in sorted(known.items(), key=lambda item: item[1][1]):
        yield step, (max(began, free), ended)
        free = ended


def _after(known: Mapping[str, tuple[float, float]], step: str, seconds: float) -> float | None:
    """The end of a step that follows another one at once."""
    before = {"ready": ("start",), "first_invoke": ("ready",), "alive": ("ready",)}[step]
    ended = next((known[name][1] for name in before if name in known), None)
    return None if ended is None else ended + seconds
