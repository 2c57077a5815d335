"""From a failure that nobody understands to a cause: mined from a run, then made or kept away.

What preceded failures more often than chance (``stats.preceding``) is a hypothesis. The best one
that can be changed becomes two profiles that differ in it alone (``profiles.intervention``), and
``ab`` runs them in shuffled blocks: only that tells a cause from what goes with it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from iluvatar_bench.errors import NothingToBlame, UsageError
from iluvatar_bench.profiles import Profile
from iluvatar_bench.profiles.intervention import Intervention, intervention_on
from iluvatar_bench.profiles.profile import factor_names
from iluvatar_bench.records import Trial
from iluvatar_bench.records.html_card import html_card
from iluvatar_bench.records.run_result import RunResult
from iluvatar_bench.records.run_status import OBSERVED
from iluvatar_bench.runs.collections import load_collections
from iluvatar_bench.runs.runner import Stop
from iluvatar_bench.stats import Preceded, Verdict, preceding
from iluvatar_bench.studies.ab import AbQuestion, run_ab
from iluvatar_bench.studies.ab_result import AbResult
from iluvatar_bench.studies.root_cause import READY_SECONDS

MOST_TESTED = 2
"""Hypotheses that are tested at most, one after the other, until one is shown."""

ROUNDS: Mapping[str, int] = {"daemon": 8, "block": 16}
"""Blocks of each test, by its unit. Seven of one sign have p = 1/64, enough for two tests at 5 %.
What is forced comes in every block; a neighbour's Kill took one of six containers in five of eight
blocks (at a load of 13), so that sixteen hold seven with 95 %."""

REPEATS = 6
"""Containers of each side in a block."""


@dataclass(frozen=True, slots=True)
class Mined:
    """What preceded one class in one run, the best first; ``alpha`` bounds any false one.

    ``profile`` is the one under which most of its failures came. ``knows_collections`` is whether
    the run says when containerd collected.
    """

    run: RunResult
    bug_class: str
    failures: int
    found: tuple[Preceded, ...]
    profile: Profile
    knows_collections: bool
    alpha: float

    @property
    def shown(self) -> tuple[Preceded, ...]:
        """Those with p up to ``alpha`` after Holm's correction."""
        return tuple(one for one in self.found if one.p_holm <= self.alpha)

    @property
    def hypotheses(self) -> tuple[tuple[Preceded, Intervention], ...]:
        """Those shown that can be changed, each change once."""
        pairs: list[tuple[Preceded, Intervention]] = []
        for one in self.shown:
            predicate = one.predicate
            change = intervention_on(
                str(predicate.kind), predicate.name, self.profile, step=one.step
            )
            if change is not None and change not in [known for _, known in pairs]:
                pairs.append((one, change))
        return tuple(pairs)

    @property
    def remarks(self) -> tuple[str, ...]:
        """What to know of it beside the table."""
        told = []
        if not self.knows_collections:
            told.append(
                "this run does not say when containerd collected, so no hypothesis names a "
                "collection: run it again with --log-collections"
            )
        if self.found:
            events = self.found[0].effect.failures
            told.append(
                f"{self.failures} failures in {events} events of their own; p is corrected over "
                f"{len(self.found)} predicates"
            )
        return tuple(told)

    def _repr_html_(self) -> str:
        """For notebooks: what is shown to have preceded the failures, the surest first."""
        return html_card(
            f"what preceded {self.bug_class} in {self.run.folder.name}",
            lines=[one.sentence for one in self.shown] or ["nothing is shown"],
            notes=self.remarks,
        )

    def as_json(self) -> dict[str, Any]:
        """JSON-ready values."""
        return {
            "run": str(self.run.folder),
            "bug_class": self.bug_class,
            "failures": self.failures,
            "profile": self.profile.factors,
            "alpha": self.alpha,
            "remarks": list(self.remarks),
            "predicates": [
                {
                    "kind": str(one.predicate.kind),
                    "name": one.predicate.name,
                    "window_ms": one.predicate.window_ms,
                    "p_holm": one.p_holm,
                    "step": one.step,
                    **asdict(one.effect),
                }
                for one in self.found
            ],
            "hypotheses": [
                {"sentence": one.sentence, "intervention": change.words}
                for one, change in self.hypotheses
            ],
        }


@dataclass(frozen=True, slots=True)
class HypothesisAnswer:
    """One hypothesis and the comparison that tested it; the candidate is without the suspect."""

    preceded: Preceded
    intervention: Intervention
    comparison: AbResult

    @property
    def holds(self) -> bool:
        """Whether fewer fail without the suspect."""
        return self.comparison.compared.verdict is Verdict.BETTER

    @property
    def sentence(self) -> str:
        """The answer in plain words."""
        found = self.comparison.compared
        trials = found.blocks * found.repeats
        answer = "is shown to matter" if self.holds else "is not shown to matter"
        evidence = (
            f"evidence {max(found.worse, found.better):.3g}, needed {2 / found.alpha:g}"
            if found.looked
            else f"exact p = {found.p_value:.2g}, alpha {found.alpha:g}"
        )
        seen = "" if self.holds else f"; {self.comparison.power}"
        return (
            f"{self.intervention.words}: {found.endpoint} {found.baseline_count}/{trials} against "
            f"{found.candidate_count}/{trials} in {found.blocks} blocks ({evidence}): it "
            f"{answer}{seen}"
        )

    def _repr_html_(self) -> str:
        """For notebooks: the answer."""
        return html_card(self.preceded.sentence, lines=[self.sentence])

    def as_json(self) -> dict[str, Any]:
        """JSON-ready values."""
        return {
            "hypothesis": self.preceded.sentence,
            "intervention": self.intervention.words,
            "holds": self.holds,
            "sentence": self.sentence,
            "comparison": self.comparison.as_json(),
        }


