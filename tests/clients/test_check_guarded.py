"""Our own lifecycle in the right order, as a client under test with every fault."""

from __future__ import annotations

import pytest

from iluvatar_bench.clients import find_known
from iluvatar_bench.clients.check.check_client import check_client
from iluvatar_bench.clients.check.outcome import TAKES_A_CALL, ClientOutcome, Fault

pytestmark = [pytest.mark.daemon, pytest.mark.slow]

GUARDED = find_known("profile-guarded").command


async def test_guarded_is_safe_whatever_others_do_and_however_long_it_takes() -> None:
    faults = (Fault.COLLECTION, Fault.NEIGHBOUR, Fault.DELAY)
    matrix = (await check_client(GUARDED, faults=faults)).matrix
    assert {cell.outcome for cell in matrix.cells} == {ClientOutcome.SAFE}, matrix.text()


async def test_guarded_at_worst_fails_where_a_call_is_taken_from_it() -> None:
    matrix = (await check_client(GUARDED, faults=tuple(TAKES_A_CALL))).matrix
    assert {cell.outcome for cell in matrix.cells} <= {ClientOutcome.SAFE, ClientOutcome.FAILED}, (
        matrix.text()
    )
    assert matrix.unsafe == ()


async def test_a_killed_guarded_client_leaves_nothing_that_its_lifeline_does_not_remove() -> None:
    matrix = (await check_client(GUARDED, faults=(Fault.CLIENT_KILLED,))).matrix
    assert {cell.outcome for cell in matrix.cells} <= {ClientOutcome.SAFE, ClientOutcome.FAILED}, (
        matrix.text()
    )
    # Between Prepare and the record only the lease holds the snapshot: until it ends.
    assert {cell.call for cell in matrix.unsafe} <= {"Snapshots.Prepare {id}"}
