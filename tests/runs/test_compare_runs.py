"""Comparing runs: what forbids it, what weakens it, and how often it is wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iluvatar_bench.errors import UsageError
from iluvatar_bench.runs import RunResult
from iluvatar_bench.stats import Verdict, compare_runs, failure_rates
from iluvatar_bench.stats.run_comparison import HOST_FACTS, mismatches_of
from tests.support.run_folders import MANIFEST, make_run

CLASSES = ("ok", "snapshot_overlay", "missing_packages", "process_died", "unknown")


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
    return RunResult(Path(name), manifest, trials, failure_rates(trials))


def drawn(rng: np.random.Generator, chances: list[float], name: str, trials: int = 80) -> RunResult:
    counts = rng.multinomial(trials, chances).tolist()
    return run_of(dict(zip(CLASSES, counts, strict=True)), name)


def test_a_recorded_fix_is_better_and_its_reverse_is_worse(tmp_path: Path) -> None:
    wrong = make_run(tmp_path / "a", ok=19, snapshot_overlay=12, missing_packages=9)
    right = make_run(tmp_path / "b", {"profile": {"name": "fixed"}}, ok=40)
    found = compare_runs(wrong, right)
    assert (found.verdict, found.mismatches, found.remarks) == (Verdict.BETTER, (), ())
    assert found.sentence == "fixed is better than guarded"
    assert compare_runs(right, wrong).sentence == "guarded is worse than fixed"
    assert compare_runs(wrong, wrong).sentence.startswith("no difference shown between baseline")


@pytest.mark.parametrize("fact", [*HOST_FACTS, "schema version"])
def test_runs_of_different_hosts_or_schemas_are_refused_by_name(fact: str, tmp_path: Path) -> None:
    changes = {
        "schema version": {"schema_version": 0},
        "containerd": {"containerd": {"version": "2.0.0"}},
    }
    base = make_run(tmp_path / "a", ok=5)
    other = make_run(tmp_path / "b", ok=5)
    manifest = {**other.manifest, **changes.get(fact, {"host": {**MANIFEST["host"], fact: "x"}})}
    other = RunResult(other.folder, manifest, other.trials, other.rates)
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


def test_a_class_that_was_masked_does_not_make_a_fix_worse() -> None:
    before = run_of({"ok": 5, "snapshot_overlay": 75}, "a")
    after = run_of({"ok": 60, "process_died": 20}, "b")
    found = compare_runs(before, after)
    assert found.verdict is Verdict.BETTER
    assert "worse by itself: process_died" in found.remarks[0]


def test_lost_answers_and_shifts_between_classes_are_worse() -> None:
    failing = run_of({"ok": 40, "snapshot_overlay": 40}, "a")
    hidden = run_of({"ok": 40, "unknown": 40}, "b")
    assert compare_runs(failing, hidden).verdict is Verdict.WORSE
    shifted = run_of({"ok": 40, "process_died": 40}, "c")
    assert compare_runs(failing, shifted).verdict is Verdict.WORSE


@given(st.lists(st.integers(0, 60), min_size=5, max_size=5).filter(any))
@settings(max_examples=25, deadline=None)
def test_equal_runs_are_never_worse_nor_better(counts: list[int]) -> None:
    sides = [run_of(dict(zip(CLASSES, counts, strict=True)), name) for name in "ab"]
    assert compare_runs(*sides).verdict is Verdict.NO_DIFFERENCE_SHOWN


@given(*[st.lists(st.integers(0, 60), min_size=5, max_size=5).filter(any)] * 2)
@settings(max_examples=25, deadline=None)
def test_every_class_is_judged_alike_from_both_sides(one: list[int], other: list[int]) -> None:
    sides = [
        run_of(dict(zip(CLASSES, counts, strict=True)), name)
        for counts, name in ((one, "a"), (other, "b"))
    ]
    turned = {"better": "worse", "worse": "better"}
    there, back = compare_runs(*sides), compare_runs(*reversed(sides))
    assert [turned.get(v, v) for v in there.table["verdict"]] == list(back.table["verdict"])
    assert not (there.verdict is Verdict.BETTER and back.verdict is Verdict.BETTER)


def test_twenty_comparisons_of_a_profile_with_itself_keep_the_promised_error_rate() -> None:
    """Five times twenty A/A comparisons: at alpha 0.05 at most one in twenty shows anything."""
    rng = np.random.default_rng(12029)
    wrong_worker = [0.4, 0.2, 0.15, 0.2, 0.05]
    verdicts = [
        compare_runs(drawn(rng, wrong_worker, "a"), drawn(rng, wrong_worker, "b")).verdict
        for _ in range(5 * 20)
    ]
    alarms = len(verdicts) - verdicts.count(Verdict.NO_DIFFERENCE_SHOWN)
    # Never mute either: Fisher's test and Holm's correction are careful, not blind.
    assert 1 <= alarms <= 5


def test_a_profile_that_fails_twice_as_often_is_found_out() -> None:
    rng = np.random.default_rng(2022)
    base, twice = [0.7, 0.15, 0.1, 0.05, 0.0], [0.4, 0.3, 0.2, 0.1, 0.0]
    found = [compare_runs(drawn(rng, base, "a"), drawn(rng, twice, "b")).verdict for _ in range(20)]
    assert found.count(Verdict.WORSE) >= 18
    assert Verdict.BETTER not in found
