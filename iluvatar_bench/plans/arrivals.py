"""When requests arrive: open loops on a schedule of their own, or a closed loop of clients.

An open loop keeps its schedule however slow the system is, so that a slow system cannot thin out
the load that measures it (G. Tene's "coordinated omission").
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

from iluvatar_bench.errors import UsageError, meant

ArrivalPattern = Literal["poisson", "constant", "bursts", "closed"]

MAX_ARRIVALS = 100_000


@dataclass(frozen=True, slots=True)
class Arrival:
    """One request: for which function, and when (milliseconds after the workload's start).

    ``at_ms`` is None in a closed loop, where a request comes when a client has its last answer.
    """

    index: int
    function: str
    at_ms: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrivalProcess:
    """How arrivals follow each other.

    ``poisson`` and ``constant`` come at ``rate`` a second; ``bursts`` is a Poisson process of that
    rate during ``on_ms``, then nothing during ``off_ms``, in turn; ``closed`` is ``clients``
    clients, each of which sends its next request when the last one has ended.

    Raises:
        UsageError: a name or number is out of its range.
    """

    pattern: ArrivalPattern = "poisson"
    rate: float = 4.0
    on_ms: int = 2000
    off_ms: int = 2000
    clients: int = 4

    def __post_init__(self) -> None:
        if self.pattern not in get_args(ArrivalPattern):
            known = get_args(ArrivalPattern)
            raise UsageError(
                f"no pattern of arrivals {self.pattern!r}{meant(self.pattern, known)}; there are: "
                f"{', '.join(known)}"
            )
        if not 0.001 <= self.rate <= 10_000:
            raise UsageError(f"rate must be between 0.001 and 10000 a second, not {self.rate:g}")
        if not (1 <= self.on_ms <= 3_600_000 and 0 <= self.off_ms <= 3_600_000):
            raise UsageError(
                "a burst must last from 1 ms to an hour and a pause from 0 ms to an hour, "
                f"not {self.on_ms} and {self.off_ms} ms"
            )
        if not 1 <= self.clients <= 512:
            raise UsageError(f"clients must be between 1 and 512, not {self.clients}")

    def times_ms(self, source: random.Random) -> Iterator[float | None]:
        """The endless sequence of arrival times, never decreasing; None each in a closed loop."""
        if self.pattern == "closed":
            while True:
                yield None
        busy_ms = 0.0
        while True:
            gap = 1000 / self.rate
            busy_ms += gap if self.pattern == "constant" else source.expovariate(1 / gap)
            # The pauses stretch the time line without touching the process between them.
            pauses = busy_ms // self.on_ms if self.pattern == "bursts" else 0
            yield busy_ms + pauses * self.off_ms
