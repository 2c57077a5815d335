"""The page and the picture of a check, where the extra for them is installed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from iluvatar_bench.commands.extras import missing_extra
from iluvatar_bench.host.whole_files import write_whole

if TYPE_CHECKING:
    from iluvatar_bench.clients.check.matrix import Matrix

PAGE = "matrix.html"


def write_matrix_page(folder: Path, matrix: Matrix, *, title: str) -> None:
    """Write ``matrix.html``, ``matrix.png`` and ``matrix.svg``.

    A check is whole without them: where matplotlib is not installed, there are none.
    """
    try:
        from iluvatar_bench.report import save_figure
        from iluvatar_bench.report.fault_page import fault_page
        from iluvatar_bench.report.figures.fault_matrix import plot_fault_matrix
    except ModuleNotFoundError as error:
        if missing_extra("the page of a check", error) is None:
            raise
        return
    rows = [cell.as_row() for cell in matrix.cells]
    notes = [
        f"undisturbed it leaves {', '.join(left)}" for left in [matrix.leaves_undisturbed] if left
    ]
    left = {fault: matrix.not_tried(fault) for fault in matrix.faults}
    untried = ", ".join(f"{count} of {fault}" for fault, count in left.items() if count)
    if untried:
        notes.append(f"the check was stopped; runs that were not tried: {untried}")
    write_whole(folder / PAGE, fault_page(rows, title=title, notes=notes))
    save_figure(plot_fault_matrix(rows), folder / "matrix")
