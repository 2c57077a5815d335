"""Trials as moments of one clock: when each step of each container began and ended."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from iluvatar_bench.records.trial import COLLECTION_SPAN
from iluvatar_bench.stats._checks import require_columns

NO_CALLS = frozenset({"network", "ready", "invoke", "alive", COLLECTION_SPAN})
"""Spans that are no requests to containerd."""

Moments = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Interval:
    """When a step of a container began and ended, in seconds since the epoch."""

    began: float
    ended: float
    completed: bool


@dataclass(frozen=True, slots=True)
class TrialLife:
    """One container's steps, in the order in which they began, by name."""

    container: str
    profile: str
    bug_class: str | None
    steps: Mapping[str, Interval]

    @property
    def failed_step(self) -> str | None:
        """The step in which it failed; None where it did not, or none was kept."""
        if self.bug_class is None:
            return None
        return next((name for name, step in self.steps.items() if not step.completed), None)


@dataclass(frozen=True, slots=True)
class Stream:
    """Things of one kind that happened: when, to which life (-1: to none), in order of time."""

    at: Moments
    owner: NDArray[np.int64]

    @classmethod
    def of(cls, rows: list[tuple[float, int]]) -> Stream:
        """The stream of (moment, number of the life) in any order."""
        ordered = sorted(rows)
        return cls(
            np.array([at for at, _ in ordered], dtype=np.float64),
            np.array([owner for _, owner in ordered], dtype=np.int64),
        )

    def count_of_others(self, began: Moments, ended: Moments, owner: NDArray[np.int64]) -> Moments:
        """How many lie in [began, ended] and are not the owner's: shape (n,), as the arguments."""
        first = np.searchsorted(self.at, began, side="left")
        last = np.searchsorted(self.at, ended, side="right")
        own = [
            int((self.owner[low:high] == one).sum())
            for low, high, one in zip(first, last, owner, strict=True)
        ]
        return np.asarray(last - first - np.array(own, dtype=np.int64), dtype=np.float64)


def lives(trials: pd.DataFrame) -> tuple[TrialLife, ...]:
    """The trials' steps, from ``submitted_at`` and ``spans`` alone; evidence is not looked at.

    Raises:
        ValueError: a column is missing.
    """
    require_columns(trials, ("container_id", "profile", "bug_class", "submitted_at", "spans"))
    found = []
    for row in trials.to_dict(orient="records"):
        submitted = pd.Timestamp(row["submitted_at"]).timestamp()
        steps: dict[str, Interval] = {}
        for span in json.loads(row["spans"]):
            steps.setdefault(
                span["name"],
                Interval(
                    submitted + span["started_ms"] / 1000,
                    submitted + span["ended_ms"] / 1000,
                    span["completed"],
                ),
            )
        bug_class = row["bug_class"] if isinstance(row["bug_class"], str) else None
        found.append(TrialLife(row["container_id"], row["profile"], bug_class, steps))
    return tuple(found)


def call_streams(all_lives: tuple[TrialLife, ...]) -> dict[str, Stream]:
    """A stream for each kind of request that was made, by the name of its step."""
    rows: dict[str, list[tuple[float, int]]] = {}
    for number, life in enumerate(all_lives):
        for name, step in life.steps.items():
            if name not in NO_CALLS:
                rows.setdefault(name, []).append((step.began, number))
    return {name: Stream.of(found) for name, found in rows.items()}


def event_streams(events: pd.DataFrame, all_lives: tuple[TrialLife, ...]) -> dict[str, Stream]:
    """A stream for each topic that containerd published and that only echoes no request."""
    numbers = {life.container: number for number, life in enumerate(all_lives)}
    rows: dict[str, list[tuple[float, int]]] = {}
    for row in events.to_dict(orient="records"):
        topic = str(row["topic"]).strip("/")
        if topic in _ECHOES:
            continue
        named = row.get("container_id") or row.get("snapshot_key")
        at = pd.Timestamp(row["timestamp"]).timestamp()
        rows.setdefault(topic, []).append((at, numbers.get(str(named), -1)))
    return {topic: Stream.of(found) for topic, found in rows.items()}


_ECHOES = frozenset(
    {
        "containers/create",
        "containers/delete",
        "snapshot/prepare",
        "tasks/create",
        "tasks/start",
        "tasks/delete",
    }
)
"""Topics of events that a request of ours was answered with: the request is a stream already."""


def collection_stream(collections: pd.DataFrame | None, all_lives: tuple[TrialLife, ...]) -> Stream:
    """The collections that were logged (``ended_at``), and those that a trial forced."""
    rows = []
    if collections is not None:
        rows += [(at.timestamp(), -1) for at in collections["ended_at"]]
    for life in all_lives:
        forced = life.steps.get(COLLECTION_SPAN)
        if forced is not None:
            rows.append((forced.ended, -1))
    return Stream.of(rows)
