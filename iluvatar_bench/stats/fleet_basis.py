"""Which trials of a run a fleet is planned from, and how often a node started containers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from iluvatar_bench.errors import UsageError
from iluvatar_bench.records.run_result import RunResult
from iluvatar_bench.records.run_status import OBSERVED


@dataclass(frozen=True, slots=True)
class FleetBasis:
    """Trials under one profile, or of an observed node; made by :func:`fleet_basis`.

    ``starts_per_second`` is the node's own; None where the run's pace was the experiment's, or the
    end of the observation is not known. ``remarks`` say what has to be known, one text each.
    """

    trials: pd.DataFrame
    starts_per_second: float | None
    remarks: tuple[str, ...]


def fleet_basis(
    run: RunResult, *, profile: str | None = None, clients: Sequence[str] = ()
) -> FleetBasis:
    """The trials that a fleet is planned from.

    Of an observation only containers that began while it watched: of those that were there before,
    the ones that had failed were gone already.

    Args:
        run: a run or an observation.
        profile: which one, where the run has several.
        clients: of an observation, only containers of these; default: of all.

    Raises:
        UsageError: several profiles and none named; a profile or a client that the run has not; no
            trial.
    """
    run.require_trials()
    trials = run.trials
    profiles = sorted(trials["profile"].unique())
    if profile is not None and profile not in profiles:
        raise UsageError(f"no profile {profile!r} in this run: it has {', '.join(profiles)}")
    if profile is None and len(profiles) > 1:
        raise UsageError(
            f"this run has {len(profiles)} profiles, each with rates of its own: "
            f"name one of {', '.join(profiles)}"
        )
    if profile is not None:
        trials = trials[trials["profile"].eq(profile)]
    if run.workload != OBSERVED:
        if clients:
            raise UsageError("only an observation has clients to choose from")
        return FleetBasis(trials, None, run.remarks)
    trials = _of_clients(trials, clients)
    first = (*(run.manifest.get("sessions") or ()), run.manifest)[0]
    mine = trials[trials["submitted_at"] >= pd.Timestamp(first["started_at"])]
    if mine.empty:
        raise UsageError("no container began while this observation watched")
    seconds = run.seconds_watched
    return FleetBasis(mine, len(mine) / seconds if seconds else None, run.remarks)


def _of_clients(trials: pd.DataFrame, clients: Sequence[str]) -> pd.DataFrame:
    known = sorted(trials["client"].unique())
    for client in clients:
        if client not in known:
            raise UsageError(f"no client {client!r} was observed: there are {', '.join(known)}")
    return trials[trials["client"].isin(list(clients))] if clients else trials
