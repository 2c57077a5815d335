"""Memory that is freed between things that stay goes back to the system."""

from __future__ import annotations

import gc

from iluvatar_bench.host.freed_memory import give_back_freed
from tests.support.own_resources import held

SIZE, COUNT = 4000, 10_000
"""Too large for Python's own allocator, too small for a mapping of their own: from the heap."""


class Circle:
    """Garbage that only Python's collector finds."""

    def __init__(self, content: bytearray) -> None:
        self.content = content
        self.itself = self


def test_what_lies_between_things_that_stay_is_given_back() -> None:
    total = SIZE * COUNT
    gc.collect()
    gc.disable()
    try:
        before = held().memory_bytes
        made = [Circle(bytearray(SIZE)) for _ in range(COUNT)]
        assert held().memory_bytes - before > 0.9 * total
        # Every hundredth stays.
        stays = [one.content for one in made[::100]]
        made.clear()
        assert held().memory_bytes - before > 0.9 * total
        give_back_freed()
        assert held().memory_bytes - before < 0.3 * total
    finally:
        gc.enable()
    assert all(len(content) == SIZE for content in stays)
