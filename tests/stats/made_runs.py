"""Runs that are made: containers, shocks that take several at once, and rates that drift."""

from __future__ import annotations

import heapq
import json

import numpy as np
import pandas as pd

STEPS_MS = (("create", 10), ("prepare", 20), ("task_create", 120), ("start", 20))
SHOCK = "startup_error"


def made_run(rng, trials: int = 60, *, seconds: float = 20.0, by_kill: float = 0.0) -> pd.DataFrame:
    """Trials of one run, some of which a shock ends while they start.

    Shocks come at a rate that wanders by a factor of about three, and each takes every starting
    container with a chance of one half: nothing that a container does calls them. With ``by_kill``
    there are none of them; instead each Kill takes starting containers with this chance.
    """
    submitted = np.sort(rng.uniform(0, seconds, trials))
    started = submitted + sum(ms for _, ms in STEPS_MS) / 1000
    ready = started + rng.uniform(0.4, 1.4, trials)
    ended = ready + rng.uniform(0.2, 1.5, trials)
    failed = np.zeros(trials, dtype=bool)
    # What can end others: shocks (of nobody), and the end of each container, which is then killed.
    left = [(float(at), number) for number, at in enumerate(ended)]
    left += [] if by_kill else [(at, -1) for at in _shocks(rng, seconds)]
    heapq.heapify(left)
    while left:
        at, owner = heapq.heappop(left)
        if owner >= 0 and at != ended[owner]:
            continue  # it had failed before
        chance = by_kill if owner >= 0 else 0.5
        for number in np.flatnonzero((started < at) & (at < ready) & ~failed):
            if number != owner and rng.random() < chance:
                failed[number] = True
                ready[number] = ended[number] = at + rng.uniform(0.006, 0.04)
                heapq.heappush(left, (float(ended[number]), int(number)))
    rows = [
        _row(number, submitted[number], ready[number], ended[number], failed[number])
        for number in range(trials)
    ]
    return pd.DataFrame(rows)


def _shocks(rng, seconds: float) -> list[float]:
    edges = np.arange(0, seconds, 2.0)
    rates = 0.7 * np.exp(np.cumsum(rng.normal(0, 0.6, len(edges))) - 0.3)
    return [
        float(edge + at)
        for edge, rate in zip(edges, rates, strict=True)
        for at in rng.uniform(0, 2.0, rng.poisson(min(4.0, 2 * rate)))
    ]


def _row(number: int, submitted: float, ready: float, ended: float, failed: bool) -> dict:
    spans, now = [], 0.0
    for name, length in STEPS_MS:
        spans.append(_span(name, now, now + length))
        now += length
    ready_ms, ended_ms = 1000 * (ready - submitted), 1000 * (ended - submitted)
    spans.append(_span("ready", now, ready_ms, completed=not failed))
    if not failed:
        spans.append(_span("alive", ready_ms, ended_ms))
    spans += [
        _span("kill", ended_ms + 5, ended_ms + 20),
        _span("delete", ended_ms + 20, ended_ms + 140),
    ]
    return {
        "container_id": f"c{number}",
        "profile": "made",
        "bug_class": SHOCK if failed else None,
        "submitted_at": pd.Timestamp(1_700_000_000 + submitted, unit="s", tz="UTC"),
        "spans": json.dumps(spans),
    }


def _span(name: str, started_ms: float, ended_ms: float, *, completed: bool = True) -> dict:
    return {
        "name": name,
        "started_ms": started_ms,
        "ended_ms": ended_ms,
        "completed": completed,
    }
