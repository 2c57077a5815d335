"""What preceded the failures of a class more often than it preceded trials that were at risk.

Predicates are made from times alone: which request another container made, what containerd
published, whether it collected, how long the own steps took, how many containers lived. No evidence
and no mechanism is read, so a run whose mechanism nobody knows will do. Each predicate is asked at
the moment of a failure and, at the same age in the same step, of the trials nearest in time that
had come as far (``risk_sets``). What comes out is a hypothesis: what merely goes with the cause
precedes failures too, and only an intervention tells them apart.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from iluvatar_bench.stats.multiplicity import holm
from iluvatar_bench.stats.risk_sets import MatchedEffect, matched_effect
from iluvatar_bench.stats.trial_moments import (
    Moments,
    Stream,
    TrialLife,
    call_streams,
    collection_stream,
    event_streams,
    lives,
)

WINDOWS_MS = (100, 200, 500, 2000)
"""How long before the moment something may lie; beside them: since the own snapshot was there."""

SET_SIZE = 24
"""Members of a risk set at most: those nearest in time, so that drift has little room."""

ONE_EVENT_SECONDS = 0.25
"""Failures that ended so shortly after one before are taken as one event with it: its first."""


class PredicateKind(StrEnum):
    """What a predicate is about."""

    CALL = "call"
    EVENT = "event"
    COLLECTION = "collection"
    DELAY = "delay"
    LOAD = "load"


@dataclass(frozen=True, slots=True)
class Predicate:
    """One question about the time before a moment.

    ``name`` is the step of another container that began (``call``), the topic of another's event,
    the own step that took longer than the set's median (``delay``), or what there was more of than
    in the set's median (``load``). ``window_ms`` is how long before; None: since the own snapshot
    was there, or no window.
    """

    kind: PredicateKind
    name: str
    window_ms: int | None = None

    def __str__(self) -> str:
        when = (
            f"in the {self.window_ms} ms before"
            if self.window_ms is not None
            else "since the container's snapshot was there"
        )
        match self.kind:
            case PredicateKind.CALL:
                return f"another container's {self.name} began {when}"
            case PredicateKind.EVENT:
                return f"another container's event {self.name} came {when}"
            case PredicateKind.COLLECTION:
                return f"containerd collected garbage {when}"
            case PredicateKind.DELAY:
                return f"the container's own {self.name} took longer than half of the others'"
            case PredicateKind.LOAD:
                return f"more containers were {self.name} than at half of the others' moments"


@dataclass(frozen=True, slots=True)
class Preceded:
    """A predicate, what the risk sets say of it, and p corrected by Holm over all predicates.

    ``step`` is where most of the class's failures came.
    """

    predicate: Predicate
    effect: MatchedEffect
    p_holm: float
    step: str

    @property
    def sentence(self) -> str:
        """The counts in plain words."""
        found = self.effect
        p = f"{self.p_holm:.3f}" if self.p_holm >= 0.001 else f"{self.p_holm:.0e}"
        return (
            f"{self.predicate}: before {found.exposed} of {found.failures} failures, "
            f"{found.expected:.1f} expected (p = {p}; explains at least "
            f"{int(100 * found.explained_at_least)} %)"
        )


@dataclass(frozen=True, slots=True)
class _Set:
    """One failure (the first member) and those at risk with it: numbers of lives, and moments."""

    members: NDArray[np.int64]
    moments: Moments
    step: str


def preceding(
    trials: pd.DataFrame,
    bug_class: str,
    *,
    events: pd.DataFrame | None = None,
    collections: pd.DataFrame | None = None,
) -> tuple[Preceded, ...]:
    """Every predicate on the failures of a class, the one that explains most first.

    They are ranked by ``explained_at_least``, then by p. Holm's correction is over all of them, so
    the chance that any with ``p_holm`` up to alpha makes no difference is at most alpha.

    Args:
        trials: one row a trial of one run, with ``container_id``, ``profile``, ``bug_class``,
            ``submitted_at`` and ``spans``; other columns are not looked at.
        bug_class: the symptom.
        events: containerd's events (``records.Event``), or None.
        collections: those that containerd logged (``ended_at``), or None: then only collections
            that trials forced are known.

    Returns:
        Empty where nothing failed so, or no failure kept the step in which it came.

    Raises:
        ValueError: a column is missing.
    """
    all_lives = lives(trials)
    sets = [_risk_set(number, all_lives) for number in _cases(all_lives, bug_class)]
    if not sets:
        return ()
    past = _Past(all_lives, events, collections)
    asked = list(past.predicates())
    effects = [_effect(past, predicate, sets) for predicate in asked]
    corrected = holm([effect.p_value for effect in effects])
    steps = [one.step for one in sets]
    step = max(dict.fromkeys(steps), key=steps.count)
    found = [
        Preceded(predicate, effect, float(p), step)
        for predicate, effect, p in zip(asked, effects, corrected, strict=True)
    ]
    return tuple(
        sorted(found, key=lambda one: (-one.effect.explained_at_least, one.effect.p_value))
    )


def _cases(all_lives: tuple[TrialLife, ...], bug_class: str) -> Iterator[int]:
    """The failures of the class in order of time, one an event."""
    failed = [
        (life.steps[life.failed_step].ended, number)
        for number, life in enumerate(all_lives)
        if life.bug_class == bug_class and life.failed_step is not None
    ]
    before = -np.inf
    for ended, number in sorted(failed):
        if ended > before + ONE_EVENT_SECONDS:
            yield number
        before = ended


def _risk_set(case: int, all_lives: tuple[TrialLife, ...]) -> _Set:
    """The failure, and the trials nearest in time that were in its step at its age."""
    step = all_lives[case].failed_step
    assert step is not None
    own = all_lives[case].steps[step]
    age = own.ended - own.began
    others = [
        (abs(there.began + age - own.ended), number, there.began + age)
        for number, life in enumerate(all_lives)
        if number != case
        and (there := life.steps.get(step)) is not None
        and there.ended - there.began > age
    ]
    nearest = sorted(others)[: SET_SIZE - 1]
    return _Set(
        members=np.array([case, *(number for _, number, _ in nearest)], dtype=np.int64),
        moments=np.array([own.ended, *(at for _, _, at in nearest)], dtype=np.float64),
        step=step,
    )


def _effect(past: _Past, predicate: Predicate, sets: list[_Set]) -> MatchedEffect:
    answers = [past.holds(predicate, one) for one in sets]
    return matched_effect(
        [bool(answer[0]) for answer in answers],
        [int(answer.sum()) for answer in answers],
        [len(answer) for answer in answers],
    )


class _Past:
    """What happened when: answers predicates."""

    def __init__(
        self,
        all_lives: tuple[TrialLife, ...],
        events: pd.DataFrame | None,
        collections: pd.DataFrame | None,
    ) -> None:
        self._lives = all_lives
        self._calls = call_streams(all_lives)
        self._events = {} if events is None else event_streams(events, all_lives)
        self._collections = collection_stream(collections, all_lives)
        whole = [list(life.steps.values()) for life in all_lives]
        self._began = np.array([s[0].began if s else np.inf for s in whole])
        self._ended = np.array([max((x.ended for x in s), default=-np.inf) for s in whole])
        self._had = np.array(
            [
                life.steps["prepare"].ended if "prepare" in life.steps else np.nan
                for life in all_lives
            ]
        )
        starting = [life.steps.get("ready") for life in all_lives]
        self._start_began = np.array([np.inf if s is None else s.began for s in starting])
        self._start_ended = np.array([-np.inf if s is None else s.ended for s in starting])

    def predicates(self) -> Iterator[Predicate]:
        """All that can be asked of this run."""
        windows = (*WINDOWS_MS, None)
        for kind, streams in (
            (PredicateKind.CALL, self._calls),
            (PredicateKind.EVENT, self._events),
        ):
            for name in streams:
                for window in windows:
                    yield Predicate(kind, name, window)
        if len(self._collections.at):
            for window in windows:
                yield Predicate(PredicateKind.COLLECTION, "collection", window)
        for name in dict.fromkeys(name for life in self._lives for name in life.steps):
            yield Predicate(PredicateKind.DELAY, name)
        yield Predicate(PredicateKind.LOAD, "alive")
        yield Predicate(PredicateKind.LOAD, "starting")

    def holds(self, predicate: Predicate, one: _Set) -> NDArray[np.bool_]:
        """Whether it does, for each member of the set."""
        match predicate.kind:
            case PredicateKind.DELAY:
                return self._slow(predicate.name, one)
            case PredicateKind.LOAD:
                alive = predicate.name == "alive"
                began, ended = (
                    (self._began, self._ended) if alive else (self._start_began, self._start_ended)
                )
                at = one.moments[:, None]
                load = ((began <= at) & (at < ended)).sum(axis=1)
                return np.asarray(load > np.median(load))
            case PredicateKind.CALL:
                stream = self._calls[predicate.name]
            case PredicateKind.EVENT:
                stream = self._events[predicate.name]
            case PredicateKind.COLLECTION:
                stream = self._collections
        return self._came(stream, predicate.window_ms, one)

    def _came(self, stream: Stream, window_ms: int | None, one: _Set) -> NDArray[np.bool_]:
        if window_ms is not None:
            began = one.moments - window_ms / 1000
        else:
            # Before its snapshot was there nothing can have happened to it.
            had = self._had[one.members]
            began = np.where(np.isnan(had), one.moments, had)
        return stream.count_of_others(began, one.moments, one.members) > 0

    def _slow(self, step: str, one: _Set) -> NDArray[np.bool_]:
        """Whether the member's own step was over by then, and longer than the set's median."""
        lengths = np.full(len(one.members), np.nan)
        for place, (number, at) in enumerate(zip(one.members, one.moments, strict=True)):
            there = self._lives[number].steps.get(step)
            if there is not None and there.completed and there.ended <= at:
                lengths[place] = there.ended - there.began
        if np.isnan(lengths).all():
            return np.zeros(len(lengths), dtype=np.bool_)
        return np.asarray(lengths > np.nanmedian(lengths))
