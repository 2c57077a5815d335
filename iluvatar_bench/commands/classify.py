"""``classify``: the failures in logs, put into bug classes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from iluvatar_bench.commands.called_as import as_called
from iluvatar_bench.commands.output import out, print_json, print_plain, print_table
from iluvatar_bench.count_words import count_of

if TYPE_CHECKING:
    from iluvatar_bench.bugs.signatures import Signature
    from iluvatar_bench.worker_logs import LogReport
    from iluvatar_bench.worker_logs.failure import LogFailure
    from iluvatar_bench.worker_logs.span import TimeSpan

_GROUPS_SHOWN = 10
_EXAMPLE_CHARACTERS = 160


def classify_command(
    files: Annotated[
        list[str],
        typer.Argument(metavar="FILE...", help="logs, folders of logs, or - for standard input"),
    ],
    csv: Annotated[Path | None, typer.Option(help="write a row per failure as CSV")] = None,
    parquet: Annotated[Path | None, typer.Option(help="the same as Parquet")] = None,
    zone: Annotated[str, typer.Option(help="time zone of stamps that carry none")] = "UTC",
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="leave out what is older")
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="TIME", help="leave out what is of then and younger")
    ] = None,
    signatures: Annotated[
        Path | None, typer.Option(metavar="TOML", help="signatures of your own, tried first")
    ] = None,
    teach: Annotated[
        bool, typer.Option("--teach", help="print a draft signature for each unknown error")
    ] = False,
    follow: Annotated[
        bool,
        typer.Option(
            "--follow",
            help="read on, and print failures and unknown errors as they come; with --since, "
            "beginning with those since then",
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON instead")] = False,
) -> None:
    """Put the failures in worker and containerd logs into bug classes."""
    from iluvatar_bench.errors import UsageError
    from iluvatar_bench.host.writable import require_readable, require_writable

    if follow and (csv or parquet or teach):
        raise UsageError(
            "--follow prints failures as they come: --csv, --parquet and --teach need the end"
        )
    require_writable(csv, parquet)
    if not follow:
        # Before the patterns are compiled, which takes a while.
        require_readable(*(file for file in files if file != "-"))
    from iluvatar_bench.worker_logs import scan
    from iluvatar_bench.worker_logs.class_table import save_failures
    from iluvatar_bench.worker_logs.no_text import require_text
    from iluvatar_bench.worker_logs.own_signatures import described, drafts, read_signatures
    from iluvatar_bench.worker_logs.span import TimeSpan, time_of

    own = read_signatures(signatures) if signatures is not None else ()
    span = TimeSpan(
        since=time_of(since, zone=zone) if since else None,
        until=time_of(until, zone=zone) if until else None,
    )
    if follow:
        _follow(files, zone=zone, signatures=own, span=span, as_json=as_json)
        return
    report = scan(files, zone=zone, signatures=own, since=span.since, until=span.until)
    require_text(report)
    if teach:
        unknown = not report.unclassified.empty
        print_plain(drafts(report.unclassified) if unknown else "# no error is without a class")
    elif as_json:
        print_json(_document(report))
    else:
        _print_report(report)
        if own:
            print_plain(f"with {count_of(len(own), 'signature')} of {signatures}: {described(own)}")
    save_failures(report, csv=csv, parquet=parquet)


def _print_report(report: LogReport) -> None:
    from iluvatar_bench.worker_logs.class_table import class_table, group_table, remarks, steps

    nothing = report.failures.empty and report.unclassified.empty
    unreadable = bool(report.files["unreadable"].sum())
    said = remarks(report)
    if nothing and unreadable:
        # Nobody knows what stood in those lines.
        for remark in said:
            print_plain(remark)
        print_plain("no failure found in the lines that could be read")
        return
    if nothing:
        print_plain("no failure found")
    if len(report.failures):
        print_table(class_table(report))
        out.print()
        for line in steps(report):
            print_plain(as_called(line))
        out.print()
    if len(report.unclassified):
        total = int(report.unclassified["entries"].sum())
        print_plain(f"errors that no signature knows: {total}, by shape")
        print_table(group_table(report, most=_GROUPS_SHOWN, characters=_EXAMPLE_CHARACTERS))
        out.print()
    for remark in said:
        print_plain(remark)


def _document(report: LogReport) -> dict[str, object]:
    from iluvatar_bench.worker_logs.class_table import as_document

    return as_document(report)


def _follow(
    files: list[str],
    *,
    zone: str,
    signatures: tuple[Signature, ...],
    span: TimeSpan,
    as_json: bool,
) -> None:
    from iluvatar_bench.worker_logs.follow import follow

    from_start = span.since is not None
    found_ones = follow(files, zone=zone, signatures=signatures, from_start=from_start, span=span)
    for found in found_ones:
        if as_json:
            print_plain(json.dumps(_reported(found)))
            continue
        when = f"{found.time:%Y-%m-%d %H:%M:%S}" if found.time else "-"
        first = found.text.strip().split("\n", 1)[0][:_EXAMPLE_CHARACTERS]
        print_plain(f"{when}  {found.bug_class}  {found.container_id or '-'}  {first}")


def _reported(found: LogFailure) -> dict[str, str | int | None]:
    return {
        "time": found.time.isoformat() if found.time else None,
        "class": found.bug_class.value,
        "certainty": found.certainty.value,
        "container": found.container_id,
        "file": found.file,
        "line": found.line,
        "text": found.text,
    }
