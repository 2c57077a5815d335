"""Rates and comparisons as text, for tables that people read and results that show themselves."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import pandas as pd

from iluvatar_bench.bugs import CLASSES_OF_2022
from iluvatar_bench.count_words import count_of
from iluvatar_bench.records.html_card import html_card
from iluvatar_bench.records.rate_words import percent, rate_words
from iluvatar_bench.stats.number_text import signed, signed_range
from iluvatar_bench.stats.rates import rate


def rate_text(row: pd.Series[Any]) -> str:
    """One cell: ``9/40  22.5 % [12–38]``, or ``0/40  (< 7.2 %)`` with the one-sided bound."""
    return share_text(int(row["count"]), int(row["trials"]))


def share_text(count: int, total: int) -> str:
    """The same of two numbers."""
    value = rate(count, total)
    return rate_words(
        count, total, low=value.low, high=value.high, upper_if_zero=value.upper_if_zero or 0.0
    )


def difference_table(table: pd.DataFrame, *, names: tuple[str, str]) -> pd.DataFrame:
    """A comparison of two sides for people.

    Args:
        table: rows of ``stats.describe_sides`` or ``stats.block_classes``.
        names: what to call the baseline and the candidate.

    Returns:
        A frame of text. Index: the four classes of 2022, every other class that occurred and each
        reason of unknown outcomes that did, then ``failed`` and ``unknown``. Columns: the two
        rates with their intervals, and the events behind them where they were counted; the
        difference in percentage points with its interval; and where anything was judged Holm's p
        ("–" where the class never came) and the verdict.
    """
    shown = rows_shown(table)
    judged = bool(shown["p_holm"].notna().any())
    rows = {}
    for row in shown.to_dict(orient="records"):
        low, high = 100 * row["low"], 100 * row["high"]
        texts = [_side_text(row, side) for side in ("baseline", "candidate")]
        texts.append(f"{signed(100 * row['difference'])} [{signed_range(low, high)}]")
        if judged:
            texts.append("–" if math.isnan(row["p_holm"]) else p_text(row["p_holm"]))
            texts.append(row["verdict"])
        rows[row["bug_class"]] = texts
    columns = [
        *names,
        "difference, percentage points [95 %]",
        *(["p (Holm)", "verdict"] if judged else []),
    ]
    frame = pd.DataFrame.from_dict(rows, orient="index", columns=columns)
    return frame.rename_axis("bug class")


def rows_shown(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of a comparison that say something: those of :func:`difference_table`."""
    happened = table["baseline_count"] + table["candidate_count"] > 0
    known = table["bug_class"].isin([str(name) for name in CLASSES_OF_2022])
    return table[happened | known | (table["kind"] == "outcome")]


def difference_card(
    headline: str, table: pd.DataFrame, *, names: tuple[str, str], notes: Iterable[str]
) -> str:
    """The same as HTML for a notebook, below a headline."""
    told = difference_table(table, names=names)
    return html_card(
        headline,
        header=("bug class", *map(str, told.columns)),
        rows=[(name, *row) for name, row in zip(told.index, told.to_numpy(), strict=True)],
        notes=notes,
    )


def _side_text(row: dict[Any, Any], side: str) -> str:
    count, total = int(row[f"{side}_count"]), int(row[f"{side}_trials"])
    if f"{side}_events" not in row or count == 0:
        return (
            share_text(count, total)
            if count == 0
            else f"{count}/{total}  {100 * count / total:.1f} %"
        )
    low, high = percent(row[f"{side}_low"]), percent(row[f"{side}_high"])
    events = f", {count_of(int(row[f'{side}_events']), 'event')}"
    return f"{count}/{total}{events}  {100 * count / total:.1f} % [{low}–{high}]"


def p_text(p: float) -> str:
    """A p-value, three digits of it."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"
