"""Tables for people: one row a bug class, one column a profile."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from pandas.io.formats.style import Styler
    from pandas.io.formats.style_render import CSSDict

from iluvatar_bench.bugs import CLASSES_OF_2022
from iluvatar_bench.records import STEP_COLUMNS, Outcome
from iluvatar_bench.records.trial_table import TrialTable
from iluvatar_bench.stats import enough_for
from iluvatar_bench.stats.number_text import signed, signed_range
from iluvatar_bench.stats.text_tables import difference_table as difference_table
from iluvatar_bench.stats.text_tables import p_text, share_text
from iluvatar_bench.stats.text_tables import rate_text as rate_text


def comparison_table(rates: pd.DataFrame) -> pd.DataFrame:
    """Failure rates side by side.

    Args:
        rates: rows of ``stats.failure_rates``, of one profile or several.

    Returns:
        A frame of text. Index: the four classes of 2022, then every other class that occurred, then
        each reason of unknown outcomes that did, then the three outcomes, which add up to all
        trials. Columns: one per profile, then
        ``mechanism``, the causes found over all profiles with their counts.
    """
    occurred = set(rates.loc[rates["count"] > 0, "bug_class"])
    known = [str(name) for name in CLASSES_OF_2022]
    classes = rates.loc[rates["kind"] == "bug_class", "bug_class"].drop_duplicates()
    rows = [*known, *(name for name in classes if name in occurred and name not in known)]
    reasons = rates.loc[rates["kind"] == "unknown_class", "bug_class"].drop_duplicates()
    rows += [str(name) for name in reasons if name in occurred]
    rows += [str(outcome) for outcome in (Outcome.FAILED, Outcome.UNKNOWN, Outcome.OK)]
    table = {
        profile: [_cell(group, name) for name in rows]
        for profile, group in rates.groupby("profile", sort=False)
    }
    frame = pd.DataFrame(table, index=pd.Index(rows, name="bug class"))
    frame["mechanism"] = [
        "" if name == str(Outcome.FAILED) else _mechanisms(rates[rates["bug_class"] == name])
        for name in rows
    ]
    return frame


def _cell(rates: pd.DataFrame, name: str) -> str:
    found = rates[rates["bug_class"] == name]
    return rate_text(found.iloc[0]) if len(found) else "–"


def _mechanisms(rates: pd.DataFrame) -> str:
    texts = [text for text in rates["mechanisms"] if text]
    return "; ".join(texts) if texts else "–"


def dose_table(doses: pd.DataFrame) -> pd.DataFrame:
    """Doses and their responses for people.

    Args:
        doses: the table of an ``studies.DoseResponse``.

    Returns:
        A frame of text. Index: the dose, by quantity and unit where the table says them. Columns:
        the rates of collected snapshots, of containers
        that failed by it and of those with import errors, with their intervals; how many failed
        otherwise; the number of collections, the mean time between them, the median time from a
        container's Prepare to the first one, and their median length, in milliseconds.
    """
    rows = {}
    for row in doses.to_dict(orient="records"):
        counts = (row["collected"], row["failed"], row["import_errors"])
        often = math.isfinite(row["interval_ms"])
        rows[f"{row['dose']:g}"] = [
            *(share_text(int(count), int(row["trials"])) for count in counts),
            f"{row['other_failures']:.0f}",
            f"{row['collections']:.0f}",
            f"{row['interval_ms']:.0f}" if often else "–",
            f"{row['first_ms']:.0f}" if often else "–",
            f"{row['pause_ms']:.1f}" if often else "–",
        ]
    columns = ["snapshot collected", "failed by it", "of these import errors", "other failures"]
    columns += ["collections", "mean interval, ms", "first after Prepare, ms", "one takes, ms"]
    said = doses[["quantity", "unit"]].drop_duplicates() if "unit" in doses else doses.iloc[:0]
    name = ", ".join(said.iloc[0]) if len(said) == 1 else "dose"
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis(name)


def effect_table(effects: pd.DataFrame) -> pd.DataFrame:
    """The effects of factors on classes for people.

    Args:
        effects: rows of ``stats.class_effects`` or ``stats.factor_effects``.

    Returns:
        A frame of text. Index: the bug class. Columns: the factor with its two levels, the count
        of trials at risk on both sides, the difference in percentage points with its interval,
        Holm's p, the verdict.
    """
    rows = []
    for row in effects.to_dict(orient="records"):
        low, high = 100 * row["low"], 100 * row["high"]
        known = not math.isnan(row["difference"])
        points = f"{signed(100 * row['difference'])} [{signed_range(low, high)}]" if known else "–"
        rows.append(
            {
                "bug class": row["bug_class"],
                "factor": f"{row['factor']}: {row['reference']} → {row['level']}",
                "reference": f"{row['reference_count']}/{row['reference_trials']}",
                "suspect": f"{row['level_count']}/{row['level_trials']}",
                "difference, percentage points [95 %]": points,
                "p (Holm)": "–" if math.isnan(row["p_holm"]) else p_text(row["p_holm"]),
                "verdict": row["verdict"],
            }
        )
    return pd.DataFrame(rows).set_index("bug class")


def step_latency_table(quantiles: pd.DataFrame) -> pd.DataFrame:
    """Latencies for people: one row a step and profile, one column a quantile.

    Args:
        quantiles: rows of ``stats.step_latencies``.

    Returns:
        A frame of text. Index: the step without its unit. Columns: ``profile``, ``n`` (trials that
        reached the step), then a column a quantile: the estimate and its interval in milliseconds,
        "…" for a bound that so few trials cannot give, "–" where they have no such quantile.
    """
    rows = []
    for (step, profile), group in quantiles.groupby(["step", "profile"], sort=False):
        row = {"step": str(step).removesuffix("_ms"), "profile": profile}
        row["n"] = int(group["count"].iloc[0])
        for value in group.to_dict(orient="records"):
            row[f"p{100 * value['quantile']:g}, ms"] = _duration_text(value)
        rows.append(row)
    return pd.DataFrame(rows).sort_values("step", key=_step_order, kind="stable").set_index("step")


def _duration_text(value: dict[Any, Any]) -> str:
    if math.isnan(value["estimate_ms"]) or not enough_for(value["quantile"], value["count"]):
        return "–"
    low, high = (
        "…" if math.isnan(value[name]) else _milliseconds(value[name])
        for name in ("low_ms", "high_ms")
    )
    return f"{_milliseconds(value['estimate_ms'])} [{low}–{high}]"


def _milliseconds(value: float) -> str:
    """Three significant digits, never in powers of ten."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _step_order(names: pd.Series[Any]) -> pd.Series[Any]:
    return names.map({step.removesuffix("_ms"): at for at, step in enumerate(STEP_COLUMNS)})


