"""``report``: runs as one HTML page; ``record``: a run kept in the source checkout."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from iluvatar_bench.commands.open_named import open_named
from iluvatar_bench.commands.output import print_plain
from iluvatar_bench.errors import UnusablePath


def report_command(
    runs: Annotated[
        list[str],
        typer.Argument(metavar="RUN...", help="run folders, or names of recorded runs"),
    ],
    output: Annotated[Path, typer.Option("--out", help="the page")] = Path("report.html"),
    title: Annotated[str, typer.Option(help="default: the names of the runs")] = "",
) -> None:
    """Write one HTML page about runs: verdict, rates, latencies, timelines, residue, provenance.

    The page needs no other file and no network. The runs are compared with the first.
    """
    from iluvatar_bench.host.writable import require_writable

    require_writable(output)
    opened = open_named(runs)
    from iluvatar_bench.report import report_page

    page = report_page(opened, title=title)
    try:
        output.write_text(page)
    except OSError as error:
        raise UnusablePath(f"cannot write {output}: {error.strerror}") from error
    print_plain(f"report: {output}")


def record_command(
    run: Annotated[str, typer.Argument(help="folder of a finished run")],
    name: Annotated[str, typer.Argument(help="what the recorded run is called")],
    replace: Annotated[
        bool, typer.Option("--replace", help="put it in the place of one of this name")
    ] = False,
) -> None:
    """Keep a run in data/runs, where every analysis finds it by name, without root or containerd.

    Manifest and tables are kept; journal, logs, figures and notebooks are not.
    """
    from iluvatar_bench.runs import record_run

    print_plain(f"recorded: {record_run(Path(run), name, replace=replace)}")
