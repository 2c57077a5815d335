"""``fleet``: from measured rates to a fleet of workers, and what a claim about it costs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from iluvatar_bench.commands.open_named import open_named
from iluvatar_bench.commands.options import AsJson
from iluvatar_bench.commands.output import print_json, print_plain, print_table
from iluvatar_bench.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

_DEFAULT_RATE = 1.0


def fleet_command(
    run: Annotated[
        str | None, typer.Argument(help="run folder or recorded name; an observation, best")
    ] = None,
    measured: Annotated[
        str | None,
        typer.Option(metavar="EVENTS/STARTS", help="instead of a run: 3/2000000"),
    ] = None,
    workers: Annotated[int, typer.Option(help="of the fleet")] = 100,
    starts_per_second: Annotated[
        float | None,
        typer.Option(help=f"of each; default: the observed node's own, else {_DEFAULT_RATE:g}"),
    ] = None,
    profile: Annotated[str | None, typer.Option(help="which, of a run that has several")] = None,
    client: Annotated[
        list[str] | None, typer.Option(help="of an observation: only this one; may repeat")
    ] = None,
    remaining: Annotated[float, typer.Option(help="share of events that a fix leaves")] = 0.0,
    claim: Annotated[float, typer.Option(help="failed containers a start to stay below")] = 1e-6,
    true_rate: Annotated[
        float, typer.Option(help="events a start that there really are, for the claim's odds")
    ] = 0.0,
    largest_event: Annotated[
        int | None, typer.Option(min=1, help="containers one event may take; default: as measured")
    ] = None,
    hosts: Annotated[
        int | None, typer.Option(min=1, help="for the claim; default: the workers")
    ] = None,
    price: Annotated[float, typer.Option(help="of a host for an hour")] = 0.0,
    alpha: Annotated[float, typer.Option(help="accepted chance of a false alarm")] = 0.05,
    as_json: AsJson = False,
) -> None:
    """Carry failure rates over to a fleet: failures a day, when a fix shows, what a claim takes.

    Rates are counted in events (a Kill, a collection), intervals are exact. They know of chance
    only: that all hosts are like the measured one, all day, is assumed.
    """
    if (run is None) == (measured is None):
        raise UsageError("name a run, or give --measured EVENTS/STARTS")
    if measured is not None and (profile is not None or client):
        raise UsageError("--measured stands instead of a run, its profile and its clients")
    basis = _typed(measured) if measured is not None else _of_run(str(run), profile, client or [])
    pace = starts_per_second or basis.starts_per_second or _DEFAULT_RATE
    from iluvatar_bench.stats import ANY_FAILURE, Fleet, claim_plans, fleet_days

    size = largest_event or max(basis.groups[ANY_FAILURE], default=1)
    try:
        fleet = Fleet(workers=workers, starts_per_second=pace)
        days = fleet_days(basis.groups, basis.starts, fleet, remaining=remaining, alpha=alpha)
        plans = claim_plans(
            claim,
            true_rate=true_rate,
            hosts=workers if hosts is None else hosts,
            starts_per_second=pace,
            price_per_host_hour=price,
            containers_an_event=size,
            confidence=1 - alpha,
        )
    except ValueError as error:
        raise UsageError(str(error)) from error
    if as_json:
        document = {
            "workers": workers,
            "starts_per_second": pace,
            "starts_per_day": fleet.starts_per_day,
            "days": _documents(days),
            "claim": claim,
            "containers_an_event": size,
            "plans": _documents(plans),
            "remarks": list(basis.remarks),
        }
        print_json(document)
        return
    from iluvatar_bench.report import claim_table, fleet_table

    print_plain(
        f"{workers} workers, {pace:.3g} starts a second each: {fleet.starts_per_day:,.0f} a day"
    )
    print_table(fleet_table(days))
    print_plain("")
    print_plain(
        f"'fewer than {claim:g} of the starts fail' ({100 * (1 - alpha):g} % confidence) may be "
        f"said after so many starts with so few events of up to {size} containers "
        f"(chances: at {true_rate:g} events a start):"
    )
    print_table(claim_table(plans))
    for text in basis.remarks:
        print_plain(f"note: {text}")


@dataclass(frozen=True, slots=True)
class _Basis:
    """What was measured: containers of each event, by what failed, and the starts."""

    groups: dict[str, list[int]]
    starts: int
    starts_per_second: float | None = None
    remarks: tuple[str, ...] = ()


def _typed(measured: str) -> _Basis:
    found = re.fullmatch(r"(\d{1,9})/(\d{1,15})", measured)
    if found is None or int(found[1]) > int(found[2]):
        raise UsageError(f"--measured {measured}: events of starts, as in 3/2000000")
    from iluvatar_bench.stats import ANY_FAILURE

    return _Basis({ANY_FAILURE: [1] * int(found[1])}, int(found[2]))


def _of_run(name: str, profile: str | None, clients: list[str]) -> _Basis:
    (run,) = open_named([name])
    from iluvatar_bench.stats import failure_groups, fleet_basis

    basis = fleet_basis(run, profile=profile, clients=clients)
    groups = failure_groups(basis.trials)
    return _Basis(groups, len(basis.trials), basis.starts_per_second, basis.remarks)


def _documents(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows for JSON, where NaN has no place."""
    rows = frame.to_dict(orient="records")
    return [{str(k): None if v != v else v for k, v in row.items()} for row in rows]
