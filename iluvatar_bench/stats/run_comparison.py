"""Runs against each other: may they be compared, may they be judged, and which side is worse.

Two single runs are described and never judged: nobody randomised which of them came at which time,
and rates swing between runs. Replicates are judged with the run as the unit, where the two sides
alternated in time. Profiles in shuffled blocks (``ab``) need neither.

Rates depend on the machine at least as much as on the profile, so runs of different machines or
versions are refused unless the caller insists. What counts as the same machine stands in
:data:`HOST_FACTS`.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from iluvatar_bench.errors import UsageError
from iluvatar_bench.records import COUNTED_ALIKE, Outcome
from iluvatar_bench.records.planned import planned_trials
from iluvatar_bench.records.run_result import RunResult
from iluvatar_bench.stats.comparison import (
    COMPARED,
    CountedRun,
    Verdict,
    count_run,
    describe_counted,
)
from iluvatar_bench.stats.group_power import fewest_groups, group_power
from iluvatar_bench.stats.replicates import MAX_RUNS, RunPermutation, permute_runs
from iluvatar_bench.stats.run_spread import spread_text
from iluvatar_bench.stats.text_tables import difference_card

HOST_FACTS = ("containerd", "shim", "runc", "kernel", "machine", "cgroup_mode", "cpus")
"""Facts that must be equal on both sides.

The first four are the code under test: its collector, its Kill and its overlayfs. The cgroup
mode decides what a shared cgroup does, and the processors decide how wide every race window is.
Memory, the versions of Python and of the packages, and this project's revision are not here: they
do not decide whether a container fails, unless memory is scarce (see :func:`remarks_on`).
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunComparison:
    """Candidate against baseline, each of one run or more.

    ``table`` has the rows of ``stats.describe_sides``. ``judged`` is the test over runs, and
    ``unjudged`` says why there is none. ``mismatches`` says what made the runs incomparable, if the
    comparison was forced; ``remarks`` says what to keep in mind.
    """

    baselines: tuple[RunResult, ...]
    candidates: tuple[RunResult, ...]
    table: pd.DataFrame
    judged: RunPermutation | None
    unjudged: str
    alpha: float
    mismatches: tuple[str, ...]
    remarks: tuple[str, ...]

    @property
    def verdict(self) -> Verdict:
        """What is shown of the share of trials that were not ok; *described* if nothing may be."""
        if self.judged is None:
            return Verdict.DESCRIBED
        if self.judged.p_value > self.alpha:
            return Verdict.NO_DIFFERENCE_SHOWN
        return Verdict.WORSE if self.judged.difference > 0 else Verdict.BETTER

    @property
    def names(self) -> tuple[str, str]:
        """What to call the two sides: their profiles; where they are the same the runs' ids.

        Sides of several runs, and a run beside itself, are then baseline and candidate.
        """
        names = (self.baselines[0].label, self.candidates[0].label)
        if names[0] != names[1]:
            return names
        baseline, candidate = (
            [str(run.manifest["run_id"]) for run in runs]
            for runs in (self.baselines, self.candidates)
        )
        if len(baseline) == len(candidate) == 1 and baseline != candidate:
            return baseline[0], candidate[0]
        return f"baseline {names[0]}", f"candidate {names[1]}"

    @property
    def sentence(self) -> str:
        """The verdict as a sentence."""
        baseline, candidate = self.names
        if self.judged is None:
            told = [
                f"{name} {not_ok(runs)}/{sum(len(run.table) for run in runs)} not ok"
                for name, runs in zip(self.names, (self.baselines, self.candidates), strict=True)
            ]
            return f"{', '.join(told)}: described, not judged ({self.unjudged})"
        runs = f"{len(self.baselines)} against {len(self.candidates)} runs"
        p = f"{runs}, exact p = {self.judged.p_value:.3f}"
        if self.verdict is Verdict.NO_DIFFERENCE_SHOWN:
            return f"no difference shown between {baseline} and {candidate} ({p}; {self._power})"
        return f"{candidate} is {self.verdict} than {baseline} ({p})"

    def _repr_html_(self) -> str:
        """For notebooks: the sentence, the classes side by side, what to keep in mind."""
        notes = (*self.mismatches, *self.remarks)
        return difference_card(self.sentence, self.table, names=self.names, notes=notes)

    @property
    def _power(self) -> str:
        """What these runs could have shown, and how many more would do."""
        sides = (self.baselines, self.candidates)
        return group_power(
            *(run_rates(runs) for runs in sides),
            trials=min(len(run.table) for runs in sides for run in runs),
            alpha=self.alpha,
            what="run",
        )

    def as_json(self) -> dict[str, Any]:
        """JSON-ready values; what is not a number (NaN) is None."""
        rows = self.table.astype(object).mask(self.table.isna(), other=None)
        return {
            "baseline": [run.manifest["run_id"] for run in self.baselines],
            "candidate": [run.manifest["run_id"] for run in self.candidates],
            "verdict": str(self.verdict),
            "sentence": self.sentence,
            "p_value": None if self.judged is None else self.judged.p_value,
            "unjudged": self.unjudged or None,
            "alpha": self.alpha,
            "mismatches": list(self.mismatches),
            "remarks": list(self.remarks),
            "classes": rows.to_dict(orient="records"),
        }


