"""What a pool with one client does, by the books of a cache: no pool, no containers, no clock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence


def cached(
    policy: str, wanted: Sequence[str], *, memory: Mapping[str, int], budget: int
) -> list[tuple[str, str]]:
    """Launch, serve or evict, and of what: one object a function, evicted until the next fits."""
    kept: list[str] = []
    uses: Counter[str] = Counter()
    value: dict[str, float] = {}
    age = 0.0
    history: list[tuple[str, str]] = []
    for function in wanted:
        if function in kept:
            kept.remove(function)
            history.append(("serve", function))
        else:
            while sum(memory[name] for name in kept) + memory[function] > budget:
                match policy:
                    case "largest":
                        victim = sorted(kept, key=lambda name: (-memory[name], kept.index(name)))[0]
                    case "greedy_dual":
                        victim = sorted(kept, key=lambda name: (value[name], kept.index(name)))[0]
                        age = value[victim]
                    case _:
                        victim = kept[0]
                kept.remove(victim)
                del uses[victim]
                history.append(("evict", victim))
            history.append(("launch", function))
        kept.append(function)
        uses[function] += 1
        value[function] = age + uses[function] / memory[function]
    return history
