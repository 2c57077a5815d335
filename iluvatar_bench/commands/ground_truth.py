"""The command that tests attribution against causes that were made on purpose."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from iluvatar_bench.commands.options import ReadySeconds
from iluvatar_bench.count_words import count_of

if TYPE_CHECKING:
    from iluvatar_bench.records import Trial
    from iluvatar_bench.studies.known_causes import KnownCause

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


def ground_truth_command(
    repeats: Annotated[int, typer.Option(help="how often each cause is made")] = 5,
    concurrency: Annotated[int, typer.Option(help="causes at a time")] = 4,
    case: Annotated[
        list[str] | None, typer.Option("--case", help="one cause; default: all of them")
    ] = None,
    witness: Annotated[
        bool,
        typer.Option(
            help="ask the kernel who sent each signal; without, unknown is no wrong answer"
        ),
    ] = True,
    ready_seconds: ReadySeconds = 90.0,
    csv: Annotated[
        Path | None, typer.Option("--out", help="write the confusion matrix to this CSV file")
    ] = None,
) -> None:
    """Cause each mechanism on purpose and compare what is attributed; exit 1 if one is wrong.

    Without --case, causes that take a limit which this host cannot keep, or an older containerd
    or runc, are left out by name.
    """
    from iluvatar_bench.containerd.daemon.place import require_root
    from iluvatar_bench.containerd.daemon.versions import release
    from iluvatar_bench.errors import UnusablePath
    from iluvatar_bench.host.facts import program_version
    from iluvatar_bench.host.writable import require_writable
    from iluvatar_bench.studies.ground_truth import answer, ground_truth, is_right, mistakes
    from iluvatar_bench.studies.known_causes import choose, left_out

    def report(case: KnownCause, trial: Trial) -> None:
        if not is_right(case, trial, unknown_passes=not witness):
            err.print(
                f"{case.name}: {case.expected} was caused, {answer(trial)} found: {trial.error}",
                markup=False,
                soft_wrap=True,
            )

    # Before anything is said of what this host would leave out.
    require_root("running containers")
    require_writable(csv)
    cases = choose(case or ())
    if not case:
        containerd, runc = (
            release(program_version(name, "--version") or "") for name in ("containerd", "runc")
        )
        for name, why in (refused := left_out(cases, containerd=containerd, runc=runc)).items():
            err.print(f"left out: {name}: {why}", markup=False, soft_wrap=True)
        cases = tuple(known for known in cases if known.name not in refused)
    started = time.monotonic()
    table = asyncio.run(
        ground_truth(
            cases,
            repeats=repeats,
            concurrency=concurrency,
            witness=witness,
            ready_seconds=ready_seconds,
            on_trial=report,
        )
    )
    seconds = time.monotonic() - started
    out.print(table.to_string(index=False), markup=False, soft_wrap=True)
    if csv is not None:
        try:
            table.to_csv(csv, index=False)
        except OSError as error:
            raise UnusablePath(f"cannot write {csv}: {error.strerror}") from error
    wrong = int(mistakes(table, unknown_passes=not witness)["trials"].sum())
    trials = count_of(int(table["trials"].sum()), "trial")
    out.print(f"{trials} in {seconds:.0f} s, {wrong} attributed to another cause")
    if wrong:
        raise typer.Exit(1)
