"""Tables as CSV for other programs: every column says of what it is, and in which unit.

Numbers stay numbers: rates are shares of 1, intervals are two-sided. The runs' ids stand in each
row, so that a row that was copied somewhere still says where it is from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from iluvatar_bench.records.run_result import RunResult
from iluvatar_bench.report.arrival_table import measures_of
from iluvatar_bench.stats import RunComparison, enough_for, latency_quantiles, rate
from iluvatar_bench.stats.text_tables import rows_shown

_RATES = ("collected", "failed", "import_errors")
_QUANTILES = (0.5, 0.95)


def dose_export(doses: pd.DataFrame) -> pd.DataFrame:
    """The table of a ``studies.DoseResponse`` with the rates of its counts and their intervals.

    Behind each of ``collected``, ``failed`` and ``import_errors``, which are counts of containers:
    ``…_rate``, ``…_rate_low_95`` and ``…_rate_high_95`` (Wilson's interval of 95 %, two-sided).
    """
    table = doses.copy()
    for name in _RATES:
        found = [rate(int(n), int(of)) for n, of in zip(doses[name], doses["trials"], strict=True)]
        at = table.columns.get_loc(name)
        assert isinstance(at, int)
        table.insert(at + 1, f"{name}_rate", [value.estimate for value in found])
        table.insert(at + 2, f"{name}_rate_low_95", [value.low for value in found])
        table.insert(at + 3, f"{name}_rate_high_95", [value.high for value in found])
    return table


def comparison_export(compared: RunComparison, *, every: bool = False) -> pd.DataFrame:
    """The table of a ``stats.RunComparison``, as of :func:`sides_export`."""
    return sides_export(
        compared.table,
        every=every,
        baselines=compared.baselines,
        candidates=compared.candidates,
        names=compared.names,
    )


def sides_export(
    table: pd.DataFrame,
    *,
    baselines: Sequence[RunResult],
    candidates: Sequence[RunResult],
    names: tuple[str, str],
    interval: str = "95 %, two-sided",
    every: bool = False,
) -> pd.DataFrame:
    """A comparison of two sides with what is compared in each row.

    Args:
        table: rows of ``stats.describe_sides`` or ``stats.block_classes``.
        baselines: the runs of one side.
        candidates: those of the other.
        names: what to call the sides.
        interval: of what kind the intervals are.
        every: the classes too that came on neither side, but for the four of 2022.

    Returns:
        The rows of ``difference_table``, or all, ``low`` and ``high`` named by whose they are
        (``difference_low``, ``baseline_rate_low``), after ``quantity``, ``unit``, the
        ``…_profile`` and ``…_run_ids`` of both sides (ids with a space between them), and
        ``interval``.
    """
    table = table if every else rows_shown(table)
    renamed = {"low": "difference_low", "high": "difference_high"}
    renamed |= {
        f"{side}_{end}": f"{side}_rate_{end}"
        for side in ("baseline", "candidate")
        for end in ("low", "high")
    }
    constant: dict[str, Any] = {
        "quantity": "rate of trials",
        "unit": "share of 1",
        "interval": interval,
    }
    for side, runs, name in zip(
        ("baseline", "candidate"), (baselines, candidates), names, strict=True
    ):
        constant[f"{side}_profile"] = name
        constant[f"{side}_run_ids"] = " ".join(str(run.manifest["run_id"]) for run in runs)
    front = pd.DataFrame(constant, index=table.index)
    return pd.concat([front, table.rename(columns=renamed)], axis=1)


def arrivals_export(
    runs: Mapping[str, RunResult],
    arrivals: Mapping[str, pd.DataFrame],
    pools: Mapping[str, pd.DataFrame],
) -> pd.DataFrame:
    """What became of arrivals, one row a run, quantity and statistic.

    Columns: ``run_id``, ``profile``, ``quantity``, ``unit``, ``statistic`` (count, p50 or p95),
    ``value``, ``low_95`` and ``high_95`` (of quantiles, by order statistics; empty where so few
    values bound nothing), ``n`` (values behind it). A quantile that they do not carry has no row.
    """
    rows: list[dict[str, Any]] = []
    for name, run in runs.items():
        counts, times = measures_of(arrivals[name], pools[name])
        own = {"run_id": run.manifest["run_id"], "profile": name}
        rows += [
            {**own, "quantity": what, "unit": unit, "statistic": "count", "value": value}
            for what, (value, unit) in counts.items()
        ]
        for what, values in times.items():
            known = np.asarray(values.dropna(), dtype=np.float64)
            for row in latency_quantiles(known, quantiles=_QUANTILES).to_dict("records"):
                if len(known) and enough_for(row["quantile"], len(known)):
                    rows.append({**own, "quantity": what, "unit": "ms", **_quantile(row)})
    columns = ["run_id", "profile", "quantity", "unit", "statistic", "value"]
    return pd.DataFrame(rows, columns=[*columns, "low_95", "high_95", "n"])


def _quantile(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {
        "statistic": f"p{100 * row['quantile']:g}",
        "value": row["estimate_ms"],
        "low_95": row["low_ms"],
        "high_95": row["high_ms"],
        "n": row["count"],
    }
