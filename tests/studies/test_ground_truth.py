"""Attribution against causes that were made on purpose: right in every one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pytest

from iluvatar_bench.bugs import Mechanism
from iluvatar_bench.containerd.daemon.versions import Release, release
from iluvatar_bench.errors import UsageError
from iluvatar_bench.host.facts import program_version
from iluvatar_bench.host.kernel import controllers
from iluvatar_bench.records import Outcome, Trial
from iluvatar_bench.studies.ground_truth import (
    COLUMNS,
    confusion,
    ground_truth,
    is_right,
    mistakes,
)
from iluvatar_bench.studies.known_causes import KNOWN_CAUSES, KnownCause, choose, left_out
from tests.support.command import command
from tests.support.witnesses import WITNESSED

DATA = Path(__file__).parents[2] / "data"
STORED = DATA / "ground_truth.csv"
WITHOUT = DATA / "ground_truth_without_witness.csv"
HABITS = DATA / "ground_truth_habits.csv"
"""Of the causes that a worker's habits are: recorded apart, and fewer of each."""


def trial(case: KnownCause, mechanism: str | None) -> Trial:
    failed = mechanism is not None
    return Trial(
        run_id="r",
        trial=0,
        container_id="c",
        profile="p",
        factors={},
        function=case.function,
        submitted_at="2022-07-01T00:00:00+00:00",
        outcome=Outcome.FAILED if failed else Outcome.OK,
        bug_class="process_died" if failed else None,
        mechanism=mechanism,
    )


def test_the_matrix_counts_every_answer_and_names_the_wrong_ones() -> None:
    undisturbed, killed = choose(["undisturbed", "process_killed_by_us"])
    lived = [
        (killed, trial(killed, "own_kill")),
        (undisturbed, trial(undisturbed, None)),
        (killed, trial(killed, "unknown")),
        (killed, trial(killed, "own_kill")),
    ]
    assert [is_right(*one) for one in lived] == [True, True, False, True]
    table = confusion(lived)
    assert tuple(table.columns) == COLUMNS
    assert table[["case", "attributed", "trials"]].values.tolist() == [
        ["undisturbed", "ok", 1],
        ["process_killed_by_us", "own_kill", 2],
        ["process_killed_by_us", "unknown", 1],
    ]
    assert mistakes(table)["attributed"].tolist() == ["unknown"]
    assert mistakes(table, unknown_passes=True).empty
    assert is_right(*lived[2], unknown_passes=True)
    assert not is_right(killed, trial(killed, "collateral_kill"), unknown_passes=True)


NOT_CAUSED = {
    Mechanism.LEASE_GONE: "bugs/test_attribute.py",
    Mechanism.UNIT_STOPPED: "bugs/test_senders.py",  # takes systemd
    Mechanism.RESTART_MONITOR: "monitor/test_witnessed_deaths.py",
    Mechanism.CGROUP_OCCUPIED: "lifecycle/test_cgroup_levels.py",
    Mechanism.CGROUP_REMOVED: "bugs/test_cgroup_rules.py",  # a race between neighbours
    Mechanism.CGROUP_NOT_JOINED: "lifecycle/test_never_joined.py",
    Mechanism.CONTROLLER_MISSING: "bugs/test_cgroup_rules.py",  # takes cgroup v2
    Mechanism.BRIDGE_FULL: "runs/test_bridge_full.py",
    Mechanism.IPAM_EXHAUSTED: "runs/test_networked_run.py",
    Mechanism.DISK_FULL: "runs/test_full_disk.py",
    Mechanism.STALE_HEALTH: "runs/test_pool_habits.py",  # of arrivals
    Mechanism.UNKNOWN: "bugs/test_attribute.py",
}
"""Mechanisms without a case, each with the test that has it all the same."""


