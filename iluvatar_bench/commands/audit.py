"""The commands that need no experiment: ``audit`` of a live containerd, ``explain`` of one trial.

Both only read, but for ``audit --fix-plan --apply`` and ``--undo``. Exit codes of ``audit``: 0
nothing found but what is untidy; 3 findings; 1 it cannot connect; 2 the request was wrong.
"""

from __future__ import annotations

import asyncio
import json
import re
import shlex
from contextlib import aclosing
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from iluvatar_bench.commands.called_as import as_called
from iluvatar_bench.commands.explain_run import autopsy_in, list_failed
from iluvatar_bench.commands.open_named import open_named
from iluvatar_bench.commands.options import AsJson
from iluvatar_bench.count_words import count_of
from iluvatar_bench.errors import UnusablePath, UsageError
from iluvatar_bench.host.socket_address import socket_path
from iluvatar_bench.host.writable import require_writable

if TYPE_CHECKING:
    from iluvatar_bench.audit import Audit, ClientHabits, FixPlan
    from iluvatar_bench.explain import Autopsy

FINDINGS = 3
"""Exit code when something was found."""

out = Console(highlight=False)

Address = Annotated[
    Path | None,
    typer.Option(
        parser=socket_path,
        metavar="SOCKET",
        envvar="CONTAINERD_ADDRESS",
        help="socket of a running containerd, unix:// or not; default: the system's",
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
        str | None, typer.Option(help="with --save-profile: whose habits, where several are there")
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="name every object of a finding, not three")
    ] = False,
    plan: Annotated[
        bool, typer.Option("--fix-plan", help="the calls to change, and what holds until then")
    ] = False,
    apply: Annotated[
        bool,
        typer.Option("--apply", help="with --fix-plan: hold by a lease what is exposed now"),
    ] = False,
    undo: Annotated[
        bool, typer.Option("--undo", help="with --fix-plan: delete the leases of --apply")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="exit 3 on low findings alone, too")
    ] = False,
) -> None:
    """Is this containerd's client making the known mistakes; what is at risk, and the fix."""
    from iluvatar_bench.audit import SYSTEM_SOCKET, Severity, audit_daemon, fix_plan

    if (apply or undo) and not plan:
        raise UsageError(f"{'--apply' if apply else '--undo'} belongs to --fix-plan")
    if apply and undo:
        raise UsageError("--apply makes leases and --undo deletes them: name one of them")
    if client is not None and save_profile is None:
        raise UsageError("--client says whose profile to write: name the file with --save-profile")
    _require_profile_file(save_profile)
    socket = address or SYSTEM_SOCKET
    audit = asyncio.run(audit_daemon(socket, namespace=namespace, grace_seconds=grace))
    if save_profile is not None and client is not None:
        # Before anything is printed, or held.
        _chosen_client(audit, save_profile, client)
    if as_json:
        # One document: indented alone, on one line before the alarms.
        planned = {"fix_plan": fix_plan(audit).as_dict()} if plan else {}
        _print(json.dumps({**audit.as_dict(), **planned}, indent=None if watch else 2))
    elif plan:
        _print(audit.headline)
    else:
        _show(audit, every=every)
    if plan:
        _fix(audit, socket, apply=apply, undo=undo, quiet=as_json)
    if save_profile is not None:
        _save_profile(audit, save_profile, client, quiet=as_json)
    alarms = _watch(socket, namespace, as_json) if watch else 0
    if alarms or any(strict or found.severity is not Severity.LOW for found in audit.findings):
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
        (opened,) = open_named([run])
        if trial is None:
            if html is not None:
                raise UsageError("a page is of one trial: name it, explain RUN TRIAL --html FILE")
            list_failed(run, opened)
            return
        autopsy = autopsy_in(opened, trial)
    if html is None:
        out.print(as_called(str(autopsy)), soft_wrap=True, markup=False, end="")
        return
    try:
        html.write_text(autopsy.page())
    except OSError as error:
        raise UnusablePath(f"cannot write {html}: {error.strerror}") from error
    _print(str(html))


