"""``observe``: a live node watched for long, read-only."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import sys
from collections import Counter
from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from iluvatar_bench.commands.interrupt import run_stoppable
from iluvatar_bench.commands.options import AsJson
from iluvatar_bench.commands.output import print_plain
from iluvatar_bench.count_words import count_of
from iluvatar_bench.errors import UsageError
from iluvatar_bench.host.socket_address import socket_path

if TYPE_CHECKING:
    import asyncio

    from iluvatar_bench.observe import LatentDamage, ObserveSettings
    from iluvatar_bench.observe.metrics_address import MetricsAddress
    from iluvatar_bench.records import Trial

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(s|m|h|d)?")
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


def observe_command(
    address: Annotated[
        Path | None,
        typer.Option(
            parser=socket_path,
            metavar="SOCKET",
            help="socket of a running containerd; default: the system's",
        ),
    ] = None,
    namespaces: Annotated[
        list[str] | None,
        typer.Option("--namespace", help="only this containerd namespace; default: all of them"),
    ] = None,
    client: Annotated[
        list[str] | None,
        typer.Option(
            "--client", metavar="LABEL=VALUE", help="only containers whose record has this label"
        ),
    ] = None,
    duration: Annotated[
        str | None,
        typer.Option("--for", metavar="DURATION", help="as in 90s, 30m, 8h, 7d; default: no end"),
    ] = None,
    results: Annotated[
        Path | None,
        typer.Option("--out", help="the folder; one of an earlier observation is gone on with"),
    ] = None,
    witness: Annotated[
        bool,
        typer.Option("--witness/--no-witness", help="have the kernel name who sends signals"),
    ] = True,
    with_args: Annotated[
        bool,
        typer.Option("--with-args", help="keep the arguments that containers are started with"),
    ] = False,
    sample_seconds: Annotated[
        float, typer.Option(min=0, help="period of memory and cgroup counters; 0: none")
    ] = 10.0,
    on_failure: Annotated[
        str | None,
        typer.Option(
            metavar="COMMAND",
            help="run this for each failure: no shell; the failure as JSON on its standard input",
        ),
    ] = None,
    metrics: Annotated[
        str | None,
        typer.Option(
            metavar="[HOST:]PORT", help="serve OpenMetrics there; without a host: on loopback"
        ),
    ] = None,
    logs: Annotated[
        list[Path] | None,
        typer.Option(
            "--logs", metavar="FILE", help="a worker's log, joined to its containers; may repeat"
        ),
    ] = None,
    alerts: Annotated[
        bool, typer.Option("--alerts", help="print alert rules for Prometheus, and do nothing")
    ] = False,
    dashboard: Annotated[
        bool, typer.Option("--dashboard", help="print a dashboard for Grafana, and do nothing")
    ] = False,
    unit: Annotated[
        bool, typer.Option("--unit", help="print a systemd unit that does this, and do nothing")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Watch the containers of every client of a running containerd; nothing is changed there.

    Each container is a trial, from its first event to its removal: ok, failed or unknown, with
    class, mechanism and client. report, explain and compare take the folder. Ctrl-C ends it in good
    order; a killed one is gone on with by the same --out.
    """
    from iluvatar_bench.audit import SYSTEM_SOCKET
    from iluvatar_bench.observe import ObserveSettings
    from iluvatar_bench.observe.metrics_address import metrics_address

    if alerts or dashboard:
        print_plain(_shipped("alerts.yaml" if alerts else "dashboard.json"))
        return
    served_at = None if metrics is None else metrics_address(metrics)
    seconds = None if duration is None else _seconds(duration)
    settings = ObserveSettings(
        address=address or SYSTEM_SOCKET,
        out=results or _new_folder(),
        namespaces=tuple(namespaces or ()),
        labels=_labels(client or []),
        witness=witness,
        with_args=with_args,
        sample_seconds=sample_seconds,
        logs=tuple(logs or ()),
    )
    if unit:
        print_plain(_unit(settings, duration, on_failure, served_at))
        return
    told = _Told(as_json)
    path, _ = run_stoppable(
        lambda stop: _observed(settings, stop, seconds, told, on_failure, served_at),
        told=lambda: None,
    )
    # Only now: whoever watches for a month does without pandas.
    from iluvatar_bench.observe.write_tables import write_observed

    write_observed(path)
    told.end(path)


