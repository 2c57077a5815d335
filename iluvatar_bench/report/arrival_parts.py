"""What a report says of the workloads of arrivals: who was served, how soon, from what pool."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import pandas as pd

from iluvatar_bench.errors import UsageError
from iluvatar_bench.records.run_result import RunResult
from iluvatar_bench.report.arrival_table import churn_table
from iluvatar_bench.report.figures import (
    plot_arrivals,
    plot_occupancy,
    plot_start_latency,
    side_by_side,
)
from iluvatar_bench.report.page_parts import Part, Text, figure_part, table_part


def _pool_of(run: RunResult) -> pd.DataFrame:
    if run.pool is None:
        raise UsageError(f"{run.folder} has no pool.parquet: no workload of arrivals ended there")
    return run.pool


def arrival_parts(runs: Sequence[RunResult]) -> list[Part]:
    """The arrivals and the pool of the runs that have them; empty without any.

    Raises:
        UsageError: a run of arrivals has no ``pool.parquet``.
    """
    arrivals = {run.label: run.arrivals for run in runs if run.arrivals is not None}
    if not arrivals:
        return []
    pools = {run.label: _pool_of(run) for run in runs if run.label in arrivals}
    return [
        Text(
            "Requests for several functions, served from a keep-alive pool: warm by an idle "
            "container, else cold by a new one. An arrival that failed has the class of the "
            "container that was to serve it; a container that died idle failed no arrival."
        ),
        table_part(churn_table(arrivals, pools)),
        figure_part(partial(side_by_side, plot_arrivals, arrivals)),
        figure_part(partial(side_by_side, plot_occupancy, pools)),
        figure_part(partial(side_by_side, plot_start_latency, arrivals)),
    ]