def _live(container: str, address: Path | None, namespace: str | None) -> Autopsy:
    from iluvatar_bench.audit import SYSTEM_SOCKET, audit_daemon, live_container
    from iluvatar_bench.explain import explain_container

    socket = address or SYSTEM_SOCKET
    audit = asyncio.run(audit_daemon(socket, namespace=namespace))
    return explain_container(live_container(audit, container))


def _show(audit: Audit, *, every: bool) -> None:
    _print(audit.headline)
    if audit.findings:
        _print("")
        _print_table(_findings(audit, every=every))
    if audit.losing:
        _print(
            f"The next collection removes {len(audit.losing)} active snapshots; "
            f"{sum(one.in_use for one in audit.losing)} of them are in use right now."
        )
    for client in audit.clients:
        _print(_client_line(client.as_dict()))
    if audit.state.host.peers:
        names = (f"{peer.program} (pid {peer.pid})" for peer in audit.state.host.peers)
        _print(f"connected now: {', '.join(names)}")
    if audit.state.collector is not None:
        settings = ", ".join(f"{k} {v}" for k, v in asdict(audit.state.collector).items())
        _print(f"collector: {settings}")
    for note in audit.notes:
        _print(f"note: {note}")
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


def _findings(audit: Audit, *, every: bool) -> Table:
    """A block a finding: the fix and the source belong to the finding, not to a far column."""
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for found in audit.findings:
        style = _STYLES[found.severity]
        heading = Text.assemble((f"{found.rule.what}: {found.count}", "bold"))
        table.add_row(Text(found.severity.upper(), style=style), heading)
        lines = [("stands for", found.severity.meaning)]
        lines += [("objects", ", ".join(found.objects) if every else found.first_three)]
        lines += [("client", ", ".join(found.clients))] if found.clients else []
        lines += [("why", found.rule.why)]
        lines += [("here", detail) for detail in found.details]
        lines += [("can end as", ", ".join(found.bug_classes))] if found.bug_classes else []
        lines += [("fix", found.rule.fix), ("source", found.rule.source)]
        for label, text in lines:
            table.add_row(Text(f"  {label}", style="dim"), Text(text))
        table.add_row("", "")
    return table


def _fix(audit: Audit, socket: Path, *, apply: bool, undo: bool, quiet: bool) -> None:
    """Print the plan, and do what of it was asked for; what was done goes to stderr with JSON."""
    from iluvatar_bench.audit import apply_hold, fix_plan, undo_holds

    plan = fix_plan(audit)
    if not quiet:
        _show_plan(plan)
    done: list[str] = []
    if apply:
        done += map(str, asyncio.run(apply_hold(socket, plan.exposed)))
    if undo:
        leases = [(namespace, lease.info.id) for namespace, lease in plan.holds]
        done += (f"deleted {one}" for one in asyncio.run(undo_holds(socket, leases)))
    for line in done:
        typer.echo(line, err=quiet)
    if (apply or undo) and not done:
        typer.echo("nothing to hold" if apply else "nothing to undo", err=quiet)


def _show_plan(plan: FixPlan) -> None:
    from iluvatar_bench.audit import hold_text

    for step in plan.steps:
        whose = f" ({', '.join(step.found.clients)})" if step.found.clients else ""
        _print(f"\n{step.found.rule.name}{whose}")
        _print(f"  found      {step.found.rule.what}: {step.found.count}")
        for call in step.calls.calls:
            _print(f"  change     {call}")
        for line in step.calls.ctr:
            _print(f"  by hand    {line}")
        _print(f"  meanwhile  {step.calls.meanwhile}")
    if plan.exposed:
        _print(
            f"\nexposed now: {count_of(len(plan.exposed), 'snapshot')}; --apply holds them, by "
            "hand it is"
        )
        for one in plan.exposed[:3]:
            _print(f"  {one.by_hand}   # undo: {one.undo_by_hand}")
        if len(plan.exposed) > 3:
            _print(f"  and {len(plan.exposed) - 3} more, which --json names")
    for namespace, lease in plan.holds:
        _print(f"held since an earlier --apply: {hold_text(namespace, lease)}; --undo deletes it")


