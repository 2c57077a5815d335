"""Recordings of real clients on a real containerd: what they say, and what collections show."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import pytest

from iluvatar_bench.clients import find_known
from iluvatar_bench.clients.call_facts import facts_of
from iluvatar_bench.clients.check.check_client import Checked, check_client
from iluvatar_bench.clients.check.client_command import ClientCommand
from iluvatar_bench.clients.check.outcome import ClientOutcome, Fault
from iluvatar_bench.records import Call
from iluvatar_bench.records.call_facts import CallFact, CallFacts, CallRule
from tests.support.limits_here import CTR_WITHOUT_SHARES

pytestmark = pytest.mark.daemon

CTR = (
    *("ctr", "run", "--rm", *CTR_WITHOUT_SHARES, "{image}", "{id}"),
    *("python3", "-S", "-E", "-c", "pass"),
)


async def recorded(argv: Sequence[str], faults: Sequence[Fault] = ()) -> Checked:
    return await check_client(ClientCommand(argv=tuple(argv), namespace="check"), faults=faults)


def undisturbed(checked: Checked) -> list[Call]:
    return [call for label, call in checked.calls if label == "undisturbed-2"]


def client_of_tests(module: str, way: str) -> tuple[str, ...]:
    return (sys.executable, "-m", f"tests.support.{module}", way, "{id}", "{image}")


def windows(facts: CallFacts) -> list[CallFact]:
    return [fact for fact in facts.facts if fact.length_ms is not None]


async def test_ctr_run_has_no_window_and_leaves_nothing() -> None:
    calls = undisturbed(await recorded(CTR))
    facts = facts_of(calls)
    assert len(calls) > 30
    assert facts.facts == ()
    (container,) = facts.containers
    assert [held.holder.split()[0] for held in container.held] == ["lease", "record"]


async def test_guarded_has_no_window() -> None:
    facts = facts_of(undisturbed(await recorded(find_known("profile-guarded").argv)))
    assert facts.unsafe == ()
    assert len(facts.containers) == 1
    assert facts.containers[0].held


async def test_the_worker_of_2022_has_a_window_for_its_whole_life() -> None:
    argv = find_known("profile-iluvatar-2022-07").argv
    calls = undisturbed(await recorded(argv))
    facts = facts_of(calls)
    (window,) = windows(facts)
    assert window.rule is CallRule.SNAPSHOT_UNHELD
    at_risk = {call.name for call in calls if call.number in window.positions(calls)}
    assert {"Tasks.Create", "Tasks.Start", "Tasks.Kill"} <= at_risk
    assert CallRule.RECORD_WITHOUT_SNAPSHOT in {fact.rule for fact in facts.unsafe}


@pytest.mark.slow
@pytest.mark.parametrize("way", ["empty_key", "record_late"])
async def test_windows_are_where_a_forced_collection_loses_the_snapshot(way: str) -> None:
    checked = await recorded(client_of_tests("raw_client", way), [Fault.COLLECTION])
    calls = undisturbed(checked)
    (window,) = windows(facts_of(calls))
    claimed = window.positions(calls)
    lost = sorted(
        cell.position for cell in checked.matrix.cells if cell.outcome is ClientOutcome.LOST
    )
    names = {call.number: call.name for call in calls}
    assert set(lost) <= set(claimed)
    # A check counts nothing as lost from the Kill on, which misses no snapshot; a window goes on
    # until the process is known to have ended.
    ending = {"Tasks.Kill", "Tasks.Wait", "Tasks.Delete"}
    assert {names[number] for number in set(claimed) - set(lost)} <= ending
