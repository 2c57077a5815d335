"""The commands that need no experiment: ``audit`` of a live containerd, ``explain`` of one trial.

Both only read. Exit codes of ``audit``: 0 nothing found; 3 findings; 1 it cannot connect; 2 the
request was wrong.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from iluvatar_bench.commands.explain_run import autopsy_in, list_failed
from iluvatar_bench.commands.options import AsJson
from iluvatar_bench.errors import UnusablePath, UsageError
from iluvatar_bench.host.socket_address import socket_path
from iluvatar_bench.host.writable import require_writable

if TYPE_CHECKING:
    from iluvatar_bench.audit import Audit
    from iluvatar_bench.explain import Autopsy
    from iluvatar_bench.records.run_result import RunResult

FINDINGS = 3
"""Exit code when something was found."""

out = Console(highlight=False)

Address = Annotated[
    Path | None,
    typer.Option(
        parser=socket_path,
        metavar="SOCKET",
        help="socket of a running containerd; default: the system's",
    ),
]
Namespace = Annotated[
    str | None, typer.Option(help="only this containerd namespace; default: all of them")
]

_STYLES = {"high": "bold red", "medium": "yellow", "low": "cyan"}


def audit_command(
    address: Address = None,
    namespace: Namespace = None,
    as_json: AsJson = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="go on: report containers as they are created")
    ] = False,
    grace: Annotated[
        float,
        typer.Option(min=0, help="seconds that something may lie about before it is left behind"),
    ] = 60.0,
    save_profile: Annotated[
        Path | None,
        typer.Option(help="write the client's habits as a profile (.toml, .json) for run"),
    ] = None,
    client: Annotated[
        str | None, typer.Option(help="whose habits, where there are several clients")
    ] = None,
) -> None:
    """Is this containerd's client making the known mistakes; what is at risk, and the fix."""
    from iluvatar_bench.audit import SYSTEM_SOCKET, audit_daemon

    socket = address or SYSTEM_SOCKET
    audit = asyncio.run(audit_daemon(socket, namespace=namespace, grace_seconds=grace))
    if save_profile is not None:
        _save_profile(audit, save_profile, client)
    if as_json:
        # One document: indented alone, on one line before the alarms.
        _print(json.dumps(audit.as_dict(), indent=None if watch else 2))
    else:
        _show(audit)
    alarms = _watch(socket, namespace, as_json) if watch else 0
    if audit.findings or alarms:
        raise typer.Exit(FINDINGS)


def explain_command(
    run: Annotated[
        str | None,
        typer.Argument(
            metavar="RUN", help="a run's folder or name, @latest, @2; see runs", show_default=False
        ),
    ] = None,
    trial: Annotated[
        str | None,
        typer.Argument(
            metavar="TRIAL",
            help="the trial's number, or a bug class or mechanism: the first trial of it; default: "
            "list the failed ones",
            show_default=False,
        ),
    ] = None,
    live: Annotated[
        str | None,
        typer.Option("--live", metavar="CONTAINER", help="a container that exists now, instead"),
    ] = None,
    address: Address = None,
    namespace: Namespace = None,
    html: Annotated[
        Path | None, typer.Option("--html", help="write a self-contained page instead")
    ] = None,
) -> None:
    """The autopsy of one trial, or of one live container: what happened, why, what prevents it."""
    if (live is None) == (run is None):
        raise UsageError("name either RUN (and TRIAL), or --live CONTAINER")
    require_writable(html)
    if live is not None:
        autopsy = _live(live, address, namespace)
    else:
        assert run is not None
        opened = _opened(run)
        if trial is None:
            if html is not None:
                raise UsageError("a page is of one trial: name it, explain RUN TRIAL --html FILE")
            list_failed(run, opened)
            return
        autopsy = autopsy_in(opened, trial)
    if html is None:
        out.print(str(autopsy), soft_wrap=True, markup=False, end="")
        return
    try:
        html.write_text(autopsy.page())
    except OSError as error:
        raise UnusablePath(f"cannot write {html}: {error.strerror}") from error
    _print(str(html))


def _opened(run: str) -> RunResult:
    from iluvatar_bench.runs import find_run, open_run

    return open_run(find_run(run))


