"""How a rate is written: its count, its share, and what bounds it."""

from __future__ import annotations


def percent(share: float) -> str:
    """Two significant digits are all that an interval of a few hundred trials can carry."""
    value = 100 * share
    return f"{value:.1f}" if value < 10 else f"{value:.0f}"


def rate_words(count: int, total: int, *, low: float, high: float, upper_if_zero: float) -> str:
    """``9/40  22.5 % [12–38]``; of none ``0/40  (< 7.2 %)``, with the one-sided bound.

    All bounds are shares of 1; ``upper_if_zero`` is read where ``count`` is 0 alone.
    """
    if count == 0:
        return f"0/{total}  (< {percent(upper_if_zero)} %)"
    return f"{count}/{total}  {100 * count / total:.1f} % [{percent(low)}–{percent(high)}]"
