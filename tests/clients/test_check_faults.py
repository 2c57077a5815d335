"""What each fault of ``check`` shows, on clients that make one mistake each."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import pytest

from iluvatar_bench.clients.check.check_client import check_client
from iluvatar_bench.clients.check.client_command import ClientCommand
from iluvatar_bench.clients.check.matrix import Matrix
from iluvatar_bench.clients.check.outcome import ClientOutcome, Fault
from iluvatar_bench.records.call import Call
from tests.clients.test_check_collection import lost_before, raw
from tests.support.threaded_client import THREADS

pytestmark = pytest.mark.daemon


async def checked(command: ClientCommand, *faults: Fault) -> Matrix:
    return (await check_client(command, faults=faults)).matrix


def outcomes(matrix: Matrix, fault: Fault) -> dict[str, ClientOutcome]:
    return {cell.call: cell.outcome for cell in matrix.cells if cell.fault is fault}


@pytest.mark.slow
async def test_a_neighbours_kill_reaches_into_a_shared_cgroup() -> None:
    matrix = await checked(raw("shared_cgroup"), Fault.NEIGHBOUR)
    found = outcomes(matrix, Fault.NEIGHBOUR)
    assert found["Tasks.Get {id}"] is ClientOutcome.LOST
    assert found["Tasks.Kill {id}"] is ClientOutcome.LOST
    assert found["Containers.Create {id}"] is ClientOutcome.SAFE
    lost = next(cell for cell in matrix.unsafe if cell.call == "Tasks.Kill {id}")
    assert lost.what[0] == "the process of {id} was ended"
    assert lost.advice is not None and "cgroupsPath" in lost.advice.remedy


@pytest.mark.slow
async def test_a_client_that_cleans_up_fails_and_leaves_nothing() -> None:
    faults = (Fault.REFUSED, Fault.LOST_ANSWER)
    matrix = await checked(raw("record_late"), *faults)
    for fault in faults:
        found = outcomes(matrix, fault)
        assert set(found.values()) <= {ClientOutcome.FAILED, ClientOutcome.SAFE}, matrix.text()
        assert found["Tasks.Start {id}"] is ClientOutcome.FAILED
    assert matrix.unsafe == ()


@pytest.mark.slow
async def test_a_client_that_forgets_leaves_what_it_had_made() -> None:
    faults = (Fault.REFUSED, Fault.LOST_ANSWER, Fault.CLIENT_KILLED)
    matrix = await checked(raw("forgets_on_error"), *faults)
    refused, lost, killed = (outcomes(matrix, fault) for fault in faults)
    # Whether the record is there is what the two tell apart.
    assert refused["Containers.Create {id}"] is ClientOutcome.FAILED
    assert lost["Containers.Create {id}"] is ClientOutcome.LEAKED
    assert refused["Snapshots.Prepare {id}"] is ClientOutcome.LEAKED
    assert killed["Images.List"] is ClientOutcome.SAFE
    assert killed["Containers.Create {id}"] is ClientOutcome.LEAKED
    assert killed["Containers.Delete {id}"] is ClientOutcome.SAFE
    running = next(
        cell
        for cell in matrix.unsafe
        if (cell.fault, cell.call) == (Fault.CLIENT_KILLED, "Tasks.Start {id}")
    )
    assert "left: record {id}, task {id}, snapshot {id}" in running.what
    assert any(words.startswith("cannot start again") for words in running.what)


@pytest.mark.slow
async def test_a_client_that_waits_for_ever_hangs() -> None:
    matrix = await checked(raw("waits_for_ever", timeout_seconds=8), Fault.REFUSED)
    found = outcomes(matrix, Fault.REFUSED)
    assert found["Snapshots.Prepare {id}"] is ClientOutcome.HUNG
    assert found["Containers.Create {id}"] is ClientOutcome.FAILED


async def test_a_client_that_swallows_errors_is_wrong() -> None:
    matrix = await checked(raw("swallows_errors", assertion="grep -q done {stdout}"), Fault.REFUSED)
    found = outcomes(matrix, Fault.REFUSED)
    assert found["Containers.Create {id}"] is ClientOutcome.WRONG
    assert found["Containers.Get {id}"] is ClientOutcome.WRONG
    assert found["Images.List"] is ClientOutcome.FAILED


@pytest.mark.slow
async def test_eight_threads() -> None:
    """Calls whose order differs are aligned by what they are about."""
    command = ClientCommand(
        argv=(sys.executable, "-m", "tests.support.threaded_client", "{id}", "{image}"),
        namespace="check",
    )
    found = await check_client(command, faults=(Fault.COLLECTION,))
    matrix = found.matrix
    assert {position.always for position in matrix.positions} == {True}
    assert matrix.calls == 4 * THREADS
    collected = outcomes(matrix, Fault.COLLECTION)
    assert set(collected.values()) == {ClientOutcome.SAFE}
    assert sum(call.startswith("Snapshots.Prepare") for call in collected) == THREADS
    recorded = [call for label, call in found.calls if label == "undisturbed-1"]
    assert most_at_once(recorded) > 1


def most_at_once(calls: Sequence[Call]) -> int:
    """How many calls were under way at the same time."""
    return max(
        sum(c.started_ns <= call.started_ns < (c.ended_ns or 0) for c in calls) for call in calls
    )


@pytest.mark.slow
async def test_two_namespaces() -> None:
    matrix = await checked(raw("two_namespaces"), Fault.COLLECTION)
    # The one in the second namespace, which nothing holds until it is asked for its mounts.
    assert lost_before(matrix) == {"Snapshots.Mounts {id}": True}


@pytest.mark.slow
async def test_a_restart_a_delay_and_a_pause_are_outlasted() -> None:
    faults = (Fault.DAEMON_RESTART, Fault.DELAY, Fault.PAUSE)
    matrix = await checked(raw("record_late"), *faults)
    for fault in (Fault.DAEMON_RESTART, Fault.DELAY):
        assert set(outcomes(matrix, fault).values()) == {ClientOutcome.SAFE}, matrix.text()
    # Its deadline for what only reads is as long as the pause.
    assert set(outcomes(matrix, Fault.PAUSE).values()) <= {ClientOutcome.SAFE, ClientOutcome.FAILED}