def _live(container: str, address: Path | None, namespace: str | None) -> Autopsy:
    from iluvatar_bench.audit import SYSTEM_SOCKET, audit_daemon, live_container
    from iluvatar_bench.explain import explain_container

    audit = asyncio.run(audit_daemon(address or SYSTEM_SOCKET, namespace=namespace))
    return explain_container(live_container(audit, container))


def _show(audit: Audit) -> None:
    _print(audit.headline)
    if audit.findings:
        _print("")
        _print_table(_findings(audit))
    if audit.losing:
        _print(
            f"The next collection removes {len(audit.losing)} active snapshots; "
            f"{sum(one.in_use for one in audit.losing)} of them are in use right now."
        )
    for client in audit.clients:
        _print(_client_line(client.as_dict()))
    if audit.state.collector is not None:
        settings = ", ".join(f"{k} {v}" for k, v in asdict(audit.state.collector).items())
        _print(f"collector: {settings}")
    for note in audit.version_notes:
        _print(f"version: {note}")
    for remark in audit.state.remarks:
        _print(f"not judged: {remark}")


def _print_table(table: Table) -> None:
    if out.is_terminal:
        out.print(table)
        return
    # A table is padded to its width, which a file or a pipe does not need.
    plain = Console(highlight=False, width=120)
    with plain.capture() as captured:
        plain.print(table)
    _print("\n".join(line.rstrip() for line in captured.get().splitlines()))


def _findings(audit: Audit) -> Table:
    """A block a finding: the fix and the source belong to the finding, not to a far column."""
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for found in audit.findings:
        style = _STYLES[found.severity]
        heading = Text.assemble((f"{found.rule.what}: {found.count}", "bold"))
        table.add_row(Text(found.severity.upper(), style=style), heading)
        lines = [("objects", found.first_three), ("why", found.rule.why)]
        lines += [("here", detail) for detail in found.details]
        lines += [("can end as", ", ".join(found.bug_classes))] if found.bug_classes else []
        lines += [("fix", found.rule.fix), ("source", found.rule.source)]
        for label, text in lines:
            table.add_row(Text(f"  {label}", style="dim"), Text(text))
        table.add_row("", "")
    return table


def _client_line(client: dict[str, object]) -> str:
    habits = client["habits"]
    assert isinstance(habits, dict)
    shown = ", ".join(
        f"{factor}={seen['level']}"
        + (f" (or {', or '.join(seen['or_else'])}: no trace tells)" if "or_else" in seen else "")
        + ("" if seen["seen"] == seen["of"] else f" ({seen['seen']} of {seen['of']})")
        for factor, seen in habits.items()
    )
    nearest = client["nearest_preset"] or "not enough is seen to say"
    return (
        f"client {client['client']} in {client['namespace']}: {client['containers']} containers, "
        f"{shown or 'no habit seen'}; nearest preset: {nearest}"
    )


def _save_profile(audit: Audit, path: Path, wanted: str | None) -> None:
    from iluvatar_bench.profiles.profile_file import write_profile

    chosen = [c for c in audit.clients if wanted in (None, c.name)]
    names = ", ".join(sorted({c.name for c in audit.clients})) or "none"
    if len(chosen) != 1:
        several = "several clients" if chosen else "no such client"
        raise UsageError(f"{several} to take a profile from; choose one with --client: {names}")
    profile = chosen[0].profile()
    if profile is None:
        raise UsageError(f"client {chosen[0].name} shows too little to make a profile from")
    write_profile(profile.model_dump(), path)


def _watch(socket: Path, namespace: str | None, as_json: bool) -> int:
    """Print alarms until the user ends it; gives how many there were."""
    from iluvatar_bench.audit import Alarm, watch_daemon

    alarms: list[Alarm] = []

    async def follow() -> None:
        async with aclosing(watch_daemon(socket, namespace=namespace)) as stream:
            async for alarm in stream:
                alarms.append(alarm)
                _print(json.dumps(alarm.as_dict()) if as_json else str(alarm))

    if not as_json:
        _print("watching; end it with Ctrl-C")
    try:
        asyncio.run(follow())
    except KeyboardInterrupt:
        # The way to end a watch: no error.
        pass
    return len(alarms)


def _print(text: str) -> None:
    """One line, never wrapped: paths and JSON must survive a pipe."""
    out.print(text, soft_wrap=True, markup=False)
