"""``daemon``: a private containerd that lives on, for interactive work."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from iluvatar_bench.commands.called_as import program
from iluvatar_bench.commands.options import AsJson
from iluvatar_bench.commands.output import example, print_json, print_plain, print_rows
from iluvatar_bench.errors import EnvironmentProblem, UsageError

if TYPE_CHECKING:
    from iluvatar_bench.containerd.daemon.supervised import DaemonHealth, SupervisedDaemon

daemon_app = typer.Typer(
    no_args_is_help=True, help="A private containerd that lives on, for interactive work."
)


class CollectorChoice(StrEnum):
    """When the daemon collects."""

    NATURAL = "natural"
    QUIET = "quiet"


class LogLevelChoice(StrEnum):
    """How much the daemon logs."""

    INFO = "info"
    DEBUG = "debug"


@daemon_app.command(
    "start", epilog=example("daemon start", "daemon start --collector quiet --log-level debug")
)
def daemon_start(
    collector: Annotated[
        CollectorChoice, typer.Option(help="containerd's own settings, or only when it is forced")
    ] = CollectorChoice.NATURAL,
    log_level: Annotated[
        LogLevelChoice, typer.Option(help="debug tells of every collection")
    ] = LogLevelChoice.INFO,
    as_json: AsJson = False,
) -> None:
    """Start a private containerd, and say where it is and how to use it.

    It has its own root, state and socket, and lives until it is stopped.
    """
    from iluvatar_bench.containerd.client import NAMESPACE
    from iluvatar_bench.containerd.daemon.supervised import start_supervised

    daemon = start_supervised(collector=str(collector), log_level=str(log_level))
    if as_json:
        print_json(_as_json(daemon))
        return
    place = daemon.place
    print_plain(f"containerd {daemon.version} is up as {daemon.id}")
    print_plain(f"socket: {place.socket}")
    print_plain(f"namespace: {NAMESPACE}")
    print_plain(f"log: {place.log}\n")
    print_plain(f"export CONTAINERD_ADDRESS={place.socket} CONTAINERD_NAMESPACE={NAMESPACE}")
    print_plain("ctr containers list")
    print_plain(f"{program()} run cold-start --trials 4 --address $CONTAINERD_ADDRESS")
    print_plain(f"{program()} audit --address $CONTAINERD_ADDRESS")
    print_plain(f"{program()} daemon stop {daemon.id}")


@daemon_app.command("status", epilog=example("daemon status", "daemon status --json"))
def daemon_status(as_json: AsJson = False) -> None:
    """The daemons that live on; exit 1 if one does not answer."""
    from iluvatar_bench.containerd.daemon.supervised import look_at, supervised_daemons

    async def look() -> list[tuple[SupervisedDaemon, DaemonHealth]]:
        daemons = supervised_daemons()
        return [*zip(daemons, await asyncio.gather(*map(look_at, daemons)), strict=True)]

    found = asyncio.run(look())
    if as_json:
        print_json(
            [
                {
                    **_as_json(daemon),
                    "age_seconds": round(daemon.age_seconds, 1),
                    "state": health.state,
                    "containers_running": health.containers,
                    "problem": health.problem,
                }
                for daemon, health in found
            ]
        )
    elif not found:
        print_plain(f"no daemon; {program()} daemon start")
    else:
        rows = [
            (
                daemon.id,
                health.state,
                _age(daemon.age_seconds),
                "?" if health.containers is None else health.containers,
                daemon.pid,
                daemon.place.socket,
            )
            for daemon, health in found
        ]
        print_rows(("id", "state", "age", "running containers", "pid", "socket"), rows)
        if any(not health.supervised for _, health in found):
            print_plain(f"{program()} clean removes what was left behind")
    if any(health.state != "healthy" for _, health in found):
        raise typer.Exit(1)


@daemon_app.command("stop", epilog=example("daemon stop", "daemon stop --all"))
def daemon_stop(
    id: Annotated[
        str | None,
        typer.Argument(help="which one; not needed where there is one", show_default=False),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="all of them")] = False,
) -> None:
    """Stop a daemon and remove everything that belongs to it: containers, mounts, images."""
    from iluvatar_bench.containerd.daemon.supervised import supervised_daemons

    if every and id is not None:
        raise UsageError("name a daemon, or all of them with --all")
    daemons = supervised_daemons()
    chosen = daemons if id is None else tuple(d for d in daemons if d.id == id)
    names = ", ".join(daemon.id for daemon in daemons) or "none"
    if id is not None and not chosen:
        raise UsageError(f"no daemon {id!r}; there are: {names}")
    if len(chosen) > 1 and not every:
        raise UsageError(f"several daemons are there; name one, or all of them with --all: {names}")
    if not chosen:
        print_plain("no daemon is there to stop")
    stop_daemons(chosen)


def stop_daemons(daemons: tuple[SupervisedDaemon, ...]) -> None:
    """Stop each, also where another could not be; say which.

    Raises:
        EnvironmentProblem: of some of them something is left.
    """
    from iluvatar_bench.containerd.daemon.supervised import stop_supervised

    problems = []
    for daemon in daemons:
        try:
            asyncio.run(stop_supervised(daemon))
            print_plain(
                f"stopped {daemon.id}: its containers, mounts, cgroups and folders are gone"
            )
        except EnvironmentProblem as error:
            problems.append(str(error))
    if problems:
        raise EnvironmentProblem("; ".join(problems))


def _as_json(daemon: SupervisedDaemon) -> dict[str, Any]:
    from iluvatar_bench.containerd.client import NAMESPACE

    return {
        "id": daemon.id,
        "pid": daemon.pid,
        "version": daemon.version,
        "started_at": daemon.started_at.isoformat(),
        "collector": daemon.collector,
        "log_level": daemon.log_level,
        "address": str(daemon.place.socket),
        "namespace": NAMESPACE,
        "log": str(daemon.place.log),
    }


def _age(seconds: float) -> str:
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"
