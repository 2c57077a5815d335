"""``compare``: runs beside each other, for people and for a gate in continuous integration."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from iluvatar_bench.commands.ab import show_ab
from iluvatar_bench.commands.called_as import as_called
from iluvatar_bench.commands.open_named import open_named
from iluvatar_bench.commands.options import WORSE, AsJson
from iluvatar_bench.commands.output import print_json, print_plain, print_table
from iluvatar_bench.errors import UnusablePath, UsageError
from iluvatar_bench.records.run_status import OBSERVED

if TYPE_CHECKING:
    import pandas as pd

    from iluvatar_bench.stats import Blocks, RunComparison

Runs = Annotated[str, typer.Argument(help="run folder or recorded name; replicates: A1,A2,…")]


def compare_command(
    baseline: Runs,
    candidate: Annotated[
        str | None, typer.Argument(help="likewise; left away: a run of `ab` is judged anew")
    ] = None,
    alpha: Annotated[float, typer.Option(help="accepted chance of any false alarm")] = 0.05,
    fail_if_worse: Annotated[
        bool,
        typer.Option(
            "--fail-if-worse",
            help=f"exit {WORSE} if the verdict is worse; needs one that may judge",
        ),
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="compare runs of different hosts or schemas anyway")
    ] = False,
    blocks: Annotated[
        str | None,
        typer.Option(help="of observations: day (default) or hour is what counts as independent"),
    ] = None,
    client: Annotated[
        list[str] | None,
        typer.Option(help="of observations: only containers of this client; may repeat"),
    ] = None,
    as_json: AsJson = False,
    csv: Annotated[Path | None, typer.Option(help="write the table as CSV")] = None,
    every: Annotated[
        bool, typer.Option("--all", help="with --csv: the classes too that never came")
    ] = False,
) -> None:
    """Compare runs, class by class, with intervals that know of clusters.

    Two single runs are described: what differs between them may be the hour. Replicates that
    alternated in time (from four a side on, at alpha 0.05) are judged by an exact permutation of
    the runs. `ab` randomises, and is the gate to take. Runs must agree in containerd, shim, runc,
    kernel, machine, cgroup mode and processors. Two folders of observe are compared by days:
    failures of one day come together.
    """
    from iluvatar_bench.host.writable import require_writable

    if every and csv is None:
        raise UsageError("--all says what to write: name the file with --csv")
    require_writable(csv)
    if candidate is None:
        _judge_anew(baseline, fail_if_worse=fail_if_worse, as_json=as_json, csv=csv, every=every)
        return
    names = [[name for name in side.split(",") if name] for side in (baseline, candidate)]
    if not all(names):
        raise UsageError("a side has 1 to 10 runs, not 0")
    opened = open_named([name for side in names for name in side])
    from iluvatar_bench.report import comparison_export, difference_table
    from iluvatar_bench.stats import Verdict, compare_observed, compare_runs

    sides = [opened[: len(names[0])], opened[len(names[0]) :]]
    observed = all(run.workload == OBSERVED for runs in sides for run in runs)
    if observed or blocks is not None or client:
        (before, *more), (after, *others) = sides
        if more or others:
            raise UsageError(
                "observations are compared one with one: their days are the replicates"
            )
        compared: RunComparison = compare_observed(
            before, after, blocks=_blocks(blocks), clients=client or (), alpha=alpha, force=force
        )
    else:
        compared = compare_runs(*sides, alpha=alpha, force=force)
        if fail_if_worse and compared.judged is None:
            raise UsageError(f"--fail-if-worse has nothing to go by: {compared.unjudged}")
    if csv is not None:
        _save(comparison_export(compared, every=every), csv)
    if as_json:
        print_json(compared.as_json())
    else:
        print_table(difference_table(compared.table, names=compared.names))
        for text in (*compared.mismatches, *compared.remarks):
            print_plain(f"note: {text}")
        print_plain(f"verdict: {as_called(compared.sentence)}")
    if fail_if_worse and compared.verdict is Verdict.WORSE:
        raise typer.Exit(WORSE)


def _blocks(name: str | None) -> Blocks:
    from iluvatar_bench.stats import Blocks

    try:
        return Blocks(name or Blocks.DAY)
    except ValueError:
        raise UsageError(f"--blocks {name}: {' or '.join(Blocks)}") from None


def _judge_anew(
    name: str, *, fail_if_worse: bool, as_json: bool, csv: Path | None, every: bool
) -> None:
    """A run of ``ab`` alone: its blocks were randomised."""
    from iluvatar_bench.runs import find_run

    folder = find_run(name)
    from iluvatar_bench.report import sides_export
    from iluvatar_bench.stats import Verdict
    from iluvatar_bench.studies import open_ab

    found = open_ab(folder)
    if csv is not None:
        table = sides_export(
            found.classes,
            baselines=[found.run],
            candidates=[found.run],
            names=found.names,
            interval=f"{100 * (1 - found.compared.alpha):g} %, at any look",
            every=every,
        )
        _save(table, csv)
    show_ab(found, as_json)
    if fail_if_worse and found.compared.verdict is Verdict.WORSE:
        raise typer.Exit(WORSE)


def _save(table: pd.DataFrame, csv: Path) -> None:
    try:
        table.to_csv(csv, index=False)
    except OSError as error:
        raise UnusablePath(f"cannot write {csv}: {error.strerror or error}") from error