async def _observed(
    settings: ObserveSettings,
    stop: asyncio.Event,
    seconds: float | None,
    told: _Told,
    on_failure: str | None,
    served_at: MetricsAddress | None,
) -> Path:
    from iluvatar_bench.observe import Listeners, observe
    from iluvatar_bench.observe.on_failure import failure_command

    async with AsyncExitStack() as stack:
        command = series = None
        if on_failure is not None:
            command = await stack.enter_async_context(failure_command(_words(on_failure)))
        if served_at is not None:
            # Only now: without metrics nothing of it is needed.
            from iluvatar_bench.observe.metrics import ObserverMetrics

            series = ObserverMetrics()
            series.begin(address=str(settings.address), version=version("iluvatar-bench"))
            served_at = stack.enter_context(series.served(served_at))

        def trial(ended: Trial) -> None:
            told.trial(ended)
            if series is not None:
                series.trial(ended)
            if command is not None and ended.bug_class is not None:
                command.call(trial_row(ended))

        def latent(damage: LatentDamage) -> None:
            told.latent(damage)
            if series is not None:
                series.latent(damage)

        listeners = Listeners(
            ready=lambda found: told.ready(settings, found, served_at),
            trial=trial,
            latent=latent,
            log=told.log,
            health=lambda health: series.look(health) if series is not None else None,
        )
        return await observe(settings, stop=stop, seconds=seconds, listeners=listeners)


class _Told:
    """What is printed: a line for what went wrong, or a JSON document a line for everything."""

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json
        self._outcomes: Counter[str] = Counter()
        self._failures: Counter[tuple[str, str, str]] = Counter()
        self._clients: set[str] = set()
        self._latent = 0

    def ready(
        self, settings: ObserveSettings, found: int, served_at: MetricsAddress | None
    ) -> None:
        metrics = None if served_at is None else f"http://{served_at}/metrics"
        if self._as_json:
            ready = {"kind": "ready", "folder": str(settings.out), "containers": found}
            self._line({**ready, "metrics": metrics})
        else:
            there = count_of(found, "container is there", "containers are there")
            served = "" if metrics is None else f"; metrics: {metrics}"
            print_plain(
                f"observing {settings.address}: {there}; kept in "
                f"{settings.out}{served}; end it with Ctrl-C"
            )

    def trial(self, trial: Trial) -> None:
        client = str(trial.factors["client"])
        self._outcomes[str(trial.outcome)] += 1
        if trial.bug_class is not None:
            from iluvatar_bench.observe.settings import MOST_CLIENTS, OTHERS

            if client not in self._clients and len(self._clients) >= MOST_CLIENTS:
                client = OTHERS
            self._clients.add(client)
            self._failures[client, trial.bug_class, trial.mechanism or "unknown"] += 1
        if self._as_json:
            self._line({"kind": "trial", **trial_row(trial)})
        elif trial.bug_class is not None:
            when = f"{datetime.now(UTC):%H:%M:%S}"
            print_plain(
                _shown(
                    f"{when} {trial.container_id} ({client}) failed: {trial.bug_class}, "
                    f"{trial.mechanism}: {trial.error}"
                )
            )

    def latent(self, damage: LatentDamage) -> None:
        self._latent += 1
        if self._as_json:
            self._line({"kind": "latent", **damage.as_dict()})
        else:
            print_plain(_shown(str(damage)))

    def log(self, row: Mapping[str, Any]) -> None:
        if self._as_json:
            self._line({"kind": "log", **row})

    def end(self, path: Path) -> None:
        outcomes = {name: self._outcomes[name] for name in ("ok", "failed", "unknown")}
        failures = [
            {"client": client, "bug_class": kind, "mechanism": mechanism, "count": count}
            for (client, kind, mechanism), count in sorted(self._failures.items())
        ]
        if self._as_json:
            end = {"outcomes": outcomes, "failures": failures, "latent": self._latent}
            self._line({"kind": "end", "folder": str(path), **end})
            return
        counted = ", ".join(f"{count} {name}" for name, count in outcomes.items())
        print_plain(
            f"{count_of(sum(outcomes.values()), 'container')} ended: {counted}; "
            f"{self._latent} lost their snapshot while they ran; kept in {path}"
        )
        for row in failures:
            print_plain(_shown("  {count} x {bug_class} ({mechanism}) of {client}".format(**row)))

    def _line(self, document: dict[str, Any]) -> None:
        print_plain(json.dumps(document))


