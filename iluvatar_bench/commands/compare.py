"""``compare``: two runs against each other, for people and for a gate in continuous integration."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from iluvatar_bench.commands.options import AsJson
from iluvatar_bench.commands.output import print_json, print_plain, print_table
from iluvatar_bench.errors import UnusablePath, UsageError
from iluvatar_bench.records.run_status import OBSERVED

if TYPE_CHECKING:
    from iluvatar_bench.stats import Blocks

WORSE = 3
"""The exit code of ``--fail-if-worse``: neither a failure of the program nor a bad request."""

Run = Annotated[str, typer.Argument(help="run folder, or the name of a recorded run")]


def compare_command(
    baseline: Run,
    candidate: Run,
    alpha: Annotated[float, typer.Option(help="accepted chance of any false alarm")] = 0.05,
    fail_if_worse: Annotated[
        bool, typer.Option("--fail-if-worse", help=f"exit {WORSE} if the verdict is worse")
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
) -> None:
    """Compare two runs, class by class: better, worse, or no difference shown.

    A verdict needs Fisher's exact test, corrected by Holm over the classes that came, at alpha.
    Runs must agree in containerd, shim, runc, kernel, machine, cgroup mode and processors. Two
    folders of observe are compared by days: failures of one day come together.
    """
    from iluvatar_bench.report import difference_table
    from iluvatar_bench.runs import find_run, open_run
    from iluvatar_bench.stats import Verdict, compare_observed, compare_runs

    runs = [open_run(find_run(name)) for name in (baseline, candidate)]
    observed = all(run.workload == OBSERVED for run in runs)
    if observed or blocks is not None or client:
        compared = compare_observed(
            *runs, blocks=_blocks(blocks), clients=client or (), alpha=alpha, force=force
        )
    else:
        compared = compare_runs(*runs, alpha=alpha, force=force)
    if csv is not None:
        try:
            compared.table.to_csv(csv, index=False)
        except OSError as error:
            raise UnusablePath(f"cannot write {csv}: {error.strerror or error}") from error
    if as_json:
        print_json(compared.as_json())
    else:
        print_table(difference_table(compared.table, names=compared.names))
        for text in (*compared.mismatches, *compared.remarks):
            print_plain(f"note: {text}")
        print_plain(f"verdict: {compared.sentence}")
    if fail_if_worse and compared.verdict is Verdict.WORSE:
        raise typer.Exit(WORSE)


def _blocks(name: str | None) -> Blocks:
    from iluvatar_bench.stats import Blocks

    try:
        return Blocks(name or Blocks.DAY)
    except ValueError:
        raise UsageError(f"--blocks {name}: {' or '.join(Blocks)}") from None
