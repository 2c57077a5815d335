"""Which cells of a factorial still need trials: for their rates, or for a class that is too rare.

Rates of all cells are measured first. A class that has come too rarely by then needs only two
cells, which differ in the one factor that changes its rate most over all cells: those of them
between which it differs most for the time that their trials take. (Of two cells alone chance says
too much: a rare class that has come five times in one and not yet in the other seems to need both.)
Which two is decided by blocks that are over, and the two run equally often in the next one: on
which of them an event falls is as it would have been, whatever was chosen. So tests and bounds,
which are conditional on the number of events, hold as if nobody had chosen. Only events on those
two count for when it ends: others may have had nothing to be compared with.
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

    def rate(self, bug_class: str, cell: str) -> float:
        """The share of the cell's trials that failed by the class; 0 of a cell without a trial."""
        trials = self.trials[cell]
        return self.failures.get(cell, Counter())[bug_class] / trials if trials else 0.0

    def difference(self, bug_class: str, pair: Pair) -> float:
        """How many more failures of the class one of the two has, for each second of both."""
        names = (pair.reference, pair.other)
        one, other = (self.rate(bug_class, name) for name in names)
        seconds = sum(self.seconds.get(name, 0.0) / max(1, self.trials[name]) for name in names)
        return abs(one - other) / seconds if seconds else 0.0


@dataclass(frozen=True, slots=True)
class Pair:
    """Two cells that differ in one factor only, by their names and numbers."""

    factor: str
    reference: str
    other: str
    numbers: tuple[int, int]


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
    rate and nothing about a factor. And for each class that is too rare the two such cells that
    show it fastest (:func:`_fastest`); while all cells run each class is watched in all of them.
    """
    pairs = _pairs(tuple(cells))
    wanting = {n for n, cell in enumerate(cells) if not tally.is_precise(cell.name)}
    needed = set(wanting)
    for pair in pairs:
        if wanting.intersection(pair.numbers):
            needed.update(pair.numbers)
    if len(needed) == len(cells):
        return NextBlock(frozenset(needed), {})
    chosen = {}
    for name in tally.rare_classes():
        fastest = _fastest(pairs, tally, name)
        if fastest is not None:
            chosen[name] = fastest.numbers
            needed.update(fastest.numbers)
    return NextBlock(frozenset(needed), chosen)


def _fastest(pairs: Sequence[Pair], tally: Tally, bug_class: str) -> Pair | None:
    """The pair that shows the class fastest, of the factor that changes its rate most.

    None where a cell of each pair may have no more trials.
    """
    left = [p for p in pairs if not (tally.is_full(p.reference) or tally.is_full(p.other))]
    changes: dict[str, float] = {}
    for pair in pairs:
        change = tally.rate(bug_class, pair.other) - tally.rate(bug_class, pair.reference)
        changes[pair.factor] = changes.get(pair.factor, 0.0) + change
    return max(
        left,
        key=lambda pair: (abs(changes[pair.factor]), tally.difference(bug_class, pair)),
        default=None,
    )


@lru_cache(maxsize=4)
def _pairs(cells: tuple[Profile, ...]) -> tuple[Pair, ...]:
    """Every two cells that differ in one factor only, the one with its reference first."""
    return tuple(
        Pair(differing[0], cells[one].name, cells[other].name, (one, other))
        for one, other in itertools.combinations(range(len(cells)), 2)
        if len(differing := _differing(cells[one], cells[other])) == 1
    )


def _differing(one: Profile, other: Profile) -> list[str]:
    levels, others = one.factors, other.factors
    return [name for name in levels if levels[name] != others[name]]
