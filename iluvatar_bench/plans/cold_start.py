"""The cold-start plan: N containers, each created, kept alive for a while and removed."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from iluvatar_bench.errors import UsageError
from iluvatar_bench.plans.seed import require_seed

MAX_TRIALS = 100_000
MAX_CONCURRENCY = 512


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
class ColdStartPlan:
    """Trials in order; at most ``concurrency`` of them at a time, the next as soon as one ends."""

    trials: tuple[PlannedTrial, ...]
    concurrency: int
    seed: int

    def as_json(self) -> dict[str, Any]:
        """The plan as JSON-ready values."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> ColdStartPlan:
        """The plan that :meth:`as_json` wrote.

        Raises:
            TypeError, KeyError: it is none.
        """
        trials = tuple(PlannedTrial(**trial) for trial in document["trials"])
        return cls(**{**document, "trials": trials})


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
    if not 0 <= invocations <= MAX_TRIALS:
        raise UsageError(f"invocations must be between 0 and {MAX_TRIALS}, not {invocations}")
    require_seed(seed)
    random_state = random.Random(seed)
    return ColdStartPlan(
        trials=tuple(
            PlannedTrial(index, function, random_state.randint(shortest, longest), invocations)
            for index in range(trials)
        ),
        concurrency=concurrency,
        seed=seed,
    )
