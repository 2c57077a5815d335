"""Is a bug class gone with these factors changed? Asked of many sets at once, beside the failing
profile.

All sets of a round and the failing profile as their control run in shuffled blocks on one
containerd. An event of the class falls on a set or on the control; how often on which does not
depend on how frequent the class is at that hour, so drift cannot pass for an answer. Wald's test
looks at these events only, and its errors are known (``stats.Sprt``).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field

from iluvatar_bench.bugs import BugClass
from iluvatar_bench.plans import PlannedTrial
from iluvatar_bench.profiles import Profile
from iluvatar_bench.profiles.profile import change_profile
from iluvatar_bench.records import Trial
from iluvatar_bench.records.frames import trials_frame
from iluvatar_bench.runs.runner import Sink, Stop, run_trials
from iluvatar_bench.runs.testbed import Testbed
from iluvatar_bench.runs.trial import Setting
from iluvatar_bench.stats import Decision, Sprt, at_risk
from iluvatar_bench.stats.failure_events import event_key
from iluvatar_bench.studies.set_search import Changes

REPEATS = 2
"""Trials of each cell in a block: a shared cgroup needs neighbours to show anything."""

GONE_RATIO = 0.05
"""What still counts as gone, as a share of the control's rate: a stray failure decides nothing."""

THERE_RATIO = 0.5
"""From this share of the control's rate on the class is still there."""

MASKED_SHARE = 0.5
"""A set under which fewer trials than this share of the control's come to where the class can
arise tells nothing of it: something else ends them before."""

FEWEST_EVENTS = 3
"""So often the class must come under the failing profile for anything to be asked of it."""

CELLS_AT_ONCE = 12
"""More would make a block so long that the control is rarely beside a trial."""

HOLD_MS = (200, 1500)


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One set of changes and its answer.

    ``events`` fell on the set and ``control_events`` on the failing profile beside it, in as many
    trials each (``trials``); containers that one Kill took count once.
    """

    changed: tuple[str, ...]
    events: int
    control_events: int
    trials: int
    decision: Decision
    masked: bool = False

    @property
    def gone(self) -> bool:
        """Whether the class was shown to be gone; a test without an answer shows nothing."""
        return self.decision is Decision.LOW and not self.masked

    @property
    def undecided(self) -> bool:
        """Whether it is open."""
        return self.masked or self.decision not in (Decision.LOW, Decision.HIGH)

    @property
    def counts(self) -> str:
        """What was seen, in words."""
        return f"{self.events} events against {self.control_events} in {self.trials} trials each"

    def lacks(self, test: Sprt) -> str:
        """Why an open one is open, and what would have answered it, as a clause."""
        if self.masked:
            return "masked: fewer than half as many trials come to where the class can arise"
        needed = test.trials_to_low(self.events)
        assert needed is not None, "a test with a low rate of 0 is never open with a failure"
        more = needed - self.events - self.control_events
        return f"{more} more events on the failing profile and none on it would say gone"


class Stopped(Exception):
    """The search was asked to stop."""


class NeverCame(Exception):
    """The control showed the class too rarely: how often, in how many trials."""

    def __init__(self, events: int, trials: int) -> None:
        super().__init__(f"{events} in {trials}")
        self.events, self.trials = events, trials


def probe_test(error: float) -> Sprt:
    """The test on events: is it gone, or is it there with at least half of the control's rate?"""
    low, high = (ratio / (1 + ratio) for ratio in (GONE_RATIO, THERE_RATIO))
    return Sprt(low_rate=low, high_rate=high, alpha=error / 2, beta=error / 2, max_trials=400)


@dataclass(slots=True)
class _Cell:
    """What was seen of one cell in one round."""

    setting: Setting
    trials: int = 0
    at_risk: int = 0
    events: int = 0
    known: set[Hashable] = field(default_factory=set)

    def add(self, trial: Trial, bug_class: BugClass) -> None:
        self.trials += 1
        self.at_risk += len(at_risk(trials_frame([trial]), bug_class))
        if trial.bug_class != bug_class:
            return
        event = event_key(trial.mechanism, trial.evidence)
        if event is None or event not in self.known:
            self.events += 1
        self.known.add(event)


@dataclass(slots=True)
class _Block:
    """The trials of a block that have not ended yet, and those that have."""

    left: int = 0
    ended: list[tuple[int, Trial]] = field(default_factory=list)


