"""``rejudge``: the verdicts of a run made anew, by today's rules on its stored evidence."""

from __future__ import annotations

from typing import Annotated

import typer

from iluvatar_bench.commands.options import AsJson
from iluvatar_bench.commands.output import print_json, print_plain, print_rows
from iluvatar_bench.commands.save_figures import renew_figures


def rejudge_command(
    run: Annotated[str, typer.Argument(help="run folder, or the name of a recorded run")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="show what would change, and write nothing")
    ] = False,
    largest_share: Annotated[
        float,
        typer.Option(
            help="how much of the time neighbours' Kills may cover, without the kernel's record, "
            "for one of them to be the cause (0 to 1)"
        ),
    ] = 0.05,
    as_json: AsJson = False,
) -> None:
    """Judge a run's failures anew, by today's rules on the evidence that was stored with them.

    The recorded verdicts stay beside the new ones; explain says which rules judged. Figures in the
    run's folder are drawn anew.
    """
    from iluvatar_bench.runs import find_run

    folder = find_run(run)
    from iluvatar_bench.runs import open_run, rejudge_run

    rejudged = rejudge_run(folder, write=not dry_run, largest_share=largest_share)
    if not dry_run and len(rejudged.changes):
        renew_figures(open_run(folder))
    if as_json:
        print_json(rejudged.as_json())
        return
    counted = rejudged.changes.fillna("–").groupby(
        ["recorded_bug_class", "recorded_mechanism", "bug_class", "mechanism"], sort=False
    )
    rows = [
        (f"{was}, {why}", f"{now}, {proven}", str(len(group)))
        for (was, why, now, proven), group in counted
    ]
    if rows:
        print_rows(("recorded", "by today's rules", "trials"), rows)
    kept = " (nothing was written)" if dry_run else ""
    print_plain(f"{rejudged.judged} judged anew, {len(rejudged.changes)} otherwise{kept}")
    for trial, why in rejudged.not_judged.items():
        print_plain(f"trial {trial} stays as recorded: {why}")