def _client_line(client: dict[str, Any]) -> str:
    habits: dict[bool, list[str]] = {True: [], False: []}
    for factor, seen in client["habits"].items():
        counted = "" if seen["seen"] == seen["of"] else f" ({seen['seen']} of {seen['of']})"
        other = (
            f" (or {', or '.join(seen['or_else'])}: no trace tells)" if "or_else" in seen else ""
        )
        habits[seen.get("enough", True)].append(f"{factor}={seen['level']}{other}{counted}")
    few = f"; not enough is seen of: {', '.join(habits[False])}" if habits[False] else ""
    as_near = " as to ".join(client["as_near"])
    tied = f"as near to {as_near}" if as_near else "not enough is seen to say"
    return (
        f"client {client['client']} in {client['namespace']}: "
        f"{count_of(client['containers'], 'container')}, "
        f"{', '.join(habits[True]) or 'no habit seen'}{few}; "
        f"nearest preset: {client['nearest_preset'] or tied}"
    )


def _require_profile_file(path: Path | None) -> None:
    """Refuse a file that no profile could be written to, before the audit for it."""
    from iluvatar_bench.profiles.profile_file import require_suffix

    if path is not None:
        require_suffix(path)
        require_writable(path)


def _chosen_client(audit: Audit, path: Path, wanted: str | None) -> ClientHabits:
    """The client whose profile is meant.

    Raises:
        UsageError: there is none of that name, or more than one.
    """
    chosen = [c for c in audit.clients if wanted in (None, c.name)]
    if len(chosen) != 1:
        raise UsageError(_which_client(audit, path, wanted, several=bool(chosen)))
    return chosen[0]


def _save_profile(audit: Audit, path: Path, wanted: str | None, *, quiet: bool) -> None:
    from iluvatar_bench.profiles.profile_file import write_profile

    client = _chosen_client(audit, path, wanted)
    profile = client.profile()
    if profile is None:
        raise UsageError(f"client {client.name} shows too little to make a profile from")
    notes = client.sources()
    heading = (
        f"What an audit saw of client {client.name}. What left no trace is assumed, as in\n"
        f"{client.base}, the preset nearest to what was seen."
    )
    write_profile(profile.model_dump(), path, notes=notes, heading=heading)
    assumed = [factor for factor, source in notes.items() if source.startswith("assumed")]
    if not quiet:
        told = f"as in {client.base}: {', '.join(assumed)}" if assumed else "nothing"
        _print(f"profile of {client.name}: {path}; assumed {told}")


def _which_client(audit: Audit, path: Path, wanted: str | None, *, several: bool) -> str:
    """What to say where it is not clear whose profile is meant: a file for each."""
    if not several:
        names = ", ".join(sorted({c.name for c in audit.clients})) or "none"
        return f"no such client to take a profile from: {wanted}; there are: {names}"
    if wanted is not None:
        spaces = ", ".join(sorted({c.namespace for c in audit.clients if c.name == wanted}))
        return f"client {wanted} is in several namespaces; choose one with --namespace: {spaces}"
    offers = [
        f"--client {shlex.quote(name)} --save-profile "
        f"{shlex.quote(str(path.with_stem(f'{path.stem}-{_plain(name)}')))}"
        for name in sorted({client.name for client in audit.clients})
    ]
    return f"several clients to take a profile from; a file for each: {'; '.join(offers)}"


def _plain(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9.]+", "-", name).strip("-") or "client"


def _watch(socket: Path, namespace: str | None, as_json: bool) -> int:
    """Print alarms until the user ends it; gives how many there were."""
    from iluvatar_bench.audit import Alarm, watch_restarts

    alarms: list[Alarm] = []

    async def follow() -> None:
        async with aclosing(watch_restarts(socket, namespace=namespace)) as stream:
            async for seen in stream:
                alarms.extend([seen] if isinstance(seen, Alarm) else [])
                _print(json.dumps(seen.as_dict()) if as_json else str(seen))

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