@dataclass(slots=True)
class Prober:
    """Runs rounds of sets in an open testbed."""

    testbed: Testbed
    failing: Profile
    clean: Profile
    bug_class: BugClass
    function: str
    concurrency: int
    seed: int
    sinks: tuple[Sink, ...]
    stop: Stop | None
    test: Sprt
    most_trials: int
    on_probe: Callable[[Probe], None] | None
    probes: list[Probe] = field(default_factory=list)
    begun: int = 0
    control_events: int = 0
    control_trials: int = 0

    async def ask(self, sets: Sequence[Changes], *, pilot_trials: int = 0) -> None:
        """Run the sets beside the control until each is decided or had ``most_trials``.

        Raises:
            NeverCame: after ``pilot_trials`` of the control it had fewer than ``FEWEST_EVENTS``.
            Stopped: the search was asked to stop, or containerd is gone.
        """
        for first in range(0, len(sets), CELLS_AT_ONCE):
            await self._round(sets[first : first + CELLS_AT_ONCE], pilot_trials)

    async def _round(self, sets: Sequence[Changes], pilot_trials: int) -> None:
        cells = [_Cell(self._setting(one)) for one in (frozenset(), *sets)]
        open_cells = set(range(1, len(cells)))
        blocks: dict[int, _Block] = {}
        of_trial: dict[int, tuple[int, int]] = {}
        next_block = 0
        never_came = False
        source = random.Random(f"{self.seed} {self.begun}")

        def planned() -> Iterator[tuple[Setting, PlannedTrial]]:
            for block in range(self.most_trials // REPEATS):
                order = [number for number in (0, *sorted(open_cells)) for _ in range(REPEATS)]
                source.shuffle(order)
                blocks[block] = _Block(left=len(order))
                for number in order:
                    if not open_cells or never_came:
                        return
                    index, self.begun = self.begun, self.begun + 1
                    of_trial[index] = (block, number)
                    hold = source.randint(*HOLD_MS)
                    yield cells[number].setting, PlannedTrial(index, self.function, hold)

        def count(trial: Trial) -> None:
            nonlocal next_block, never_came
            block, number = of_trial[trial.trial]
            blocks[block].left -= 1
            blocks[block].ended.append((number, trial))
            # In the order in which blocks began: trials that fail end early, and must not hurry.
            while next_block in blocks and blocks[next_block].left == 0:
                for member, ended in blocks.pop(next_block).ended:
                    cells[member].add(ended, self.bug_class)
                next_block += 1
                self._decide(sets, cells, open_cells)
                control = cells[0]
                never_came = 0 < pilot_trials <= control.trials and control.events < FEWEST_EVENTS

        await run_trials(
            planned(), concurrency=self.concurrency, sinks=(*self.sinks, count), stop=self.stop
        )
        self.control_events += cells[0].events
        self.control_trials += cells[0].trials
        if self.testbed.daemon.lost or (self.stop is not None and self.stop.is_set()):
            raise Stopped
        if never_came:
            raise NeverCame(cells[0].events, cells[0].trials)
        for number in sorted(open_cells):
            self._tell(sets[number - 1], cells[number], cells[0], Decision.EXHAUSTED)

    def _decide(self, sets: Sequence[Changes], cells: list[_Cell], open_cells: set[int]) -> None:
        control = cells[0]
        for number in sorted(open_cells):
            cell = cells[number]
            decision = self.test.decide(cell.events, cell.events + control.events)
            if decision in (Decision.LOW, Decision.HIGH):
                open_cells.remove(number)
                self._tell(sets[number - 1], cell, control, decision)

    def _tell(self, changes: Changes, cell: _Cell, control: _Cell, decision: Decision) -> None:
        probe = Probe(
            changed=tuple(name for name in self.clean.factors if name in changes),
            events=cell.events,
            control_events=control.events,
            trials=cell.trials,
            decision=decision,
            masked=decision is Decision.LOW and cell.at_risk < MASKED_SHARE * control.at_risk,
        )
        self.probes.append(probe)
        if self.on_probe is not None:
            self.on_probe(probe)

    def _setting(self, changes: Changes) -> Setting:
        levels = {name: level for name, level in self.clean.factors.items() if name in changes}
        name = "+".join(levels) or self.failing.name
        return self.testbed.setting(change_profile(self.failing, levels, name=name), self.function)