def test_every_mechanism_has_a_case_or_a_test_of_its_own() -> None:
    expected = {case.expected for case in KNOWN_CAUSES}
    assert set(Mechanism) - expected <= set(NOT_CAUSED)
    assert len({case.name for case in KNOWN_CAUSES}) == len(KNOWN_CAUSES)
    for mechanism, test in NOT_CAUSED.items():
        text = (Path(__file__).parents[1] / test).read_text()
        assert f"Mechanism.{mechanism.name}" in text or f'"{mechanism}"' in text, test


def test_every_case_is_recorded() -> None:
    recorded = {name for path in (STORED, HABITS) for name in pd.read_csv(path)["case"]}
    new = sorted({case.name for case in KNOWN_CAUSES} - recorded)
    assert new == [], "ground-truth --case NAME --repeats 5 --out FILE; the row: in HABITS"


def test_causes_that_take_a_limit_are_left_out_where_it_cannot_be_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    limits = {case.name: case.profile.limits for case in KNOWN_CAUSES}
    of_memory = {name for name, limit in limits.items() if limit.memory_limit_bytes}
    of_processors = {name for name, limit in limits.items() if limit.cpus or limit.cpu_shares}
    old = Release(1, 6, 20)
    for controller, limited in (("memory", of_memory), ("cpu", of_processors)):
        assert limited
        others = frozenset({"cpu", "memory", "pids"} - {controller})
        monkeypatch.setattr(controllers, "usable_controllers", lambda others=others: others)
        reasons = left_out(KNOWN_CAUSES, containerd=old)
        assert set(reasons) == limited
        assert all(f"needs the cgroup controller {controller}" in why for why in reasons.values())
    both = frozenset({"cpu", "memory"})
    monkeypatch.setattr(controllers, "usable_controllers", lambda: both)
    assert left_out(KNOWN_CAUSES, containerd=old) == {}
    assert left_out(KNOWN_CAUSES, containerd=None) == {}
    assert left_out(KNOWN_CAUSES, containerd=Release(2, 1, 9)) == {
        "restarted_while_paused": "containerd 2.1.9 does it no more"
    }


def test_causes_of_a_shared_cgroup_are_left_out_where_runc_refuses_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(controllers, "usable_controllers", lambda: frozenset({"cpu", "memory"}))
    shared = {case.name for case in KNOWN_CAUSES if case.profile.cgroup == "shared"}
    old = Release(1, 6, 20)
    assert left_out(KNOWN_CAUSES, containerd=old, runc=Release(1, 1, 15)) == {}
    reasons = left_out(KNOWN_CAUSES, containerd=old, runc=Release(1, 3, 6))
    assert set(reasons) == shared
    assert set(reasons.values()) == {"runc 1.3.6 refuses a cgroup that others live in"}


async def test_wrong_requests_start_nothing() -> None:
    with pytest.raises(UsageError, match="no case 'moon'; there are: undisturbed"):
        choose(["moon"])
    with pytest.raises(UsageError, match="repeats must be between 1 and"):
        await ground_truth(repeats=0)
    with pytest.raises(UsageError, match="concurrency must be between 1 and"):
        await ground_truth(concurrency=0)
    assert command("ground-truth", "--case", "moon").returncode == 2


def told(path: Path) -> tuple[int, int, int]:
    """Of the recorded trials of today's causes: how many are right, left open, and wrong.

    Counted from the file alone, as whoever reads it would.
    """
    table = pd.read_csv(path, keep_default_na=False)
    known = {case.name: str(case.expected) for case in KNOWN_CAUSES}
    right = (table["attributed"] == table["case"].map(known)).to_numpy()
    open_ones = (table["attributed"] == "unknown").to_numpy()
    of = table["trials"].to_numpy()
    return int(of[right].sum()), int(of[open_ones].sum()), int(of[~right & ~open_ones].sum())


