"""Blame: of all factors in which a clean profile differs from a failing one, the few that matter.

Every set of up to ``largest`` factors is asked about, unless a part of it suffices already: so all
minimal sets up to that size are found or excluded, and nothing is assumed of how factors work
together. Each set runs beside the failing profile (``controlled_probes``).
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from iluvatar_bench.bugs import BugClass
from iluvatar_bench.errors import NothingToBlame, UsageError, meant
from iluvatar_bench.plans import cold_start
from iluvatar_bench.profiles import Profile
from iluvatar_bench.profiles.design import changed_factors
from iluvatar_bench.profiles.profile import change_profile
from iluvatar_bench.records import Trial
from iluvatar_bench.records.html_card import html_card
from iluvatar_bench.records.run_result import RunResult
from iluvatar_bench.runs.execute import execute
from iluvatar_bench.runs.runner import Sink, Stop
from iluvatar_bench.runs.store import RunFolder
from iluvatar_bench.runs.testbed import TestbedSettings, open_testbed
from iluvatar_bench.stats import Decision
from iluvatar_bench.stats.block_power import rarest_rate
from iluvatar_bench.studies.controlled_probes import (
    FEWEST_EVENTS,
    GONE_RATIO,
    THERE_RATIO,
    NeverCame,
    Probe,
    Prober,
    Stopped,
    probe_test,
)
from iluvatar_bench.studies.root_cause import READY_SECONDS
from iluvatar_bench.studies.set_search import (
    Changes,
    how_many_sets,
    left_unsearched,
    sets_of_size,
)

IMAGE_FACTORS = ("server", "byte_code", "snapshotter", "network", "collection")
"""Factors that a testbed prepares for; it needs to know every combination of them."""

MOST_TRIALS = 400
"""Of each set: a test that has no answer by then has none."""

MAX_SETS = 200

_POWER = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Blame:
    """What was found.

    ``minimal`` are the sets of up to ``largest`` factors whose change removes the class, and no
    part of which does. ``unsearched`` is how many larger ones nobody asked about. ``complete`` is
    False where the search was stopped.
    ``control_events`` fell on the failing profile in ``control_trials`` trials.
    """

    run: RunResult
    bug_class: BugClass
    differing: tuple[str, ...]
    largest: int
    minimal: tuple[tuple[str, ...], ...]
    unsearched: int
    control_events: int
    control_trials: int
    probes: tuple[Probe, ...]
    alpha: float
    complete: bool

    @property
    def sentence(self) -> str:
        """The answer in plain words."""
        effort = f"{len(self.probes)} probes, {len(self.run.trials)} trials"
        found = ", or ".join(" with ".join(names) for names in self.minimal)
        if not self.complete:
            so_far = f"changing {found} removes {self.bug_class}" if found else "nothing is shown"
            return f"stopped early: {so_far}; what was not asked is not known ({effort})"
        of = f"of {len(self.differing)} factors that differ"
        if found:
            answer = f"{of}, changing {found} removes {self.bug_class}"
        else:
            answer = f"{of}, no set of up to {self.largest} was shown to remove {self.bug_class}"
        rest = "; ".join((answer, *self._rest))
        return f"{rest} ({effort}; chance of a wrong answer at most {self.alpha:g})"

    @property
    def _rest(self) -> Iterator[str]:
        """What else was asked, and what was not."""
        there = sum(probe.decision is Decision.HIGH for probe in self.probes)
        if there:
            others = "other sets" if self.minimal else "sets"
            yield f"{there} {others} of up to {self.largest} leave it"
        undecided = ["+".join(probe.changed) for probe in self._open]
        if undecided:
            yield f"undecided: {', '.join(undecided)}"
        all_together_apart = self.largest < len(self.differing)
        asked = len(self.probes) - all_together_apart
        not_asked = how_many_sets(len(self.differing), self.largest) - asked
        if not_asked:
            yield f"{not_asked} that hold a set which removes it were not asked about"
        if self.unsearched:
            yield f"{self.unsearched} larger sets were not searched"

    @property
    def _open(self) -> tuple[Probe, ...]:
        return tuple(probe for probe in self.probes if probe.undecided)

    @property
    def notes(self) -> tuple[str, ...]:
        """What the search could have shown of each set, and what those lack that are open."""
        if not self.probes:
            return ()
        error = error_of_each(len(self.differing), self.largest, self.alpha)
        test = probe_test(error)
        fewest = test.trials_to_low(0)
        told = (
            f"power: a set that leaves up to {100 * GONE_RATIO:g} % of the rate is called gone, "
            f"and one that leaves {100 * THERE_RATIO:g} % or more is not, with at least "
            f"{100 * (1 - error):.2f} % each; of what lies between either may be said. It takes "
            f"{fewest} events on the failing profile, if none comes on the set"
        )
        open_ones = (f"{'+'.join(p.changed)}: {p.counts}; {p.lacks(test)}" for p in self._open)
        return (told, *open_ones)

    def _repr_html_(self) -> str:
        """For notebooks: the answer and the probes behind it."""
        return html_card(
            self.sentence,
            header=("changed", "events", "events of the control", "trials each", "answer"),
            rows=[
                (
                    " with ".join(probe.changed),
                    probe.events,
                    probe.control_events,
                    probe.trials,
                    "undecided" if probe.undecided else "gone" if probe.gone else "still there",
                )
                for probe in self.probes
            ],
        )

    def as_json(self) -> dict[str, Any]:
        """JSON-ready values."""
        return {
            "bug_class": str(self.bug_class),
            "differing": list(self.differing),
            "largest": self.largest,
            "minimal": [list(names) for names in self.minimal],
            "undecided": [list(probe.changed) for probe in self._open],
            "unsearched": self.unsearched,
            "control_events": self.control_events,
            "control_trials": self.control_trials,
            "probes": [{**asdict(p), "decision": str(p.decision)} for p in self.probes],
            "alpha": self.alpha,
            "complete": self.complete,
            "sentence": self.sentence,
            "notes": list(self.notes),
        }


def error_of_each(differing: int, largest: int, alpha: float) -> float:
    """The chance of a wrong answer of one set, if that of any is to be ``alpha``.

    All sets that could be asked about share it, and the set of all factors that is asked first.
    """
    return alpha / (how_many_sets(differing, largest) + 1)


async def run_blame(
    failing: Profile,
    clean: Profile,
    *,
    bug_class: str,
    seed: int,
    results: Path,
    largest: int = 2,
    alpha: float = 0.05,
    pilot_trials: int = 80,
    concurrency: int = 6,
    function: str = "hello",
    address: Path | None = None,
    ready_seconds: float = READY_SECONDS,
    on_trial: Callable[[Trial], None] | None = None,
    on_probe: Callable[[Probe], None] | None = None,
    stop: Stop | None = None,
) -> Blame:
    """The minimal sets of factors that, changed from ``failing`` to ``clean``, remove a class.

    First all factors together, beside the failing profile, must remove the class, which must have
    come at least three times in ``pilot_trials``. Then sets of one factor, of two, up to
    ``largest``. ``alpha`` is divided among all sets that could be asked about, so it bounds the
    chance of any wrong answer, as long as a set leaves the class at no less than half of the
    failing profile's rate or at no more than a twentieth.

    Raises:
        UsageError: a name or number is wrong, the profiles do not differ, or there are more than
            200 sets; nothing was started.
        NothingToBlame: the class did not come, or ``clean`` is not clean of it.
        EnvironmentProblem: the host lacks something.
    """
    differing = changed_factors(failing, clean)
    chosen = _bug_class(bug_class)
    if not 0 < alpha < 1:
        raise UsageError(f"alpha must lie between 0 and 1, not {alpha}")
    if largest < 1:
        raise UsageError(f"the largest set has at least 1 factor, not {largest}")
    largest = min(largest, len(differing))
    asked = how_many_sets(len(differing), largest)
    if asked > MAX_SETS:
        raise UsageError(
            f"{len(differing)} factors have {asked} sets of up to {largest}, more than {MAX_SETS}; "
            "take a smaller --largest, or profiles that differ in fewer"
        )
    cold_start(trials=pilot_trials, concurrency=concurrency, seed=seed)
    settings = TestbedSettings(
        profiles=_prepared(failing, clean),
        functions=(function,),
        address=address,
        ready_seconds=ready_seconds,
    )
    (source,) = settings.sources
    folder = RunFolder.create(results, profile_name="blame")
    search = _Search(differing, chosen, largest, alpha, pilot_trials)

    async def workload(sinks: tuple[Sink, ...]) -> None:
        prober = Prober(
            testbed,
            failing,
            clean,
            chosen,
            source.container_name,
            concurrency,
            seed,
            sinks,
            stop,
            probe_test(error_of_each(len(differing), largest, alpha)),
            MOST_TRIALS,
            on_probe,
        )
        await search.run(prober)

    try:
        async with open_testbed(settings, folder) as testbed:
            run = await execute(
                testbed,
                folder,
                workload,
                manifest={
                    "profile": {**failing.model_dump(), "name": "blame"},
                    "clean": clean.model_dump(),
                    "function": source.name,
                    "plan": {"seed": seed, "concurrency": concurrency, "trials": []},
                },
                on_trial=on_trial,
                stop=stop,
            )
    finally:
        folder.discard_if_empty()
    blame = search.answer(run)
    (run.folder / "blame.json").write_text(json.dumps(blame.as_json(), indent=2) + "\n")
    return blame


@dataclass(slots=True)
class _Search:
    """All factors together, then sets by their size; keeps how far it has come."""

    differing: tuple[str, ...]
    bug_class: BugClass
    largest: int
    alpha: float
    pilot_trials: int
    prober: Prober | None = None
    minimal: list[Changes] = field(default_factory=list)
    complete: bool = False

    async def run(self, prober: Prober) -> None:
        self.prober = prober
        try:
            await self._check_both_sides(prober)
            for size in range(1, self.largest + 1):
                sets = sets_of_size(self.differing, size, self.minimal)
                if size == len(self.differing):
                    break  # all of them: asked already
                before = len(prober.probes)
                await prober.ask(sets)
                self.minimal += [frozenset(p.changed) for p in prober.probes[before:] if p.gone]
        except Stopped:
            return
        self.complete = True

    async def _check_both_sides(self, prober: Prober) -> None:
        try:
            await prober.ask([frozenset(self.differing)], pilot_trials=self.pilot_trials)
        except NeverCame as never:
            seen_from = 100 * rarest_rate(self.pilot_trials, FEWEST_EVENTS, 1, _POWER)
            raise NothingToBlame(
                f"{self.bug_class} came {never.events} times in {never.trials} trials under "
                f"{prober.failing.name}: too rarely to search for its cause. {self.pilot_trials} "
                f"trials show it {FEWEST_EVENTS} times with {100 * _POWER:.0f} % from a rate of "
                f"{seen_from:.2g} % on; more of them (--pilot-trials) or a higher concurrency may"
            ) from never
        (everything,) = prober.probes
        if everything.undecided:
            raise NothingToBlame(
                f"whether {self.bug_class} is gone under {prober.clean.name} cannot be said: "
                f"{everything.counts}; {everything.lacks(prober.test)}"
            )
        if not everything.gone:
            raise NothingToBlame(
                f"{self.bug_class} is still there under {prober.clean.name}: {everything.counts}; "
                "its cause is not among the factors that differ"
            )

    def answer(self, run: RunResult) -> Blame:
        """The answer as far as the search has come."""
        probes = self.prober.probes if self.prober else []
        minimal = list(self.minimal)
        if not minimal and len(self.differing) <= self.largest and probes and probes[0].gone:
            minimal = [frozenset(self.differing)]
        return Blame(
            run=run,
            bug_class=self.bug_class,
            differing=self.differing,
            largest=self.largest,
            minimal=tuple(tuple(n for n in self.differing if n in names) for names in minimal),
            unsearched=left_unsearched(len(self.differing), self.largest),
            control_events=self.prober.control_events if self.prober else 0,
            control_trials=self.prober.control_trials if self.prober else 0,
            probes=tuple(probes),
            alpha=self.alpha,
            complete=self.complete,
        )


def _bug_class(name: str) -> BugClass:
    try:
        return BugClass(name)
    except ValueError as error:
        known = list(map(str, BugClass))
        raise UsageError(
            f"no bug class {name!r}{meant(name, known)}; there are: {', '.join(known)}"
        ) from error


def _prepared(failing: Profile, clean: Profile) -> tuple[Profile, ...]:
    """Every combination of what a testbed prepares for."""
    options = [tuple(dict.fromkeys((failing.factors[n], clean.factors[n]))) for n in IMAGE_FACTORS]
    return tuple(
        change_profile(failing, dict(zip(IMAGE_FACTORS, levels, strict=True)), name=failing.name)
        for levels in itertools.product(*options)
    )
