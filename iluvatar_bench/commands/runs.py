"""``runs``: the run folders there are, a line each."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from iluvatar_bench.commands.options import AsJson
from iluvatar_bench.commands.output import print_json, print_plain, print_rows

if TYPE_CHECKING:
    from iluvatar_bench.runs.overview import RunRow

_HEADER = (
    "call it",
    "run",
    "profile",
    "workload",
    "function",
    "trials",
    "failed",
    "begun (UTC)",
    "host",
    "status",
)


def runs_command(
    results: Annotated[Path, typer.Option("--out", help="folder of the run folders")] = Path(
        "results"
    ),
    as_json: AsJson = False,
) -> None:
    """List the runs of a results folder, begun last first, and then the recorded ones.

    Wherever a command takes a run it takes its folder, the name of a recorded run, @latest, @2 for
    the one before it, and a part of a name that no other run in results has. FOLDER/@latest is
    that of another folder.
    """
    from iluvatar_bench.runs.overview import run_rows

    rows = run_rows(results)
    if as_json:
        print_json([row.as_json() for row in rows])
        return
    print_rows(_HEADER, [_cells(row) for row in rows])
    if all(row.recorded for row in rows):
        print_plain(f"no run folder in {results}; these are the recorded ones")


def _cells(row: RunRow) -> tuple[str, ...]:
    return (
        row.call,
        row.run_id,
        row.profile,
        row.workload,
        row.function,
        "?" if row.trials is None else str(row.trials),
        "?" if row.failed is None else str(row.failed),
        row.started_at[:16].replace("T", " "),
        row.host,
        row.status,
    )