@pytest.mark.parametrize("page", ["docs/reading.md", "docs/witness.md"])
def test_what_is_written_of_the_recorded_causes_is_what_was_recorded(page: str) -> None:
    """A cause that is new, or a record that is, makes the text stale."""
    text = " ".join((DATA.parent / page).read_text().split())
    trials = 20 * (len(KNOWN_CAUSES) - len(pd.read_csv(HABITS)["case"].unique()))
    right, left_open, wrong = told(STORED)
    assert (right, left_open, wrong) == (trials, 0, 0)
    assert f"{right} of {trials}" in text
    right, left_open, wrong = told(WITHOUT)
    assert right + left_open == trials
    assert re.search(rf"{right}( were)? right, {left_open}( were)? left open", text)
    assert wrong == 0
    assert re.search(r"none( was)? wrong", text)


def test_what_is_written_of_the_recorded_habits_is_what_was_recorded() -> None:
    text = " ".join((DATA.parent / "docs" / "habits.md").read_text().split())
    recorded = pd.read_csv(HABITS)
    assert set(recorded["case"]) <= {case.name for case in KNOWN_CAUSES}
    right, left_open, wrong = told(HABITS)
    assert (left_open, wrong) == (0, 0)
    assert f"{right} of {right} were right" in text


SLOW = {
    "stranger_amid_kills",
    "stranger_after_neighbours_oom",
    "neighbour_terminated_all",
    "neighbour_paused",
    "neighbour_updated",
    "committed_without_labels",
    "image_pruned_unheld",
    "others_have_the_processors",
    "processor_limit",
    "restarted_before_start",
    "restarted_while_paused",
}
"""Each on a containerd of its own."""


async def cause(
    repeats: int, cases: Sequence[KnownCause] = KNOWN_CAUSES, *, witness: bool = True
) -> None:
    wrong: list[str] = []

    def note(case: KnownCause, trial: Trial) -> None:
        if not is_right(case, trial, unknown_passes=not witness):
            wrong.append(f"{case.name}: {trial.mechanism}: {trial.error}; {trial.evidence}")

    containerd, runc = (
        release(program_version(name, "--version") or "") for name in ("containerd", "runc")
    )
    refused = left_out(cases, containerd=containerd, runc=runc)
    cases = [case for case in cases if case.name not in refused]
    table = await ground_truth(cases, repeats=repeats, witness=witness, on_trial=note)
    print(table.to_string(index=False))  # noqa: T201
    assert not wrong
    counted = table.groupby("case", sort=False)["trials"].sum()
    assert counted.to_dict() == {case.name: repeats for case in cases}


@pytest.mark.daemon
async def test_the_same_words_about_the_same_module_have_two_causes() -> None:
    """On a snapshot that is gone in both cases: only the image tells them apart."""
    cases = choose(["collected_after_ready", "own_missing_module_on_collected"])
    lived: dict[str, Trial] = {}
    await ground_truth(
        cases, repeats=1, on_trial=lambda case, trial: lived.update({case.name: trial})
    )
    collected, own = (lived[case.name] for case in cases)
    words = {(trial.error or "").partition("HTTP 500: ")[2] for trial in (collected, own)}
    assert words == {"ModuleNotFoundError: No module named 'ib_shipped'"}
    assert collected.evidence["snapshot_found"] is own.evidence["snapshot_found"] is False
    assert (collected.bug_class, collected.mechanism) == ("missing_packages", "snapshot_collected")
    assert (own.bug_class, own.mechanism) == ("invoke_failed", "own_error")
    verdicts = [trial.evidence["missing"][0]["verdict"] for trial in (collected, own)]
    assert verdicts == ["lost", "absent_from_image"]


@pytest.mark.daemon
async def test_each_cause_once() -> None:
    quick = [case for case in KNOWN_CAUSES if case.name not in SLOW]
    await cause(1, quick, witness=WITNESSED)


@pytest.mark.daemon
@pytest.mark.slow
async def test_each_cause_without_the_kernels_record_is_right_or_left_open() -> None:
    await cause(2, witness=False)


@pytest.mark.daemon
@pytest.mark.slow
async def test_each_cause_five_times() -> None:
    await cause(5)