def compare_runs(
    baseline: RunResult | Sequence[RunResult],
    candidate: RunResult | Sequence[RunResult],
    *,
    alpha: float = 0.05,
    force: bool = False,
) -> RunComparison:
    """What the candidate's trials show beside the baseline's, class by class.

    Args:
        baseline: the run to measure against, or several of the same profile.
        candidate: the run in question, or several: a positive difference means that it fails more.
        alpha: the probability of any false alarm that is accepted.
        force: compare runs of different hosts or schemas anyway.

    Raises:
        UsageError: alpha is not in (0, 1), a run holds no trial, there are more than 10 runs on a
            side, a side mixes profiles, or the runs do not match and ``force`` is not set.
    """
    if not 0 < alpha < 1:
        raise UsageError(f"alpha must lie between 0 and 1, not {alpha}")
    sides = tuple(
        (side,) if isinstance(side, RunResult) else tuple(side) for side in (baseline, candidate)
    )
    _check_sides(sides)
    baselines, candidates = sides
    first = baselines[0]
    others = (*baselines[1:], *candidates)
    mismatches = _unique(
        text for run in others for text in mismatches_of(first.manifest, run.manifest)
    )
    if mismatches and not force:
        raise UsageError(
            f"these runs cannot be compared: {'; '.join(mismatches)} "
            "(--force, or force=True, compares them anyway)"
        )
    unjudged = _why_not(baselines, candidates, alpha)
    return RunComparison(
        baselines=baselines,
        candidates=candidates,
        table=describe_counted(*([_counted(run) for run in runs] for runs in sides)),
        judged=None if unjudged else permute_runs(*map(run_rates, sides)),
        unjudged=unjudged,
        alpha=alpha,
        mismatches=mismatches,
        remarks=_unique(
            (
                *(text for run in candidates for one in baselines for text in remarks_on(one, run)),
                *_spreads(baselines, candidates),
            )
        ),
    )


def _spreads(baselines: Sequence[RunResult], candidates: Sequence[RunResult]) -> Iterator[str]:
    """How far the runs of each side are apart, one text a side of several runs."""
    for side, runs in (("baseline", baselines), ("candidate", candidates)):
        if len(runs) > 1:
            sizes = [len(run.table) for run in runs]
            yield f"{side}: {spread_text(run_rates(runs), sizes)}"


def not_ok(runs: Sequence[RunResult]) -> int:
    """How many trials of these runs failed or are unknown."""
    rates = pd.concat([run.rates for run in runs], ignore_index=True)
    outcomes = rates[rates["kind"] == "outcome"]
    return int(outcomes.loc[outcomes["bug_class"] != Outcome.OK, "count"].sum())


def run_rates(runs: Sequence[RunResult]) -> list[float]:
    """The share of trials that were not ok, in each run."""
    return [not_ok((run,)) / len(run.table) for run in runs]


def _counted(run: RunResult) -> CountedRun:
    return count_run(run.table.parts(*COMPARED))


def _check_sides(sides: Sequence[tuple[RunResult, ...]]) -> None:
    for runs in sides:
        if not 1 <= len(runs) <= MAX_RUNS:
            raise UsageError(f"a side has 1 to {MAX_RUNS} runs, not {len(runs)}")
        for run in runs:
            run.require_trials()
        profiles = sorted({run.label for run in runs})
        if len(profiles) > 1:
            raise UsageError(
                f"the runs of one side must have one profile, not {' and '.join(profiles)}"
            )


