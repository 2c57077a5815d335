"""A fleet's days and the plans for a claim, as people read them."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping

import pandas as pd

from iluvatar_bench.stats.number_text import RANGE


def fleet_table(days: pd.DataFrame) -> pd.DataFrame:
    """The rows of ``stats.fleet_days`` as text: what failed is the index."""
    rows = {
        row["failure"]: {
            "measured": f"{row['events']} events, {row['failures']}/{row['starts']}",
            "events a day": _with_range(row, "events_per_day", "events_low", "events_high"),
            "containers a day": _with_range(
                row, "failures_per_day", "failures_low", "failures_high"
            ),
            "a day without": _chances(
                row["day_without"], math.exp(-row["events_high"]), math.exp(-row["events_low"])
            ),
            "fix seen in a day": _chances(
                row["fix_seen"], row["fix_seen_low"], row["fix_seen_high"]
            ),
        }
        for row in days.to_dict(orient="records")
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("failure")


def claim_table(plans: pd.DataFrame) -> pd.DataFrame:
    """The rows of ``stats.claim_plans`` as text: the number of events allowed is the index."""
    rows = {
        f"at most {row['events_allowed']}" if row["events_allowed"] else "none": {
            "starts": f"{row['starts']:,}",
            "host-hours": _few(row["host_hours"]),
            "hours": _few(row["hours"]),
            "cost": _few(row["cost"]),
            "chance of so few": _percent(row["chance"]),
        }
        for row in plans.to_dict(orient="records")
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("events")


def _with_range(row: Mapping[Hashable, float], estimate: str, low: str, high: str) -> str:
    return f"{_few(row[estimate])} [{_few(row[low])} {RANGE} {_few(row[high])}]"


def _few(value: float) -> str:
    """Three digits, and all of those before the point."""
    if math.isnan(value):
        return "not known"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _chances(share: float, low: float, high: float) -> str:
    text, *bounds = map(_percent, (share, low, high))
    return text if set(bounds) == {text} else f"{text} [{bounds[0]} {RANGE} {bounds[1]}]"


def _percent(share: float) -> str:
    """A chance: none that is worked out from counts is certain, or none at all."""
    if math.isnan(share):
        return "not known"
    if share >= 0.9995:
        return "> 99.9 %"
    if share < 0.0005:
        return "< 0.1 %"
    return f"{100 * share:.3g} %"
