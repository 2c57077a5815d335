"""Comparing runs: what forbids it, what weakens it, and what may be judged."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from iluvatar_bench.errors import UsageError
from iluvatar_bench.records.trial_table import TrialTable
from iluvatar_bench.runs import RunResult
from iluvatar_bench.stats import Verdict, compare_runs, failure_rates
from iluvatar_bench.stats.run_comparison import HOST_FACTS, mismatches_of
from tests.support.run_folders import MANIFEST, make_run


def run_of(counts: dict[str, int], name: str = "run") -> RunResult:
    """A run that was never written down."""
    names = pd.Series([name for name, count in counts.items() for _ in range(count)])
    failed = ~names.isin(["ok", "unknown"])
    trials = pd.DataFrame(
        {
            "profile": "guarded",
            "outcome": names.mask(failed, "failed"),
            "bug_class": names.where(failed, None),
            "mechanism": None,
        }
    )
    manifest = {**MANIFEST, "run_id": name, "plan": {"trials": [{}] * len(trials), "seed": name}}
    return RunResult(Path(name), manifest, TrialTable.of(trials), failure_rates(trials))


def replicates(counts: list[int], name: str, hours: list[int]) -> list[RunResult]:
    """Runs of 40 trials with so many failures, begun at these hours."""
    runs = []
    for number, (failures, hour) in enumerate(zip(counts, hours, strict=True)):
        run = run_of({"ok": 40 - failures, "process_died": failures}, f"{name}{number}")
        run.manifest["started_at"] = f"2026-11-28T{hour:02d}:00:00+00:00"
        runs.append(run)
    return runs


def test_two_single_runs_are_described_and_not_judged(tmp_path: Path) -> None:
    wrong = make_run(tmp_path / "a", ok=19, snapshot_overlay=12, missing_packages=9)
    right = make_run(tmp_path / "b", {"profile": {"name": "fixed"}}, ok=40)
    found = compare_runs(wrong, right)
    assert (found.verdict, found.mismatches, found.remarks) == (Verdict.DESCRIBED, (), ())
    assert found.sentence == (
        "guarded 21/40 not ok, fixed 0/40 not ok: described, not judged "
        "(single runs at two times are not randomised; iluvatar-bench ab judges, "
        "and 4 runs a side that alternate are judged)"
    )
    assert set(found.table["verdict"]) == {Verdict.DESCRIBED}


def test_replicates_that_alternate_are_judged_by_run() -> None:
    good = replicates([2, 0, 1, 3], "a", [1, 4, 5, 8])
    bad = replicates([9, 20, 12, 8], "b", [2, 3, 6, 7])
    found = compare_runs(good, bad)
    assert found.judged is not None
    assert found.judged.p_value == pytest.approx(2 / 70)
    assert found.verdict is Verdict.WORSE
    assert found.sentence.endswith(
        "is worse than baseline guarded (4 against 4 runs, exact p = 0.029)"
    )
    # 0, 1, 2 and 3 of 40; and 20 to 50 %, twice as far apart as chance alone would have them.
    assert found.remarks == (
        "baseline: its 4 runs had 0.0–7.5 % not ok, with a standard deviation of 3.2 points; "
        "independent trials alone would have 3.0",
        "candidate: its 4 runs had 20.0–50.0 % not ok, with a standard deviation of 13.6 points; "
        "independent trials alone would have 7.3",
    )
    assert compare_runs(bad, good).verdict is Verdict.BETTER
    # The same runs swing so much that one of them less decides nothing.
    close = replicates([2, 9, 1, 3], "c", [1, 4, 5, 8])
    assert compare_runs(close, bad).verdict is Verdict.NO_DIFFERENCE_SHOWN


@pytest.mark.parametrize(
    ("hours", "alpha", "why"),
    [
        (([1, 2, 3, 4], [5, 6, 7, 8]), 0.05, "all runs of one side came before"),
        (([5, 6, 7, 8], [1, 2, 3, 4]), 0.05, "all runs of one side came before"),
        (([1, 3, 5], [2, 4, 6]), 0.05, "3 against 3 runs can reach no p below 0.1"),
        (([1], [2]), 0.05, "single runs"),
    ],
)
def test_what_may_not_be_judged_is_not(
    hours: tuple[list[int], list[int]], alpha: float, why: str
) -> None:
    sides = [replicates([0] * len(h), n, h) for h, n in zip(hours, "ab", strict=True)]
    found = compare_runs(*sides, alpha=alpha)
    assert found.verdict is Verdict.DESCRIBED
    assert why in found.unjudged
    assert why in found.sentence
    assert found.as_json()["p_value"] is None


def test_three_against_three_are_judged_at_one_in_ten() -> None:
    sides = replicates([0, 1, 0], "a", [1, 3, 5]), replicates([9, 8, 20], "b", [2, 4, 6])
    assert compare_runs(*sides, alpha=0.1).verdict is Verdict.WORSE
    assert "a run is there twice" in compare_runs(sides[0], sides[0], alpha=0.1).unjudged


def test_sides_that_are_none_are_refused() -> None:
    runs = replicates([1, 2], "a", [1, 2])
    with pytest.raises(UsageError, match="1 to 10 runs, not 0"):
        compare_runs([], runs)
    other = {**runs[1].manifest, "profile": {**runs[1].manifest["profile"], "name": "x"}}
    mixed = [runs[0], RunResult(runs[1].folder, other, runs[1].table, runs[1].rates)]
    with pytest.raises(UsageError, match="must have one profile"):
        compare_runs(mixed, runs)


@pytest.mark.parametrize("fact", [*HOST_FACTS, "schema version"])
def test_runs_of_different_hosts_or_schemas_are_refused_by_name(fact: str, tmp_path: Path) -> None:
    changes = {
        "schema version": {"schema_version": 0},
        "containerd": {"containerd": {"version": "2.0.0"}},
    }
    base = make_run(tmp_path / "a", ok=5)
    other = make_run(tmp_path / "b", ok=5)
    manifest = {**other.manifest, **changes.get(fact, {"host": {**MANIFEST["host"], fact: "x"}})}
    other = RunResult(other.folder, manifest, other.table, other.rates)
    with pytest.raises(UsageError, match=rf"cannot be compared: {fact} differs: .*--force") as told:
        compare_runs(base, other)
    assert "\n" not in str(told.value)
    assert len(mismatches_of(base.manifest, manifest)) == 1
    forced = compare_runs(base, other, force=True)
    assert [text.split(" differs")[0] for text in forced.mismatches] == [fact]


def test_facts_that_decide_nothing_forbid_nothing(tmp_path: Path) -> None:
    base = make_run(tmp_path / "a", ok=5)
    host = {"python": "3.13.0", "git_revision": "abc", "memory_bytes": 25276502016, "packages": {}}
    other = make_run(tmp_path / "b", {"host": host, "plan": {"seed": 2}}, ok=5)
    found = compare_runs(base, other)
    assert (found.mismatches, found.remarks) == ((), ())


def test_what_weakens_a_comparison_is_said(tmp_path: Path) -> None:
    base = make_run(tmp_path / "a", ok=5)
    changes = {
        "plan": {"concurrency": 8},
        "function": "chameleon",
        "host": {"memory_bytes": 2**30},
        "private_daemon": False,
        "status": "interrupted",
    }
    other = make_run(tmp_path / "b", changes, ok=5)
    remarks = compare_runs(base, other).remarks
    for wanted in (
        "concurrency differs: 4 and 8",
        "function differs: hello and chameleon",
        "memory differs: 23.5 GiB and 1.0 GiB",
        "already running",
        "candidate: this run was cut off",
    ):
        assert any(wanted in remark for remark in remarks), wanted
    assert len(remarks) == 5
    assert "the same run" in compare_runs(base, base).remarks[0]
