"""Memory that a process has freed and still holds: given back, for processes that work for months.

What is freed between things that stay makes no whole end of the heap, and so is never given back by
itself; Python's collector lets garbage grow with what lives. Neither is a leak, and both look like
one for weeks.
"""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Callable
from functools import cache


def give_back_freed() -> None:
    """Collect Python's garbage, and give back every page that nothing is on any more.

    That takes tens of milliseconds. Without glibc's malloc_trim(3) nothing is given back.
    """
    gc.collect()
    trim = _trim()
    if trim is not None:
        trim(0)


@cache
def _trim() -> Callable[[int], int] | None:
    found = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if found is not None:
        found.argtypes = [ctypes.c_size_t]
    return found