def styled(frame: pd.DataFrame) -> Styler:
    """The frame for a notebook: whole texts, wrapped, and shown as text whatever they contain."""
    styles: list[CSSDict] = [
        {"selector": "th, td", "props": "text-align: left; vertical-align: top"}
    ]
    for position, name in enumerate(frame.columns):
        if name in ("error", "facts", "mechanism", "mechanisms", "causes"):
            wrapped = "white-space: pre-wrap; overflow-wrap: anywhere; min-width: 16em"
            styles.append({"selector": f"td.col{position}", "props": wrapped})
    return (
        frame.style.hide(axis="index")
        .format(precision=3, na_rep="–", escape="html")
        .set_table_styles(styles)
    )


def first_failures(table: TrialTable) -> pd.DataFrame:
    """Of the trials of a run the first failure of each bug class, with what is shown of it."""
    ended = table.columns("outcome", "bug_class")
    failed = np.flatnonzero(ended["outcome"] == "failed")
    firsts = ~ended["bug_class"].iloc[failed].duplicated().to_numpy()
    return table.rows(failed[firsts], *_EXAMPLES)


_EXAMPLES = ("outcome", "bug_class", "mechanism", "trial", "evidence", "error")


def failure_examples(trials: pd.DataFrame) -> pd.DataFrame:
    """The first failure of each bug class with its error and the facts behind its mechanism.

    Columns: bug_class, mechanism, trial, facts, error; empty where nothing failed.
    """
    firsts = trials.loc[trials["outcome"] == "failed", "bug_class"].drop_duplicates().index
    failed = trials.loc[firsts]
    columns = ["bug_class", "mechanism", "trial", "facts", "error"]
    rows = [
        {
            "bug_class": row["bug_class"],
            "mechanism": row["mechanism"],
            "trial": row["trial"],
            "error": row["error"],
            "facts": "; ".join(json.loads(row["evidence"]).get("facts", [])) or "–",
        }
        for _, row in failed.iterrows()
    ]
    return pd.DataFrame(rows, columns=columns)
