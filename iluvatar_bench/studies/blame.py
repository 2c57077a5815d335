"""Blame: of all factors in which a clean profile differs from a failing one, the few that matter.

Every probe is a sequential test with known errors, not a single run: whether the class is gone
under a mixed profile is decided by Wald's test between a rate near zero and a fraction of the rate
that the failing profile was seen to have.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable
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
from iluvatar_bench.records.run_result import RunResult
from iluvatar_bench.runs.execute import execute
from iluvatar_bench.runs.runner import Sink, Stop
from iluvatar_bench.runs.store import RunFolder
from iluvatar_bench.runs.testbed import TestbedSettings, open_testbed
from iluvatar_bench.stats import Rate, Sprt, rate
from iluvatar_bench.studies.ddmin import Changes, smallest_sets
from iluvatar_bench.studies.root_cause import READY_SECONDS
from iluvatar_bench.studies.sequential_probe import Probe, Prober, Stopped, probe_test

IMAGE_FACTORS = ("server", "byte_code", "snapshotter", "network", "collection")
"""Factors that a testbed prepares for; it needs to know every combination of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Blame:
    """What was found.

    ``smallest`` are the smallest sets of factors whose change removes the class, ``seen`` is the
    failing profile's rate among the trials at risk. ``complete`` is False where the search was
    stopped: then ``smallest`` is what it had got to, empty before ``clean`` was shown to be clean.
    """

    run: RunResult
    bug_class: BugClass
    differing: tuple[str, ...]
    smallest: tuple[tuple[str, ...], ...]
    seen: Rate
    probes: tuple[Probe, ...]
    alpha: float
    complete: bool

    @property
    def sentence(self) -> str:
        """The answer in plain words."""
        trials = sum(probe.ran for probe in self.probes)
        effort = f"{len(self.probes)} probes, {trials} trials"
        if not self.complete:
            if not self.smallest:
                return (
                    f"stopped early: nothing is shown about {self.bug_class}, not even that it is "
                    f"gone with all {len(self.differing)} factors changed ({effort})"
                )
            left = " and ".join(self.smallest[0])
            return (
                f"stopped early: changing {left} removes {self.bug_class}; "
                f"whether fewer do is not known ({effort})"
            )
        sets = ", or ".join(" with ".join(names) for names in self.smallest)
        return (
            f"of {len(self.differing)} factors that differ, changing {sets} alone removes "
            f"{self.bug_class} ({effort}; chance of a wrong answer at most {self.alpha:g})"
        )

    def as_json(self) -> dict[str, Any]:
        """JSON-ready values."""
        return {
            "bug_class": str(self.bug_class),
            "differing": list(self.differing),
            "smallest": [list(names) for names in self.smallest],
            "seen": asdict(self.seen),
            "probes": [{**asdict(p), "decision": str(p.decision)} for p in self.probes],
            "alpha": self.alpha,
            "complete": self.complete,
            "sentence": self.sentence,
        }


async def run_blame(
    failing: Profile,
    clean: Profile,
    *,
    bug_class: str,
    seed: int,
    results: Path,
    alpha: float = 0.05,
    pilot_trials: int = 80,
    concurrency: int = 6,
    function: str = "hello",
    address: Path | None = None,
    on_trial: Callable[[Trial], None] | None = None,
    on_probe: Callable[[Probe], None] | None = None,
    stop: Stop | None = None,
) -> Blame:
    """The smallest set of factors that, changed from ``failing`` to ``clean``, removes a class.

    First ``pilot_trials`` under ``failing`` measure the class's rate; then ``clean`` must be shown
    to be free of it; then delta debugging asks about mixed profiles, each by a sequential test.
    ``alpha`` is divided among all the probes that the search could ask for, so it bounds the chance
    of any wrong answer, as long as a mixed profile either has the class at no less than a half of
    the pilot's lowest plausible rate or not at all.

    Raises:
        UsageError: a name or number is wrong, or the profiles do not differ; nothing was started.
        NothingToBlame: the class did not come in the pilot, or ``clean`` is not clean of it.
        EnvironmentProblem: the host lacks something.
    """
    differing = changed_factors(failing, clean)
    chosen = _bug_class(bug_class)
    if not 0 < alpha < 1:
        raise UsageError(f"alpha must lie between 0 and 1, not {alpha}")
    cold_start(trials=pilot_trials, concurrency=concurrency, seed=seed)
    settings = TestbedSettings(
        profiles=_prepared(failing, clean),
        functions=(function,),
        address=address,
        ready_seconds=READY_SECONDS,
    )
    (source,) = settings.sources
    folder = RunFolder.create(results, profile_name="blame")
    search = _Search(differing, chosen, alpha, pilot_trials, on_probe)

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
    """Pilot, check of the clean side, delta debugging; keeps how far it has come."""

    differing: tuple[str, ...]
    bug_class: BugClass
    alpha: float
    pilot_trials: int
    on_probe: Callable[[Probe], None] | None
    probes: list[Probe] = field(default_factory=list)
    known: dict[Changes, bool] = field(default_factory=dict)
    smallest: tuple[Changes, ...] = ()
    complete: bool = False

    async def run(self, prober: Prober) -> None:
        self.probes = prober.probes
        try:
            pilot = await prober.ask(frozenset(), None, self.pilot_trials)
            self._tell(pilot)
            if pilot.failures < 3:
                raise NothingToBlame(
                    f"{self.bug_class} came {pilot.failures} times in {pilot.trials} trials under "
                    f"{prober.failing.name}: too rarely to search for its cause; more pilot trials "
                    "or a higher concurrency may show it"
                )
            test = probe_test(rate(pilot.failures, pilot.trials), len(self.differing), self.alpha)
            reach = math.ceil(test.max_trials * pilot.ran / pilot.trials)
            everything = await prober.ask(frozenset(self.differing), test, reach)
            self._tell(everything)
            if not everything.gone:
                raise NothingToBlame(
                    f"{self.bug_class} comes under {prober.clean.name} as well "
                    f"({everything.failures} of {everything.trials}): its cause is not among the "
                    "factors that differ"
                )
            await self._minimise(prober, test, reach)
        except Stopped:
            return

    async def _minimise(self, prober: Prober, test: Sprt, reach: int) -> None:
        self.known = {frozenset(self.differing): True}
        search = smallest_sets(self.differing)
        try:
            asked = next(search)
            while True:
                if asked not in self.known:
                    probe = await prober.ask(asked, test, reach)
                    self._tell(probe)
                    self.known[asked] = probe.gone
                asked = search.send(self.known[asked])
        except StopIteration as end:
            self.smallest, self.complete = end.value, True

    def _tell(self, probe: Probe) -> None:
        if self.on_probe is not None:
            self.on_probe(probe)

    def answer(self, run: RunResult) -> Blame:
        """The answer as far as the search has come."""
        smallest = self.smallest
        if not self.complete:
            removing = sorted((c for c, gone in self.known.items() if gone), key=len)
            smallest = tuple(removing[:1])
        pilot = self.probes[0] if self.probes else None
        return Blame(
            run=run,
            bug_class=self.bug_class,
            differing=self.differing,
            smallest=tuple(tuple(n for n in self.differing if n in names) for names in smallest),
            seen=rate(pilot.failures, pilot.trials) if pilot else rate(0, 0),
            probes=tuple(self.probes),
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
