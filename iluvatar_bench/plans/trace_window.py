"""What is taken of a public trace: some minutes, some functions, a share of invocations. Pure."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass

from iluvatar_bench.errors import UsageError
from iluvatar_bench.plans.arrivals import MAX_ARRIVALS
from iluvatar_bench.plans.function_choice import ChoiceRule
from iluvatar_bench.plans.seed import require_seed


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceWindow:
    """``minutes`` from ``first_minute`` on, the trace's first being 1, and in them the at most
    ``functions`` that ``rule`` takes, each invocation kept with probability ``keep``.

    ``seed`` draws what is drawn: the same one gives the same functions, times and invocations.
    """

    first_minute: int = 1
    minutes: int = 10
    functions: int = 10
    rule: ChoiceRule = "most"
    keep: float = 1.0
    seed: int = 1

    def last_minute_of(self, longest: int) -> int:
        """The last minute, of a trace of ``longest``.

        Raises:
            UsageError: a number is out of its range.
        """
        last_minute = self.first_minute + self.minutes - 1
        if not 1 <= self.first_minute <= last_minute <= longest:
            raise UsageError(
                f"minutes {self.first_minute} to {last_minute} are not within 1 to {longest}"
            )
        if not 1 <= self.functions <= 1000:
            raise UsageError(
                f"functions of a trace must be between 1 and 1000, not {self.functions}"
            )
        require_seed(self.seed)
        return last_minute

    def kept_by_chance(self, source: random.Random) -> Callable[[int], int]:
        """How many of so many are kept, each with the same probability, at the cost of those alone.

        Raises:
            UsageError: ``keep`` is no probability above 0.
        """
        keep = self.keep
        if not 0 < keep <= 1:
            raise UsageError(f"keep must be above 0 and at most 1, not {keep:g}")
        if keep == 1:
            return lambda count: count

        def gap() -> int:
            # How many go before one that stays: geometric.
            return int(math.log(1 - source.random()) / math.log1p(-keep))

        skipped = gap()

        def kept(count: int) -> int:
            nonlocal skipped
            stay = 0
            while skipped < count:
                stay += 1
                skipped += 1 + gap()
            skipped -= count
            return stay

        return kept

    def require_some(self, invocations: float, name: str) -> None:
        """Refuse none, or more than a plan takes.

        Raises:
            UsageError: either.
        """
        if not invocations:
            twice = " of a function that has two" if self.rule == "representative" else ""
            raise UsageError(
                f"{name} holds no invocation{twice} in the minutes that were asked for"
            )
        if invocations > MAX_ARRIVALS:
            raise UsageError(
                f"{name} holds {invocations:.0f} invocations there, more than {MAX_ARRIVALS}; take "
                "fewer minutes or functions, or keep a part of them by chance"
            )


DEFAULT_WINDOW = TraceWindow()
