"""How bursty arrivals are, over short windows and long ones. Pure.

The index of dispersion for counts is the variance of the counts in windows of one length over their
mean: 1 at every length for a Poisson process, 0 for an even one, more where arrivals come in bursts
(R. Gusella, Characterizing the variability of arrival processes with indexes of dispersion, IEEE
JSAC 9(2), 1991). Time that runs faster by a factor leaves it as it is where the windows shrink by
the same factor. Keeping each arrival by chance with probability p does not: D becomes
1 + p (D - 1).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, variance

_MERGED = (1, 5, 15, 60, 180)
"""Windows, in stretches of the trace: of a day by the minute, from a minute to three hours."""

_FEWEST_WINDOWS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Burstiness:
    """The index of dispersion over one window of a trace, and of what is made of it.

    ``expected`` is what follows from the trace's where arrivals were kept by chance; windows are in
    milliseconds. None: there are no arrivals.
    """

    trace_window_ms: float
    replay_window_ms: float
    windows: int
    trace: float | None
    expected: float | None
    replay: float | None


def index_of_dispersion(counts: Sequence[int]) -> float | None:
    """Variance over mean, with n - 1; None for fewer than two windows, or without arrivals."""
    if len(counts) < 2 or not any(counts):
        return None
    return variance(counts) / fmean(counts)


def counted_by(times_ms: Iterable[float], *, stretch_ms: float, stretches: int) -> list[int]:
    """How many times lie in each stretch from 0 on; what lies outside of all is left out."""
    counts = [0] * stretches
    for at_ms in times_ms:
        place = int(at_ms // stretch_ms)
        if 0 <= place < stretches:
            counts[place] += 1
    return counts


def burstiness(
    counts: Sequence[int],
    replayed_ms: Iterable[float],
    *,
    stretch_ms: float,
    speed: float,
    keep: float = 1.0,
) -> tuple[Burstiness, ...]:
    """A trace's counts by stretches of time beside the times of its replay, a row a window.

    ``replayed_ms`` runs ``speed`` times as fast; ``keep`` is the share of arrivals that were kept
    by chance. Windows of which there are fewer than 8 are left out.
    """
    after = counted_by(replayed_ms, stretch_ms=stretch_ms / speed, stretches=len(counts))
    rows: list[Burstiness] = []
    for merged in _MERGED:
        windows = len(counts) // merged
        if windows < _FEWEST_WINDOWS:
            break
        trace, replay = (
            index_of_dispersion(
                [sum(one[at * merged : (at + 1) * merged]) for at in range(windows)]
            )
            for one in (counts, after)
        )
        rows.append(
            Burstiness(
                trace_window_ms=merged * stretch_ms,
                replay_window_ms=merged * stretch_ms / speed,
                windows=windows,
                trace=trace,
                expected=None if trace is None else 1 + keep * (trace - 1),
                replay=replay,
            )
        )
    return tuple(rows)
