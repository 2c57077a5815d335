"""What the raw values of an overhead measurement say: ratios, shares, and the targets met or not.

Each is estimated over the rounds, which are drawn anew for its interval: see
:mod:`iluvatar_bench.stats.over_rounds`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from iluvatar_bench.benchmarks.client_overhead import (
    CHROOT,
    CONTAINER,
    CTR,
    DIRECT,
    OUR_CLIENT,
    OURS,
    RUNC,
    STRESS,
    WATCHED,
    Overhead,
)
from iluvatar_bench.stats import OverRounds, mean_over_rounds, ratio_over_rounds

TARGET_COLUMNS = ("quantity", "unit", "estimate", "low", "high", "rounds", "target", "reached")
"""``low`` and ``high`` bound 95 %; ``reached`` is yes, no, open (the interval holds the target, or
so few rounds have none), or not measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CostTarget:
    """A figure that is to be reached: ``at_least`` or at most ``bound``; None: only told."""

    quantity: str
    unit: str
    at_least: bool
    bound: float | None
    estimate: Callable[[Overhead, int], OverRounds | None]

    @property
    def words(self) -> str:
        """The target as people write it."""
        return "" if self.bound is None else f"{'≥' if self.at_least else '≤'} {self.bound:g}"

    def reached(self, found: OverRounds | None) -> str:
        """Whether it is, as far as the rounds say."""
        if found is None:
            return "not measured"
        if self.bound is None:
            return ""
        if np.isnan(found.low) or found.low < self.bound < found.high:
            return "open"
        above = found.estimate >= self.bound
        return "yes" if above == self.at_least or found.estimate == self.bound else "no"


def target_table(measured: Overhead, *, seed: int = 1) -> pd.DataFrame:
    """One row a target, with the columns :data:`TARGET_COLUMNS`.

    ``seed`` is of the intervals' draws.
    """
    rows = []
    for target in TARGETS:
        found = target.estimate(measured, seed)
        rows.append(
            {
                "quantity": target.quantity,
                "unit": target.unit,
                "estimate": np.nan if found is None else found.estimate,
                "low": np.nan if found is None else found.low,
                "high": np.nan if found is None else found.high,
                "rounds": 0 if found is None else found.rounds,
                "target": target.words,
                "reached": target.reached(found),
            }
        )
    return pd.DataFrame(rows, columns=list(TARGET_COLUMNS))


def rate_table(measured: Overhead) -> pd.DataFrame:
    """Medians over the rounds, one row a client and concurrency: rate, processor time, share."""
    grouped = measured.batches.groupby(["client", "concurrency"], sort=False)
    found = grouped[["rate", "cpu_ms", "outside"]].median().reset_index()
    return found.sort_values(["client", "concurrency"], ignore_index=True)


def call_table(measured: Overhead) -> pd.DataFrame:
    """p50 and p99 of each call in milliseconds, and how many; ours, by concurrency."""
    calls = measured.calls[measured.calls["client"] == OURS]
    grouped = calls.groupby(["call", "concurrency"], sort=False)["ms"]
    found = grouped.agg(
        count="count",
        p50_ms="median",
        p99_ms=lambda values: values.quantile(0.99),
    ).reset_index()
    return found.sort_values(["concurrency", "p50_ms"], ascending=[True, False], ignore_index=True)


def _by_round(measured: Overhead, client: str, column: str) -> pd.DataFrame | None:
    """Shape (rounds, concurrencies); None where that client was not measured."""
    chosen = measured.batches[measured.batches["client"] == client]
    if chosen.empty:
        return None
    return chosen.pivot(index="round", columns="concurrency", values=column).dropna()


def _rates(
    client: str, other: str, *, at: int | None = None
) -> Callable[[Overhead, int], OverRounds | None]:
    """One client's rate over another's: at one concurrency, or over all."""

    def estimate(measured: Overhead, seed: int) -> OverRounds | None:
        above, below = (_by_round(measured, one, "rate") for one in (client, other))
        if above is None or below is None:
            return None
        rounds = above.index.intersection(below.index)
        settings = list(below.columns) if at is None else [at]
        return ratio_over_rounds(
            above.loc[rounds, settings].to_numpy(dtype=np.float64),
            below.loc[rounds, settings].to_numpy(dtype=np.float64),
            seed=seed,
        )

    return estimate


def _own_mean(column: str, *, at: int | None = None) -> Callable[[Overhead, int], OverRounds]:
    def estimate(measured: Overhead, seed: int) -> OverRounds:
        values = _by_round(measured, OURS, column)
        assert values is not None
        chosen = values if at is None else values[[at]]
        return mean_over_rounds(chosen.mean(axis=1).to_numpy(dtype=np.float64), seed=seed)

    return estimate


def _start_ratio(measured: Overhead, seed: int) -> OverRounds:
    medians = measured.starts.groupby(["round", "place"])["ms"].median().unstack()
    return ratio_over_rounds(
        medians[CONTAINER].to_numpy(dtype=np.float64),
        medians[CHROOT].to_numpy(dtype=np.float64),
        seed=seed,
    )


def _warm_difference(measured: Overhead, seed: int) -> OverRounds:
    medians = measured.warm.groupby(["round", "client"])["ms"].median().unstack()
    more = medians[OUR_CLIENT] - medians[DIRECT]
    return mean_over_rounds(more.to_numpy(dtype=np.float64), seed=seed)


TARGETS = (
    CostTarget(
        quantity=f"rate beside {STRESS}, all concurrencies",
        unit="ratio",
        at_least=True,
        bound=1.15,
        estimate=_rates(OURS, STRESS),
    ),
    CostTarget(
        quantity=f"rate beside {CTR} run --rm, one at a time",
        unit="ratio",
        at_least=True,
        bound=1.3,
        estimate=_rates(OURS, CTR, at=1),
    ),
    CostTarget(
        quantity=f"rate beside {RUNC} alone, one at a time",
        unit="ratio",
        at_least=True,
        bound=0.45,
        estimate=_rates(OURS, RUNC, at=1),
    ),
    CostTarget(
        quantity="rate with monitor and witness beside that without",
        unit="ratio",
        at_least=True,
        bound=None,
        estimate=_rates(WATCHED, OURS),
    ),
    CostTarget(
        quantity="processor time of the client, a lifecycle",
        unit="ms",
        at_least=False,
        bound=3.5,
        estimate=_own_mean("cpu_ms"),
    ),
    CostTarget(
        quantity="share of the time outside of calls, one at a time",
        unit="share of 1",
        at_least=False,
        bound=0.05,
        estimate=_own_mean("outside", at=1),
    ),
    CostTarget(
        quantity="cold start beside the same process in a chroot",
        unit="ratio",
        at_least=False,
        bound=1.1,
        estimate=_start_ratio,
    ),
    CostTarget(
        quantity="warm invocation above a direct HTTP client",
        unit="ms",
        at_least=False,
        bound=1.0,
        estimate=_warm_difference,
    ),
)
"""What the client is to reach on two idle processors."""
