"""Memory that is freed between things that stay goes back to the system."""

from __future__ import annotations

import subprocess
import sys

SIZE, COUNT = 4000, 10_000
"""Too large for Python's own allocator, too small for a mapping of their own: from the heap."""

PROGRAM = """
import gc, sys
from iluvatar_bench.host.freed_memory import give_back_freed

size, count = map(int, sys.argv[1:])

class Circle:
    '''Garbage that only Python's collector finds.'''

    def __init__(self, content):
        self.content, self.itself = content, self

def held():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096

gc.collect()
gc.disable()
at = [held()]
made = [Circle(bytearray(size)) for _ in range(count)]
at.append(held())
# Every hundredth stays.
stays = [one.content for one in made[::100]]
made.clear()
at.append(held())
give_back_freed()
at.append(held())
print(*at)
"""
"""In a process of its own: in the heap of one that has done much there is room for all of it."""


def test_what_lies_between_things_that_stay_is_given_back() -> None:
    words = [sys.executable, "-c", PROGRAM, str(SIZE), str(COUNT)]
    said = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    before, made, freed, given_back = map(int, said.split())
    total = SIZE * COUNT
    assert made - before > 0.9 * total
    assert freed - before > 0.9 * total
    assert given_back - before < 0.3 * total