def trial_row(trial: Trial) -> dict[str, Any]:
    """A trial as a line of ``--json``, and as a failure's command gets it."""
    return {
        "trial": trial.trial,
        "container": trial.container_id,
        "client": trial.factors["client"],
        "outcome": str(trial.outcome),
        "bug_class": trial.bug_class,
        "mechanism": trial.mechanism,
        "exit_status": trial.exit_status,
        "error": trial.error,
        "latent": trial.evidence.get("latent"),
    }


def _shown(text: str) -> str:
    """A line of what anybody may have written: nothing in it commands a terminal."""
    return "".join(c if c.isprintable() else "?" for c in text)[:500]


def _words(command: str) -> list[str]:
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise UsageError(f"--on-failure {command}: {error}") from error
    if not words or shutil.which(words[0]) is None:
        raise UsageError(f"--on-failure {command}: there is no such program")
    return words


def _shipped(name: str) -> str:
    """The text of a file that travels with the package."""
    from iluvatar_bench.shipped import DATA

    return (DATA / "observe" / name).read_text().rstrip()


def _unit(
    settings: ObserveSettings,
    duration: str | None,
    on_failure: str | None,
    metrics: MetricsAddress | None,
) -> str:
    """The unit that observes with the options of this call."""
    from iluvatar_bench.observe.unit import systemd_unit

    arguments = ["--address", str(settings.address)]
    for name in settings.namespaces:
        arguments += ["--namespace", name]
    for label, value in settings.labels.items():
        arguments += ["--client", f"{label}={value}"]
    arguments += ["--for", duration] if duration is not None else []
    arguments += [] if settings.witness else ["--no-witness"]
    arguments += ["--with-args"] if settings.with_args else []
    arguments += ["--sample-seconds", f"{settings.sample_seconds:g}"]
    arguments += ["--on-failure", on_failure] if on_failure is not None else []
    arguments += ["--metrics", str(metrics)] if metrics is not None else []
    for file in settings.logs:
        arguments += ["--logs", str(file.absolute())]
    program = shutil.which("iluvatar-bench") or str(Path(sys.executable).parent / "iluvatar-bench")
    folder = settings.out.absolute()
    return systemd_unit(program, folder=folder, arguments=arguments, metrics=metrics).rstrip()


def _new_folder() -> Path:
    return Path("results") / f"observed-{datetime.now(UTC):%Y%m%dT%H%M%S}"


def _labels(given: list[str]) -> dict[str, str]:
    pairs = [text.partition("=") for text in given]
    for (name, equals, _), text in zip(pairs, given, strict=True):
        if not name or not equals:
            raise UsageError(f"--client {text}: as in --client owner=iluvatar_worker")
    return {name: value for name, _, value in pairs}


def _seconds(text: str) -> float:
    found = _DURATION.fullmatch(text)
    if found is None or float(found[1]) <= 0:
        raise UsageError(f"--for {text}: a number with s, m, h or d, as in 30m")
    return float(found[1]) * _SECONDS[found[2] or ""]
