"""Which functions of a public trace are taken, by rules that are stated and seeded. Pure.

* ``most``: those that are invoked most in the window;
* ``representative``: one in N of all that are invoked at least twice, spread evenly over how often
  they are invoked and how long they run. They are sorted into quarters by their mean inter-arrival
  time (the window / their invocations), and within each quarter by duration, upwards and downwards
  in turn; from a start that is drawn, every Nth is taken. Each function has the same chance. This
  is a systematic sample in serpentine order (W. G. Cochran, Sampling Techniques, 1977, chapter 8).
  FaasCache too draws from quarters by frequency what is invoked twice or more
  (gen_representative_trace.py in aFuerst/faascache-sim); durations it leaves to chance.

Whole functions are taken, not a part of their invocations, because what is left of each is as
bursty as it was.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import quantiles
from typing import Literal, get_args

from iluvatar_bench.errors import UsageError, meant

ChoiceRule = Literal["most", "representative"]

_QUARTERS = 4
_FEWEST = 2
"""Invocations between which there is a time."""


@dataclass(frozen=True, slots=True)
class PublicFunction:
    """A function of a public trace: its names there, and what it did in the window.

    ``duration_ms`` is how long it ran, as the trace has it; None: the trace does not say.
    """

    key: tuple[str, ...]
    invocations: int
    duration_ms: float | None = None


def choose_functions(
    population: Sequence[PublicFunction], *, functions: int, rule: ChoiceRule, seed: int
) -> tuple[int, ...]:
    """The places of those that are taken, at most ``functions``, by falling count.

    Raises:
        UsageError: there is no such rule.
    """
    if rule not in get_args(ChoiceRule):
        known = get_args(ChoiceRule)
        raise UsageError(
            f"no rule of choice {rule!r}{meant(rule, known)}; there are: {', '.join(known)}"
        )
    by_count = sorted(range(len(population)), key=lambda at: -population[at].invocations)
    if rule == "most":
        return tuple(by_count[:functions])
    twice = [at for at in by_count if population[at].invocations >= _FEWEST]
    ordered: list[int] = []
    for quarter in range(_QUARTERS):
        first, end = (len(twice) * edge // _QUARTERS for edge in (quarter, quarter + 1))
        ordered += sorted(
            twice[first:end],
            key=lambda at: population[at].duration_ms or 0.0,
            reverse=quarter % 2 == 1,
        )
    taken = min(functions, len(ordered))
    step = len(ordered) / max(taken, 1)
    start = random.Random(seed).random() * step
    places = (min(int(start + number * step), len(ordered) - 1) for number in range(taken))
    rank = {at: number for number, at in enumerate(by_count)}
    return tuple(sorted((ordered[place] for place in places), key=rank.__getitem__))


def spread(
    functions: Sequence[PublicFunction], *, window_ms: float
) -> Mapping[str, tuple[float, float, float]]:
    """Quartiles over functions: of mean inter-arrival times and durations, in milliseconds.

    A measure that fewer than two functions have is left out.
    """
    measured = {
        "inter_arrival_ms": [
            window_ms / one.invocations for one in functions if one.invocations >= _FEWEST
        ],
        "duration_ms": [one.duration_ms for one in functions if one.duration_ms is not None],
    }
    found: dict[str, tuple[float, float, float]] = {}
    for name, values in measured.items():
        if len(values) > 1:
            low, middle, high = quantiles(values, n=_QUARTERS, method="inclusive")
            found[name] = (low, middle, high)
    return found
