"""What a seed may be."""

from __future__ import annotations

from iluvatar_bench.errors import UsageError


def require_seed(seed: int) -> None:
    """Refuse a negative seed: Python's generator takes its sign off, so -1 would be 1 again.

    Source: CPython, Modules/_randommodule.c, random_seed ("use the absolute value").

    Raises:
        UsageError: it is negative.
    """
    if seed < 0:
        raise UsageError(f"seed must be 0 or more, not {seed}")