def mine(run: RunResult, *, bug_class: str | None = None, alpha: float = 0.05) -> Mined:
    """What preceded the failures of a class in a run; evidence and mechanisms are not read.

    Without ``bug_class`` it is the one that came most often.

    Raises:
        UsageError: alpha is out of its range, or the run is an observation or kept no steps.
        NothingToBlame: nothing failed so; the message says what did.
        UnusablePath: containerd's log was too long to be kept whole.
    """
    if not 0 < alpha < 1:
        raise UsageError(f"alpha must lie between 0 and 1, not {alpha}")
    if run.workload == OBSERVED or "spans" not in run.trials:
        raise UsageError(
            f"{run.folder.name} does not say when its containers' steps began: of an observation "
            "nobody knows them, nor of runs of the first version"
        )
    counts = run.trials["bug_class"].dropna().value_counts()
    if bug_class is None and counts.empty:
        raise NothingToBlame(f"nothing failed in {run.folder.name}: there is nothing to explain")
    chosen = str(counts.index[0]) if bug_class is None else bug_class
    if chosen not in counts.index:
        came = ", ".join(map(str, counts.index)) or "nothing"
        raise NothingToBlame(f"no {chosen} came in {run.folder.name}; what came: {came}")
    collections = load_collections(run.folder)
    failed = run.trials[run.trials["bug_class"] == chosen]
    return Mined(
        run=run,
        bug_class=chosen,
        failures=len(failed),
        found=preceding(run.trials, chosen, events=run.seen.get("events"), collections=collections),
        profile=_commonest_profile(failed),
        knows_collections=collections is not None,
        alpha=alpha,
    )


def _commonest_profile(failed: pd.DataFrame) -> Profile:
    """The profile under which most of them failed, from the columns of its factors."""
    known = [name for name in factor_names() if name in failed.columns]
    name = failed["profile"].value_counts().index[0]
    row = failed[failed["profile"] == name].iloc[0]
    levels = {factor: row[factor] for factor in known if not pd.isna(row[factor])}
    plain = {f: v.item() if hasattr(v, "item") else v for f, v in levels.items()}
    return Profile.model_validate({**plain, "name": str(name)})


async def run_hypotheses(
    mined: Mined,
    *,
    seed: int,
    results: Path,
    rounds: int | None = None,
    repeats: int = REPEATS,
    concurrency: int = 6,
    most: int = MOST_TESTED,
    function: str = "hello",
    ready_seconds: float = READY_SECONDS,
    on_trial: Callable[[Trial], None] | None = None,
    on_tested: Callable[[HypothesisAnswer], None] | None = None,
    stop: Stop | None = None,
) -> tuple[HypothesisAnswer, ...]:
    """Test the best hypotheses by intervention, until one is shown or ``most`` were tested.

    ``rounds`` is how many blocks each test has, by default those of :data:`ROUNDS`. Each is tested
    at ``mined.alpha / most``, so the chance that any is shown wrongly is at most ``mined.alpha``.
    Each comparison is a run folder of its own below ``results``, with ``hypothesis.json`` in it.
    After ``stop`` is set the blocks that are complete decide.

    Raises:
        NothingToBlame: nothing was shown to precede the class, or no factor sets what was.
        UsageError: a number is out of its range; nothing was started.
        EnvironmentProblem: the host lacks something.
    """
    if most < 1:
        raise UsageError(f"at least 1 hypothesis is tested, not {most}")
    chosen = _testable(mined)
    tested: list[HypothesisAnswer] = []
    for number, (preceded, change) in enumerate(chosen[:most]):
        comparison = await run_ab(
            change.suspect,
            change.without,
            seed=seed + number,
            results=results,
            question=AbQuestion(
                rounds=ROUNDS[change.unit] if rounds is None else rounds,
                repeats=repeats,
                concurrency=concurrency,
                unit=change.unit,
                endpoint=mined.bug_class,
                alpha=mined.alpha / most,
            ),
            function=function,
            ready_seconds=ready_seconds,
            on_trial=on_trial,
            stop=stop,
        )
        one = HypothesisAnswer(preceded, change, comparison)
        document = {**one.as_json(), "mined": mined.as_json()}
        (comparison.run.folder / "hypothesis.json").write_text(
            json.dumps(document, indent=2) + "\n"
        )
        tested.append(one)
        if on_tested is not None:
            on_tested(one)
        if one.holds or (stop is not None and stop.is_set()):
            break
    return tuple(tested)


def _testable(mined: Mined) -> tuple[tuple[Preceded, Intervention], ...]:
    hypotheses = mined.hypotheses
    if hypotheses:
        return hypotheses
    if mined.shown:
        raise NothingToBlame(
            f"no factor sets what preceded {mined.bug_class} best: {mined.shown[0].predicate}"
        )
    raise NothingToBlame(
        f"nothing was shown to precede {mined.bug_class} more often than chance: "
        f"{'; '.join(_seen(mined))}; more trials may show it"
    )


def _seen(mined: Mined) -> Iterator[str]:
    yield f"{mined.failures} failures"
    if mined.found:
        yield f"best: {mined.found[0].sentence}"
    if not mined.knows_collections:
        yield mined.remarks[0]
