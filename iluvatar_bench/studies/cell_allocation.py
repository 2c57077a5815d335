"""Which cells of a factorial still need trials: for their rates, or for a class that is too rare.

Rates of all cells are measured first. A class that has come too rarely by then needs only two
cells, which differ in one factor: those between which its rate differs most, for the time that
their trials take. Which two is decided by blocks that are over, and the two run equally often in
the next one: on which of them an event falls is as it would have been, whatever was chosen. So
tests and bounds, which are conditional on the number of events, hold as if nobody had chosen. Only
events on those two count for when it ends: others may have had nothing to be compared with.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from iluvatar_bench.bugs import CLASSES_OF_2022
from iluvatar_bench.errors import UsageError
from iluvatar_bench.profiles import Profile
from iluvatar_bench.stats import Decision, UntilPrecise

REPEATS = 2
"""Trials of each cell in a block: neighbours of one shared cgroup live beside each other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Precision:
    """When a cell has had enough trials: see :class:`Tally`.

    ``min_failures`` is for each bug class of 2022 that comes at all, over all cells together;
    containers that one Kill took count once. 32 against none bound the share that the reference
    removes at 0.9 (``stats.events_to_bound``), two more are for levels with unequally many trials.
    As the rule looks at their sum, and not at how they fall on the levels, it leaves tests and
    bounds, which are conditional on the sum, as they are.

    Raises:
        UsageError: a number is out of its range.
    """

    half_width: float = 0.1
    min_failures: int = 34
    min_trials: int = 40
    max_trials: int = 1200

    def __post_init__(self) -> None:
        if not 0 < self.half_width < 0.5:
            raise UsageError(f"half_width must lie between 0 and 0.5, not {self.half_width}")
        if not REPEATS <= self.min_trials <= self.max_trials:
            raise UsageError(
                f"min_trials must be at least {REPEATS} and at most max_trials, "
                f"not {self.min_trials} and {self.max_trials}"
            )
        if self.min_failures < 0:
            raise UsageError(f"min_failures must be at least 0, not {self.min_failures}")

    @property
    def rule(self) -> UntilPrecise:
        """The rule for the rate of one class."""
        return UntilPrecise(half_width=self.half_width, max_trials=self.max_trials)


@dataclass(slots=True)
class Tally:
    """Counts per cell so far.

    ``events`` are of each class over the cells in which it was watched (:class:`NextBlock`);
    containers that one Kill took count once.
    ``seconds`` is how long a cell's trials took, one after the other.
    """

    precision: Precision
    trials: Counter[str] = field(default_factory=Counter)
    failures: dict[str, Counter[str]] = field(default_factory=dict)
    events: Counter[str] = field(default_factory=Counter)
    seconds: dict[str, float] = field(default_factory=dict)
    _known: set[tuple[str, Hashable]] = field(default_factory=set)

    def add(
        self,
        cell: str,
        bug_class: str | None,
        event: Hashable = None,
        *,
        seconds: float = 1.0,
        watched: bool = True,
    ) -> None:
        """Count one trial; ``event`` is what others that it took have too (None: alone).

        ``watched`` is whether its class was watched in its cell and block.
        """
        self.trials[cell] += 1
        self.seconds[cell] = self.seconds.get(cell, 0.0) + seconds
        if bug_class is None:
            return
        self.failures.setdefault(cell, Counter())[bug_class] += 1
        if watched and (event is None or (bug_class, event) not in self._known):
            self.events[bug_class] += 1
            self._known.add((bug_class, event))

    def is_full(self, cell: str) -> bool:
        """Whether the cell may have no more trials."""
        return self.trials[cell] >= self.precision.max_trials

    def is_precise(self, cell: str) -> bool:
        """Whether the cell has its least number of trials, and each class that came in it a rate
        of the wanted precision; or may have no more.
        """
        trials = self.trials[cell]
        if self.is_full(cell):
            return True
        if trials < self.precision.min_trials:
            return False
        counts = [0, *self.failures.get(cell, {}).values()]
        rule = self.precision.rule
        return all(rule.decide(count, trials) is not Decision.GO_ON for count in counts)

    def rare_classes(self) -> tuple[str, ...]:
        """The classes of 2022 that came, but too rarely in all for a verdict."""
        return tuple(
            name
            for name in map(str, CLASSES_OF_2022)
            if 0 < self.events[name] < self.precision.min_failures
        )

    def difference(self, bug_class: str, cell: str, other: str) -> float:
        """How many more failures of the class one of the two cells had, for each second of both."""
        counts = [self.failures.get(name, Counter())[bug_class] for name in (cell, other)]
        seconds = sum(self.seconds.get(name, 0.0) for name in (cell, other))
        return abs(counts[0] - counts[1]) / seconds if seconds else 0.0


@dataclass(frozen=True, slots=True)
class NextBlock:
    """Which cells the next block holds, by their numbers; none: there is nothing to wait for.

    ``pairs`` are the two cells of each class that is too rare.
    """

    cells: frozenset[int]
    pairs: Mapping[str, tuple[int, int]]

    def watches(self, bug_class: str | None, cell: int) -> bool:
        """Whether an event of the class in this cell is one that the experiment waits for."""
        pair = None if bug_class is None else self.pairs.get(bug_class)
        return pair is None or cell in pair


def next_block(cells: Sequence[Profile], tally: Tally) -> NextBlock:
    """The cells of the next block.

    Those whose rates are not precise, and the cells that differ from one of these in one factor
    only: trials are compared within their block, and a cell whose partners have all left tells its
    rate and nothing about a factor. And for each class that is too rare two such cells that may
    still have trials, between which it differs most for the time that they take; while all cells
    run each class is watched in all of them.
    """
    pairs = _pairs(tuple(cells))
    wanting = {n for n, cell in enumerate(cells) if not tally.is_precise(cell.name)}
    needed = set(wanting)
    for pair in pairs:
        if wanting.intersection(pair):
            needed.update(pair)
    if len(needed) == len(cells):
        return NextBlock(frozenset(needed), {})
    left = [pair for pair in pairs if not any(tally.is_full(cells[n].name) for n in pair)]
    chosen = {}
    for name in tally.rare_classes() if left else ():
        differences = [
            tally.difference(name, cells[one].name, cells[other].name) for one, other in left
        ]
        chosen[name] = left[differences.index(max(differences))]
        needed.update(chosen[name])
    return NextBlock(frozenset(needed), chosen)


@lru_cache(maxsize=4)
def _pairs(cells: tuple[Profile, ...]) -> tuple[tuple[int, int], ...]:
    """The numbers of every two cells that differ in one factor only."""
    factors = [cell.factors for cell in cells]
    return tuple(
        (one, other)
        for one, other in itertools.combinations(range(len(cells)), 2)
        if sum(factors[one][name] != factors[other][name] for name in factors[one]) == 1
    )
