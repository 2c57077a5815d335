"""The page of a check, written beside its tables."""

from __future__ import annotations

from pathlib import Path

from iluvatar_bench.clients.check.advice import Advice
from iluvatar_bench.clients.check.matrix import Cell, Matrix
from iluvatar_bench.clients.check.outcome import ClientOutcome, Fault
from iluvatar_bench.commands.check_page import write_matrix_page


def cell(position: int, outcome: ClientOutcome, advice: Advice | None = None) -> Cell:
    return Cell(
        position=position,
        call=f"Tasks.Create {position}",
        fault=Fault.COLLECTION,
        outcome=outcome,
        container_id="c",
        label="run",
        exit_status=0,
        seconds=1.0,
        noticed=False,
        what=("snapshot c was collected",) if advice else (),
        advice=advice,
    )


def test_a_matrix_is_a_page_and_a_picture(tmp_path: Path) -> None:
    advice = Advice("missing_packages", "what is needed is held", "take a lease")
    matrix = Matrix(
        command=("client",),
        positions=(),
        faults=(Fault.COLLECTION,),
        cells=(cell(1, ClientOutcome.SAFE), cell(2, ClientOutcome.LOST, advice)),
        leaves_undisturbed=("lease l",),
    )
    write_matrix_page(tmp_path, matrix, title="client {id}")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "matrix.html",
        "matrix.png",
        "matrix.svg",
    ]
    page = (tmp_path / "matrix.html").read_text()
    for words in ("client {id}", "1 unsafe", "take a lease", "undisturbed it leaves lease l"):
        assert words in page
