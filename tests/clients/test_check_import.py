"""A client that streams: the import of an image, a collection before each of its calls."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from iluvatar_bench.clients.check.check_client import check_client
from iluvatar_bench.clients.check.client_command import ClientCommand
from iluvatar_bench.clients.check.matrix import Matrix
from iluvatar_bench.clients.check.outcome import ClientOutcome, Fault
from tests.support.archives import OciDraft

pytestmark = [pytest.mark.daemon, pytest.mark.slow]


async def imported(way: str, folder: Path) -> Matrix:
    draft = OciDraft()
    draft.top(draft.manifest())
    for name, data in draft.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    argv = (sys.executable, "-m", "tests.support.import_client", way, str(folder), "mine:1")
    command = ClientCommand(argv=argv, namespace="check")
    return (await check_client(command, faults=(Fault.COLLECTION,))).matrix


async def test_under_the_right_labels_no_collection_takes_content(tmp_path: Path) -> None:
    matrix = await imported("rightly", tmp_path)
    assert len([p for p in matrix.positions if p.call.startswith("Content.Write")]) == 4
    assert {cell.outcome for cell in matrix.cells} == {ClientOutcome.SAFE}, matrix.text()
    assert "image mine:1" in matrix.leaves_undisturbed


async def test_without_a_lease_and_labels_it_is_lost(tmp_path: Path) -> None:
    """Undisturbed as well, at the first collection that comes: nothing refers to the layers."""
    matrix = await imported("unheld", tmp_path)
    lost = {cell.call for cell in matrix.cells if cell.outcome is ClientOutcome.LOST}
    assert lost == {position.call for position in matrix.positions}
    advised = {cell.advice.bug_class for cell in matrix.unsafe if cell.advice}
    assert advised == {"image"}
    before_image = next(c for c in matrix.cells if c.call == "Images.Create mine:1")
    assert len([words for words in before_image.what if "was collected" in words]) == 4
