"""``overhead``: what our client costs, beside ``ctr``, runc alone and containerd-stress."""

from __future__ import annotations

import asyncio
import math
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from iluvatar_bench.commands.options import AsJson, ReadySeconds, Results
from iluvatar_bench.commands.output import print_json, print_plain, print_rows
from iluvatar_bench.runs.run_names import RESULTS

if TYPE_CHECKING:
    import pandas as pd


def overhead_command(
    rounds: Annotated[int, typer.Option(help="of all clients; fewer where --seconds end")] = 8,
    lifecycles: Annotated[
        int, typer.Option(help="of each client in a round, at each concurrency")
    ] = 24,
    seconds: Annotated[
        float, typer.Option(min=1, help="no round begins that would not end within")
    ] = 270.0,
    seed: Annotated[int, typer.Option(help="of the order in a round, and of the intervals")] = 1,
    stress: Annotated[
        bool, typer.Option("--stress/--no-stress", help="containerd-stress too, if it is on PATH")
    ] = True,
    ready_seconds: ReadySeconds = 20.0,
    results: Results = RESULTS,
    as_json: AsJson = False,
) -> None:
    """Measure what our client costs beside other clients of one containerd, in under 5 minutes.

    Lifecycles of /bin/true by ours at 1, 2, 4 and 8 at a time, with monitor and witness and
    without; by ctr run --rm; by runc alone on a mounted overlay; by containerd-stress. Then cold
    starts beside a chroot, and warm invocations beside another HTTP client. Raw values, manifest
    and figure are kept.
    """
    from iluvatar_bench.benchmarks import measure_overhead, rate_table, target_table
    from iluvatar_bench.report import output_folder, plot_overhead

    def told(number: int, took: float) -> None:
        if sys.stderr.isatty():
            sys.stderr.write(f"round {number + 1} of {rounds}: {took:.0f} s\n")

    measured = asyncio.run(
        measure_overhead(
            rounds=rounds,
            lifecycles=lifecycles,
            seconds=seconds,
            seed=seed,
            stress=stress,
            ready_seconds=ready_seconds,
            on_round=told,
        )
    )
    targets, rates = target_table(measured, seed=seed), rate_table(measured)
    folder = output_folder(results, "overhead")
    for name, table in {**measured.tables, "targets": targets}.items():
        folder.save_table(table, f"overhead-{name}")
    folder.save_json(measured.manifest, "overhead-manifest")
    folder.save_figure(plot_overhead(measured.batches, measured.calls), "overhead")
    if as_json:
        print_json(
            {
                "manifest": dict(measured.manifest),
                "targets": _documents(targets),
                "rates": _documents(rates),
                "kept": str(folder.path),
            }
        )
        return
    print_rows(
        ("a second", "cpu ms each", "outside calls", "at a time", "client"),
        [
            (
                f"{row['rate']:.1f}",
                _number(row["cpu_ms"], ".1f"),
                _number(100 * row["outside"], ".1f", "%"),
                str(row["concurrency"]),
                row["client"],
            )
            for row in rates.to_dict(orient="records")
        ],
    )
    print_plain("")
    print_rows(
        ("estimate [95 %]", "unit", "target", "reached", "of"),
        [
            (
                _estimate(row),
                row["unit"],
                row["target"],
                row["reached"],
                row["quantity"],
            )
            for row in targets.to_dict(orient="records")
        ],
    )
    noise = measured.manifest["noise"]["before"]
    print_plain(
        f"{measured.manifest['rounds']} rounds of {lifecycles} in "
        f"{measured.manifest['seconds']:.0f} s; load {noise['load']:.1f} before, on "
        f"{measured.manifest['host']['cpus']} processors; kept in {folder.path}"
    )


def _estimate(row: dict[Any, Any]) -> str:
    """The estimate and its interval, as far as there are any."""
    if math.isnan(row["low"]):
        return _number(row["estimate"], ".3g")
    return f"{row['estimate']:.3g} [{row['low']:.3g}, {row['high']:.3g}]"


def _number(value: float, kind: str, unit: str = "") -> str:
    return "" if math.isnan(value) else f"{value:{kind}}{unit and f' {unit}'}"


def _documents(frame: pd.DataFrame) -> list[dict[str, Any]]:
    rows = frame.to_dict(orient="records")
    return [{str(k): None if v != v else v for k, v in row.items()} for row in rows]
