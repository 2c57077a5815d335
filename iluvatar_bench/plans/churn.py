"""The churn plan: requests for several functions, served from a keep-alive pool with a budget.

The plan says what arrives when. Which container serves it is decided while it runs, by
``plans.keep_alive``, because it depends on how long containers take and which of them die.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, Literal

from iluvatar_bench.errors import UsageError
from iluvatar_bench.plans.arrivals import MAX_ARRIVALS, Arrival, ArrivalProcess
from iluvatar_bench.plans.seed import require_seed

MAX_MEMORY_MIB = 1 << 20
MAX_DURATION_MS = 3_600_000
DEFAULT_MEMORY_MIB = 128
"""What a function counts for in the pool where nobody says otherwise; as in the worker, a
declared number, not a measured one."""


@dataclass(frozen=True, slots=True)
class PooledFunction:
    """A function of the pool: its name, what its containers are made from, what each counts for.

    ``source`` is a built-in function, a folder of one, or an image on disk. ``memory_mib`` is
    charged to the pool's budget; it limits nothing (that is the profile's ``memory_limit_mib``).
    Where ``duration_ms`` is known, each request says it, and ``memory_mib``: the built-in function
    ``stand_in`` runs for so long and holds so much.
    """

    name: str
    source: str
    memory_mib: int = DEFAULT_MEMORY_MIB
    duration_ms: int | None = None

    def as_json(self) -> dict[str, Any]:
        """The function as JSON-ready values; a duration that is not known is left out."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class ChurnPlan:
    """Arrivals in order, the functions they name, and the pool that serves them.

    ``keep_alive_ms`` is how long an idle container is kept; None: until its memory is needed.
    ``process`` describes where the arrivals come from and is None for a trace.

    Raises:
        UsageError: no arrivals, times out of order, a function nobody knows, a budget in which
            some function has no room.
    """

    kind: Literal["churn", "trace"]
    arrivals: tuple[Arrival, ...]
    functions: tuple[PooledFunction, ...]
    budget_mib: int
    keep_alive_ms: int | None
    seed: int
    process: ArrivalProcess | None = None

    def __post_init__(self) -> None:
        _require_functions(self.functions, self.budget_mib)
        if not 1 <= len(self.arrivals) <= MAX_ARRIVALS:
            raise UsageError(
                f"arrivals must be between 1 and {MAX_ARRIVALS}, not {len(self.arrivals)}"
            )
        if self.keep_alive_ms is not None and not 1 <= self.keep_alive_ms <= 86_400_000:
            raise UsageError(
                f"keep_alive_ms must be between 1 ms and a day, not {self.keep_alive_ms}"
            )
        unknown = {arrival.function for arrival in self.arrivals} - set(self.memory_mib)
        if unknown:
            raise UsageError(f"arrivals of unknown functions: {', '.join(sorted(unknown))}")
        times = [arrival.at_ms for arrival in self.arrivals if arrival.at_ms is not None]
        if times and (times[0] < 0 or any(later < earlier for earlier, later in pairwise(times))):
            raise UsageError("arrival times must begin at 0 or later and never go back")

    @property
    def memory_mib(self) -> Mapping[str, int]:
        """Function to what one container of it counts for."""
        return {function.name: function.memory_mib for function in self.functions}

    @property
    def clients(self) -> int | None:
        """How many clients of a closed loop; None for an open one."""
        closed = self.process is not None and self.process.pattern == "closed"
        return self.process.clients if self.process is not None and closed else None

    def as_json(self) -> dict[str, Any]:
        """The plan as JSON-ready values; an arrival is ``[at_ms, function]``."""
        return {
            "kind": self.kind,
            "seed": self.seed,
            "budget_mib": self.budget_mib,
            "keep_alive_ms": self.keep_alive_ms,
            "process": None if self.process is None else asdict(self.process),
            "functions": [function.as_json() for function in self.functions],
            "arrivals": [[arrival.at_ms, arrival.function] for arrival in self.arrivals],
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> ChurnPlan:
        """The plan that :meth:`as_json` wrote.

        Raises:
            UsageError: as the constructor.
            TypeError, KeyError, ValueError: it is none.
        """
        process = document["process"]
        arrivals = tuple(
            Arrival(index, function, at_ms)
            for index, (at_ms, function) in enumerate(document["arrivals"])
        )
        return cls(
            **{
                **document,
                "process": None if process is None else ArrivalProcess(**process),
                "functions": tuple(PooledFunction(**one) for one in document["functions"]),
                "arrivals": arrivals,
            }
        )


def churn(
    *,
    arrivals: int,
    functions: Sequence[PooledFunction],
    budget_mib: int,
    seed: int,
    process: ArrivalProcess | None = None,
    keep_alive_ms: int | None = None,
) -> ChurnPlan:
    """A plan of ``arrivals`` requests, each for a function drawn evenly from ``functions``.

    The same arguments always give the same plan. Times are rounded to a microsecond.

    Raises:
        UsageError: a number or a budget is impossible.
    """
    _require_functions(functions, budget_mib)
    if not 1 <= arrivals <= MAX_ARRIVALS:
        raise UsageError(f"arrivals must be between 1 and {MAX_ARRIVALS}, not {arrivals}")
    require_seed(seed)
    process = process or ArrivalProcess()
    source = random.Random(seed)
    names = [function.name for function in functions]
    times = process.times_ms(source)
    return ChurnPlan(
        kind="churn",
        arrivals=tuple(
            Arrival(index, source.choice(names), None if at_ms is None else round(at_ms, 3))
            for index, at_ms in zip(range(arrivals), times, strict=False)
        ),
        functions=tuple(functions),
        budget_mib=budget_mib,
        keep_alive_ms=keep_alive_ms,
        seed=seed,
        process=process,
    )


def _require_functions(functions: Sequence[PooledFunction], budget_mib: int) -> None:
    if not functions:
        raise UsageError("a pool needs at least one function")
    names = [function.name for function in functions]
    if len(set(names)) < len(names):
        raise UsageError(f"functions of a pool must have names of their own: {', '.join(names)}")
    if not 1 <= budget_mib <= MAX_MEMORY_MIB:
        raise UsageError(f"the budget must be between 1 and {MAX_MEMORY_MIB} MiB, not {budget_mib}")
    for function in functions:
        if function.memory_mib < 1:
            raise UsageError(
                f"function {function.name} must count for at least 1 MiB, not {function.memory_mib}"
            )
        if function.memory_mib > budget_mib:
            raise UsageError(
                f"function {function.name} counts for {function.memory_mib} MiB and never fits "
                f"into a budget of {budget_mib} MiB"
            )
        if not 0 <= (function.duration_ms or 0) <= MAX_DURATION_MS:
            raise UsageError(
                f"function {function.name} must run for 0 ms to an hour, not {function.duration_ms}"
            )