def _why_not(baselines: Sequence[RunResult], candidates: Sequence[RunResult], alpha: float) -> str:
    """Why the two sides may not be judged; empty if they may."""
    n, m = len(baselines), len(candidates)
    least = fewest_groups(alpha)
    if min(n, m) == 1:
        return (
            "single runs at two times are not randomised; iluvatar-bench ab judges, "
            f"and {least} runs a side that alternate are judged"
        )
    smallest = 2 / math.comb(n + m, n)
    if smallest > alpha:
        return f"{n} against {m} runs can reach no p below {smallest:.2g}; {least} a side can"
    ids = [run.manifest["run_id"] for run in (*baselines, *candidates)]
    if len(set(ids)) < len(ids):
        return "a run is there twice"
    times = [
        [str(run.manifest.get("started_at")) for run in runs] for runs in (baselines, candidates)
    ]
    if max(times[0]) < min(times[1]) or max(times[1]) < min(times[0]):
        return "all runs of one side came before those of the other: drift would be a difference"
    return ""


def _unique(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))


def mismatches_of(baseline: Mapping[str, Any], candidate: Mapping[str, Any]) -> tuple[str, ...]:
    """What forbids the comparison of two manifests, one text each; empty if nothing does."""
    versions = (baseline.get("schema_version"), candidate.get("schema_version"))
    facts = {} if COUNTED_ALIKE.issuperset(versions) else {"schema version": versions}
    facts |= {name: (_fact(baseline, name), _fact(candidate, name)) for name in HOST_FACTS}
    return tuple(_differ(name, *pair) for name, pair in facts.items() if pair[0] != pair[1])


def remarks_on(baseline: RunResult, candidate: RunResult) -> tuple[str, ...]:
    """What makes a comparison weaker without forbidding it, one text each.

    That is: a run compared with itself, different plans, a run that was cut off, a daemon of
    different kind, and memory that differs by more than a tenth.
    """
    one, other = baseline.manifest, candidate.manifest
    if one.get("run_id") == other.get("run_id"):
        return ("both sides are the same run: this can show no difference",)
    remarks = [_differ(name, *pair) for name, pair in _plans(one, other).items()]
    sides = (("baseline", baseline), ("candidate", candidate))
    remarks += [f"{side}: {remark}" for side, run in sides for remark in run.remarks]
    if one.get("private_daemon") != other.get("private_daemon"):
        remarks.append("one run had a private containerd, the other one that was already running")
    memory = [run.get("host", {}).get("memory_bytes") or 0 for run in (one, other)]
    if max(memory) > 1.1 * min(memory):
        remarks.append(_differ("memory", *(f"{value / 2**30:.1f} GiB" for value in memory)))
    return tuple(remarks)


def _fact(manifest: Mapping[str, Any], name: str) -> Any:
    if name == "containerd":
        containerd = manifest.get("containerd") or {}
        return " ".join(str(containerd[k]) for k in ("version", "revision") if k in containerd)
    return (manifest.get("host") or {}).get(name)


def _plans(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """What differs between two plans, by name. Another seed alone is the same plan, repeated."""
    found = {}
    plans = [dict(manifest.get("plan") or {}) for manifest in (one, other)]
    # A plan has trials or arrivals; a list of them is no text for a remark.
    sizes = [planned_trials(plan) or len(plan.get("arrivals") or ()) for plan in plans]
    trials = [plan.pop("trials", None) or plan.pop("arrivals", ()) for plan in plans]
    seeds = [plan.pop("seed", None) for plan in plans]
    for name in ("workload", "function"):
        found[name] = (one.get(name), other.get(name))
    for name in sorted({*plans[0], *plans[1]}):
        found[name] = (plans[0].get(name), plans[1].get(name))
    if seeds[0] == seeds[1] and sizes[0] == sizes[1] and trials[0] != trials[1]:
        found["what is planned"] = ("one set", "another of the same size and seed")
    return {name: pair for name, pair in found.items() if pair[0] != pair[1]}


def _differ(name: str, one: Any, other: Any) -> str:
    left, right = (
        textwrap.shorten(_plain(value), 80, placeholder=" …") or "unknown" for value in (one, other)
    )
    return f"{name} differs: {left} and {right}"


def _plain(value: Any) -> str:
    """A value of a manifest as people write it: no brackets and quotes of Python's."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_plain(item)}" for name, item in value.items())
    if isinstance(value, list | tuple):
        return "; ".join(map(_plain, value))
    return "" if value is None else str(value)
