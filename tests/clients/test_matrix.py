"""What a check that was stopped says: which positions it did not come to."""

from __future__ import annotations

from collections.abc import Iterable

from iluvatar_bench.clients.check.matrix import Cell, Matrix
from iluvatar_bench.clients.check.outcome import ClientOutcome, Fault
from iluvatar_bench.clients.check.positions import CallKey, Position

CALLS = tuple(
    Position(number=number, key=CallKey(f"a.v1.A/{name}", "n", "{id}", 1))
    for number, name in enumerate(("Make", "Use", "Remove"), start=1)
)
POSITIONS = (*CALLS, Position(number=4, key=None))


def matrix(tried: Iterable[tuple[int, Fault]], *, runs: int = 1) -> Matrix:
    cells = [
        Cell(
            position=number,
            call=POSITIONS[number - 1].call,
            fault=fault,
            outcome=ClientOutcome.SAFE,
            container_id="c",
            label=f"{fault}-{number}",
            exit_status=0,
            seconds=0.1,
            noticed=False,
        )
        for number, fault in tried
    ]
    return Matrix(
        command=("client",),
        positions=POSITIONS,
        faults=(Fault.COLLECTION, Fault.DELAY),
        cells=tuple(cells),
        runs=runs,
    )


def test_a_stopped_check_says_what_was_not_tried() -> None:
    found = matrix([(1, Fault.COLLECTION), (2, Fault.COLLECTION)])
    assert found.not_tried(Fault.COLLECTION) == 2
    assert found.not_tried(Fault.DELAY) == 3
    assert found.as_json()["not_tried"] == {"collection": 2, "delay": 3}
    lines = found.text().splitlines()
    assert lines[1].split() == ["1", "A.Make", "{id}", ".", "?"]
    assert lines[3].split() == ["3", "A.Remove", "{id}", "?", "?"]
    # After the last call no delay means anything: it is not missing there.
    assert lines[4].split()[-1] == "?"
    assert "? not tried: the check was stopped" in found.text()
    assert "collection: 2 safe, 2 not tried" in lines
    assert "delay: 3 not tried" in lines


def test_a_whole_check_speaks_of_no_stop() -> None:
    everything = [(n, Fault.COLLECTION) for n in range(1, 5)] + [
        (n, Fault.DELAY) for n in (1, 2, 3)
    ]
    found = matrix(everything)
    assert found.as_json()["not_tried"] == {}
    assert "stopped" not in found.text()
    assert "?" not in found.text()
    assert matrix(everything, runs=2).not_tried(Fault.COLLECTION) == 4
