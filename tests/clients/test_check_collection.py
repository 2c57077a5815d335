"""The three results that ``check`` was made for, with a collection at every position."""

from __future__ import annotations

import sys

import pytest

from iluvatar_bench.clients.check.check_client import Checked, check_client
from iluvatar_bench.clients.check.client_command import ClientCommand
from iluvatar_bench.clients.check.matrix import Matrix
from iluvatar_bench.clients.check.outcome import ClientOutcome, Fault
from tests.support.limits_here import CTR_WITHOUT_SHARES

pytestmark = pytest.mark.daemon

CTR = (
    *("ctr", "run", "--rm", *CTR_WITHOUT_SHARES, "{image}", "{id}"),
    *("python3", "-S", "-E", "-c", "pass"),
)


def raw(way: str, **options: object) -> ClientCommand:
    argv = (sys.executable, "-m", "tests.support.raw_client", way, "{id}", "{image}")
    return ClientCommand(argv=argv, namespace="check", **options)  # type: ignore[arg-type]


async def collected(command: ClientCommand) -> Checked:
    return await check_client(command, faults=(Fault.COLLECTION,))


def lost_before(matrix: Matrix) -> dict[str, bool]:
    """The calls before which something needed was lost, and whether the client noticed."""
    return {cell.call: cell.noticed for cell in matrix.cells if cell.outcome is ClientOutcome.LOST}


@pytest.mark.slow
async def test_containerds_own_client_is_safe_at_every_position() -> None:
    matrix = (await collected(ClientCommand(argv=CTR, namespace="check"))).matrix
    assert matrix.calls > 30
    assert len(matrix.cells) == matrix.calls + 1
    assert {cell.outcome for cell in matrix.cells} == {ClientOutcome.SAFE}


@pytest.mark.slow
async def test_an_empty_key_loses_the_snapshot_from_its_making_to_the_processs_end() -> None:
    """Noticed before the mount, and not while the process runs."""
    matrix = (await collected(raw("empty_key"))).matrix
    assert lost_before(matrix) == {
        "Tasks.Create {id}": True,
        "Tasks.Start {id}": False,
        "Tasks.Get {id}": False,
        "Tasks.Kill {id}": False,
    }
    classes = {cell.advice.bug_class for cell in matrix.unsafe if cell.advice}
    assert classes == {"snapshot_overlay or snapshot_not_found", "missing_packages"}
    others = {cell.outcome for cell in matrix.cells} - {ClientOutcome.LOST}
    assert others == {ClientOutcome.SAFE}


async def test_a_late_record_loses_the_snapshot_at_one_position() -> None:
    matrix = (await collected(raw("record_late"))).matrix
    assert lost_before(matrix) == {"Containers.Create {id}": True}
    assert {cell.outcome for cell in matrix.cells} == {ClientOutcome.LOST, ClientOutcome.SAFE}
    [cell] = matrix.unsafe
    assert cell.advice is not None
    assert "containerd-lease" in cell.advice.remedy
    assert "snapshot {id} was collected: not mounted yet" in cell.what
