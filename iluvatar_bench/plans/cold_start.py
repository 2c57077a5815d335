"""The cold-start plan: N containers, each created, kept alive for a while and removed."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any, overload

from iluvatar_bench.errors import UsageError
from iluvatar_bench.plans.seed import require_seed

MAX_TRIALS = 10_000_000
MAX_CONCURRENCY = 512
MAX_INVOCATIONS = 100_000
LISTED = 10_000
"""Up to so many trials a plan holds them all, and is written down trial by trial."""


@dataclass(frozen=True, slots=True)
class PlannedTrial:
    """One container: which function, how often it is invoked once it is ready, and how long it
    lives after that (milliseconds).
    """

    index: int
    function: str
    hold_ms: int
    invocations: int = 1


@dataclass(frozen=True, slots=True)
class DrawnTrials(Sequence[PlannedTrial]):
    """The trials of a plan, drawn anew each time that they are gone through: none is kept.

    ``hold_ms`` are inclusive bounds. To take one out of the middle draws all before it.
    """

    number: int
    function: str
    hold_ms: tuple[int, int]
    invocations: int
    seed: int

    def __len__(self) -> int:
        return self.number

    def __iter__(self) -> Iterator[PlannedTrial]:
        random_state = random.Random(self.seed)
        for index in range(self.number):
            hold_ms = random_state.randint(*self.hold_ms)
            yield PlannedTrial(index, self.function, hold_ms, self.invocations)

    @overload
    def __getitem__(self, at: int) -> PlannedTrial: ...
    @overload
    def __getitem__(self, at: slice) -> tuple[PlannedTrial, ...]: ...
    def __getitem__(self, at: int | slice) -> PlannedTrial | tuple[PlannedTrial, ...]:
        if isinstance(at, slice):
            wanted = set(range(self.number)[at])
            drawn = {trial.index: trial for trial in self if trial.index in wanted}
            return tuple(drawn[index] for index in range(self.number)[at])
        index = range(self.number)[at]
        return next(islice(self, index, None))


@dataclass(frozen=True, slots=True)
class ColdStartPlan:
    """Trials in order; at most ``concurrency`` of them at a time, the next as soon as one ends."""

    trials: Sequence[PlannedTrial]
    concurrency: int
    seed: int

    def as_json(self) -> dict[str, Any]:
        """The plan as JSON-ready values: a large one as what it is drawn from."""
        trials = self.trials
        if isinstance(trials, DrawnTrials):
            drawn = asdict(trials)
            return {"trials": drawn, "concurrency": self.concurrency, "seed": self.seed}
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> ColdStartPlan:
        """The plan that :meth:`as_json` wrote.

        Raises:
            TypeError, KeyError: it is none.
        """
        trials = document["trials"]
        if isinstance(trials, Mapping):
            shortest, longest = trials["hold_ms"]
            drawn = DrawnTrials(**{**trials, "hold_ms": (shortest, longest)})
            return cls(**{**document, "trials": drawn})
        listed = tuple(PlannedTrial(**trial) for trial in trials)
        return cls(**{**document, "trials": listed})


def cold_start(
    *,
    trials: int,
    concurrency: int,
    seed: int,
    function: str = "hello",
    hold_ms: tuple[int, int] = (200, 1500),
    invocations: int = 1,
) -> ColdStartPlan:
    """A plan of ``trials`` cold starts; the same arguments always give the same plan.

    Each container is invoked ``invocations`` times, then kept for a time drawn uniformly from
    ``hold_ms`` (inclusive bounds), so that starts, lives and removals overlap in every combination.

    Raises:
        UsageError: a number is out of its range.
    """
    if not 1 <= trials <= MAX_TRIALS:
        raise UsageError(f"trials must be between 1 and {MAX_TRIALS}, not {trials}")
    if not 1 <= concurrency <= MAX_CONCURRENCY:
        raise UsageError(f"concurrency must be between 1 and {MAX_CONCURRENCY}, not {concurrency}")
    if len(hold_ms) != 2:
        raise UsageError(f"hold_ms must be two times, the shortest and the longest, not {hold_ms}")
    shortest, longest = hold_ms
    if not 0 <= shortest <= longest:
        raise UsageError(f"hold_ms must be a range of times from 0 up, not {shortest}..{longest}")
    if not 0 <= invocations <= MAX_INVOCATIONS:
        raise UsageError(f"invocations must be between 0 and {MAX_INVOCATIONS}, not {invocations}")
    require_seed(seed)
    drawn = DrawnTrials(trials, function, (shortest, longest), invocations, seed)
    return ColdStartPlan(
        trials=tuple(drawn) if trials <= LISTED else drawn, concurrency=concurrency, seed=seed
    )
