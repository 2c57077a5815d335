"""``archive``: runs as one zip file that outlives its host; ``open``: the way back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from iluvatar_bench.commands.output import print_json, print_plain, print_rows
from iluvatar_bench.count_words import count_of

if TYPE_CHECKING:
    from iluvatar_bench.runs import OpenedArchive
    from iluvatar_bench.studies import TableCheck


def archive_command(
    runs: Annotated[list[str], typer.Argument(metavar="RUN...", help="runs (see runs)")],
    output: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE.zip", help="default: the first run's name"),
    ] = None,
    title: Annotated[str, typer.Option(help="of the archive; default: the runs' names")] = "",
    license_text: Annotated[
        str,
        typer.Option(
            "--license", help="of the data: an SPDX identifier (CC-BY-4.0), an address, or words"
        ),
    ] = "",
) -> None:
    """Keep runs in one zip file: whole folders, executed notebooks, versions, host, checksums.

    It describes itself as an RO-Crate 1.1. What may not leave this host does not belong into it:
    manifests and logs name the host, its paths and its containers.
    """
    from iluvatar_bench.host.writable import require_writable
    from iluvatar_bench.runs import archive_runs, find_run

    folders = [find_run(name) for name in runs]
    output = output or Path(f"{folders[0].resolve().name}.zip")
    require_writable(output)
    made = archive_runs(folders, output, title=title, license_text=license_text)
    print_plain(
        f"archive: {made.path} ({count_of(len(made.runs), 'run')}, {count_of(made.files, 'file')}, "
        f"{made.size_bytes / 2**20:.1f} MiB)"
    )


def open_command(
    archive: Annotated[Path, typer.Argument(metavar="ARCHIVE", help="a file of archive")],
    into: Annotated[
        Path | None,
        typer.Option("--into", metavar="DIR", help="a new folder; default: one in results"),
    ] = None,
    most_gib: Annotated[
        float, typer.Option("--most-gib", help="refuse an archive that unpacks to more")
    ] = 20.0,
    as_json: Annotated[bool, typer.Option("--json", help="the answer as JSON")] = False,
) -> None:
    """Check an archive, unpack it, and make every table of its runs again.

    Nothing is unpacked unless every file is what its checksum says. A table that comes out
    different is told, with exit status 1. Nothing that is in the archive is executed.
    """
    from iluvatar_bench.runs import open_archive
    from iluvatar_bench.studies import check_tables

    opened = open_archive(archive, into or Path("results") / archive.stem, most_gib=most_gib)
    checks = {folder.name: check_tables(folder) for folder in opened.runs}
    if as_json:
        print_json(_document(opened, checks))
    else:
        _print_checks(opened, checks)
    if any(check.differs for of_run in checks.values() for check in of_run):
        raise typer.Exit(1)


def _document(opened: OpenedArchive, checks: dict[str, tuple[TableCheck, ...]]) -> dict[str, Any]:
    return {
        "folder": str(opened.folder.resolve()),
        "files": opened.files,
        "runs": {
            name: {
                check.name: {
                    "rows": check.rows,
                    "made_from": check.source,
                    "differs": check.differs or None,
                }
                for check in of_run
            }
            for name, of_run in checks.items()
        },
    }


def _print_checks(opened: OpenedArchive, checks: dict[str, tuple[TableCheck, ...]]) -> None:
    print_plain(
        f"unpacked: {opened.folder} ({count_of(opened.files, 'file')}, each as its checksum says)"
    )
    rows = [
        (name, check.name, check.rows, check.source, check.differs or "the same")
        for name, of_run in checks.items()
        for check in of_run
    ]
    if rows:
        print_rows(("run", "table", "rows", "made from", "made again"), rows)
    same = sum(row[-1] == "the same" for row in rows)
    print_plain(f"tables that were made again and are the same: {same} of {len(rows)}")
    for folder in opened.runs:
        print_plain(f"run: {folder}")
