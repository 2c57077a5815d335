"""What a pool with one client does, by the books of a cache: no pool, no containers, no clock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass


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


@dataclass(slots=True)
class _Kept:
    function: str
    idle_since: float | None = None


def kept_for_its_time(
    wanted: Sequence[str],
    happened: Iterable[tuple[str, int | None, float]],
    *,
    memory: Mapping[str, int],
    budget: int,
    keep_ms: float,
) -> list[str]:
    """What a pool that evicts nobody does for one client, by what befell it; launch and serve.

    ``happened`` are the events of its history: what, which container, when (milliseconds). Those
    that nobody decides (arrive, release, expire, gone) are taken as they came, and the others said
    anew: the answer has all of them, each with its function or container.
    """
    kept: dict[int, _Kept] = {}
    coming = iter(wanted)
    waiting: str | None = None
    said: list[str] = []

    def launch(function: str) -> None:
        kept[launch_number()] = _Kept(function)
        said.append(f"launch {function}")

    numbers = iter(range(len(wanted)))

    def launch_number() -> int:
        return next(numbers)

    def used() -> int:
        return sum(memory[one.function] for one in kept.values())

    for event, container, at in happened:
        if event in ("launch", "serve"):
            continue
        said.append(event if container is None else f"{event} {container}")
        match event:
            case "arrive":
                function = next(coming)
                idle = [
                    one
                    for one in kept.values()
                    if one.function == function and one.idle_since is not None
                ]
                if idle:
                    idle[0].idle_since = None
                    said.append(f"serve {function}")
                elif used() + memory[function] <= budget:
                    launch(function)
                else:
                    waiting = function
            case "release":
                assert container is not None
                kept[container].idle_since = at
            case "expire":
                assert container is not None
                since = kept[container].idle_since
                assert since is not None, "it served"
                assert at - since >= keep_ms, "too early"
                kept[container].idle_since = None
            case "gone":
                assert container is not None
                del kept[container]
                if waiting is not None and used() + memory[waiting] <= budget:
                    launch(waiting)
                    waiting = None
    return said
