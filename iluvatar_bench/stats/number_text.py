"""Numbers as every table and sentence writes them: one sign for minus, one for ranges."""

from __future__ import annotations

MINUS = "−"
"""U+2212, as wide as a plus; a hyphen is for words."""

RANGE = "–"
"""U+2013, from one bound to the other."""


def signed(value: float, *, digits: int = 1) -> str:
    """A number with its sign: ``+4.0``, ``−12.5``."""
    return f"{value:+.{digits}f}".replace("-", MINUS)


def signed_range(low: float, high: float, *, digits: int = 1) -> str:
    """An interval of signed numbers: ``−31.0 – −12.4``, set apart from the signs."""
    return f"{signed(low, digits=digits)} {RANGE} {signed(high, digits=digits)}"
