"""Two runs against each other: may they be compared, and which one is worse.

Rates depend on the machine at least as much as on the profile, so runs of different machines or
versions are refused unless the caller insists. What counts as the same machine stands in
:data:`HOST_FACTS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from iluvatar_bench.errors import UsageError
from iluvatar_bench.records import COUNTED_ALIKE
from iluvatar_bench.records.run_result import RunResult
from iluvatar_bench.stats.comparison import Verdict, compare_profiles, overall_verdict

HOST_FACTS = ("containerd", "shim", "runc", "kernel", "machine", "cgroup_mode", "cpus")
"""Facts that must be equal on both sides.

The first four are the code under test: its collector, its Kill and its overlayfs. The cgroup
mode decides what a shared cgroup does, and the processors decide how wide every race window is.
Memory, the versions of Python and of the packages, and this project's revision are not here: they
do not decide whether a container fails, unless memory is scarce (see :func:`remarks_on`).
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunComparison:
    """Candidate against baseline.

    ``table`` has the rows of ``stats.compare_profiles``. ``mismatches`` says what made the runs
    incomparable, if the comparison was forced; ``remarks`` says what to keep in mind.
    """

    baseline: RunResult
    candidate: RunResult
    table: pd.DataFrame
    verdict: Verdict
    alpha: float
    mismatches: tuple[str, ...]
    remarks: tuple[str, ...]

    @property
    def names(self) -> tuple[str, str]:
        """What to call the two sides: their profiles, told apart where they are the same."""
        names = (self.baseline.label, self.candidate.label)
        if names[0] == names[1]:
            return f"baseline {names[0]}", f"candidate {names[1]}"
        return names

    @property
    def sentence(self) -> str:
        """The verdict as a sentence."""
        baseline, candidate = self.names
        if self.verdict is Verdict.NO_DIFFERENCE_SHOWN:
            return f"no difference shown between {baseline} and {candidate}"
        return f"{candidate} is {self.verdict} than {baseline}"

    def as_json(self) -> dict[str, Any]:
        """JSON-ready values; what is not a number (NaN) is None."""
        rows = self.table.astype(object).mask(self.table.isna(), other=None)
        return {
            "baseline": self.baseline.manifest["run_id"],
            "candidate": self.candidate.manifest["run_id"],
            "verdict": str(self.verdict),
            "alpha": self.alpha,
            "mismatches": list(self.mismatches),
            "remarks": list(self.remarks),
            "classes": rows.to_dict(orient="records"),
        }


def compare_runs(
    baseline: RunResult, candidate: RunResult, *, alpha: float = 0.05, force: bool = False
) -> RunComparison:
    """What the candidate's trials show beside the baseline's, class by class.

    Args:
        baseline: the run to measure against.
        candidate: the run in question: a positive difference means that it fails more often.
        alpha: the probability of any false alarm that is accepted.
        force: compare runs of different hosts or schemas anyway.

    Raises:
        UsageError: alpha is not in (0, 1), a run holds no trial, or the runs do not match and
            ``force`` is not set.
    """
    if not 0 < alpha < 1:
        raise UsageError(f"alpha must lie between 0 and 1, not {alpha}")
    for run in (baseline, candidate):
        run.require_trials()
    mismatches = mismatches_of(baseline.manifest, candidate.manifest)
    if mismatches and not force:
        raise UsageError(
            f"these runs cannot be compared: {'; '.join(mismatches)} "
            "(--force, or force=True, compares them anyway)"
        )
    table = compare_profiles(baseline.trials, candidate.trials, alpha=alpha)
    verdict = overall_verdict(table)
    return RunComparison(
        baseline=baseline,
        candidate=candidate,
        table=table,
        verdict=verdict,
        alpha=alpha,
        mismatches=mismatches,
        remarks=(*remarks_on(baseline, candidate), *_unmasked(table, verdict)),
    )


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
    trials = [plan.pop("trials", None) or plan.pop("arrivals", ()) for plan in plans]
    seeds = [plan.pop("seed", None) for plan in plans]
    for name in ("workload", "function"):
        found[name] = (one.get(name), other.get(name))
    for name in sorted({*plans[0], *plans[1]}):
        found[name] = (plans[0].get(name), plans[1].get(name))
    if seeds[0] == seeds[1] and len(trials[0]) == len(trials[1]) and trials[0] != trials[1]:
        found["what is planned"] = ("one set", "another of the same size and seed")
    return {name: pair for name, pair in found.items() if pair[0] != pair[1]}


def _unmasked(table: pd.DataFrame, verdict: Verdict) -> tuple[str, ...]:
    """A class that rises while the failures together do not: likely one that others had masked."""
    risen = table[(table["verdict"] == Verdict.WORSE) & (table["kind"] == "bug_class")]
    if verdict is Verdict.WORSE or risen.empty:
        return ()
    names = ", ".join(risen["bug_class"])
    return (f"worse by itself: {names}; a trial has one class, so a class can rise as others fall",)


def _differ(name: str, one: Any, other: Any) -> str:
    left, right = (
        str(value)[:80] if value not in (None, "") else "unknown" for value in (one, other)
    )
    return f"{name} differs: {left} and {right}"
