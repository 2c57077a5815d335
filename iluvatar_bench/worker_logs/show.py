"""Showing what stood in a log: as text, never as markup.

A log is written by whoever can make a function print. What it contains reaches notebooks and HTML
reports only through here.
"""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from iluvatar_bench.worker_logs.log_report import LogReport
from iluvatar_bench.worker_logs.summary import timeline

_CONTROL_PICTURES = {code: 0x2400 + code for code in range(32) if code not in (9, 10)}
# Delete, and the marks that reverse or hide text.
_INVISIBLE = dict.fromkeys(
    (0x7F, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2066, 0x206A)), 0xFFFD
)


def visible(text: str) -> str:
    """The text with control characters (NUL, escape) and marks that reverse or hide text replaced
    by visible ones; new lines and tabs stay."""
    return text.translate(_CONTROL_PICTURES | _INVISIBLE)


def as_html(frame: pd.DataFrame, *, longest: int = 300) -> str:
    """A frame as an HTML table in which everything from a log is shown as text.

    Markup is escaped, formulas are not typeset, control characters are visible, and texts longer
    than ``longest`` characters are cut (in the table only).
    """
    shown = frame.copy()
    for name in shown.columns:
        if shown[name].dtype == object:
            shown[name] = shown[name].map(lambda value: _cell(value, longest))
    with pd.option_context("display.html.use_mathjax", False, "display.max_colwidth", None):
        table = shown.to_html(escape=True, na_rep="", border=0, index=False, render_links=False)
    # "tex2jax_ignore" and "mathjax_ignore": Jupyter's typesetter leaves the table alone.
    return f'<div class="tex2jax_ignore mathjax_ignore">{table}</div>'


def timeline_figure(report: LogReport, *, every: str = "1h") -> Figure:
    """Failures per interval and class, stacked. An empty figure says that there are none."""
    table = timeline(report, every=every)
    figure = Figure(figsize=(9, 3.5), layout="constrained")
    axes = figure.subplots()
    axes.set_title("Failures over time (UTC)")
    if table.empty:
        axes.text(0.5, 0.5, "no failure with a time", ha="center", transform=axes.transAxes)
        axes.set_axis_off()
        return figure
    days = pd.Timedelta(every) / pd.Timedelta(days=1)
    floor = pd.Series(0, index=table.index)
    for bug_class in table.columns:
        axes.bar(
            table.index,
            table[bug_class],
            bottom=floor,
            width=days,
            align="edge",
            label=str(bug_class),
        )
        floor = floor + table[bug_class]
    axes.set_ylabel(f"failures per {every}")
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    axes.tick_params(axis="x", rotation=30)
    return figure


def class_figure(counts: pd.DataFrame) -> Figure:
    """Failures per function and class, from ``failure_counts(report, ["function", "bug_class"])``.

    A function's name comes from the log, so it is drawn as it stands, ``$`` included.
    """
    named = counts.assign(function=counts["function"].fillna("unknown").map(visible))
    table = named.pivot_table(
        index="function", columns="bug_class", values="failures", aggfunc="sum", fill_value=0
    )
    figure = Figure(figsize=(9, 1.5 + 0.35 * max(len(table), 1)), layout="constrained")
    axes = figure.subplots()
    left = pd.Series(0, index=table.index)
    rows = range(len(table))
    for bug_class in table.columns:
        axes.barh(rows, table[bug_class], left=left, label=str(bug_class))
        left = left + table[bug_class]
    axes.set_yticks(rows, labels=[name[:60] for name in table.index])
    for label in axes.get_yticklabels():
        label.set_parse_math(False)
    axes.set_xlabel("failures")
    if len(table):
        axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    return figure


def _cell(value: object, longest: int) -> object:
    if not isinstance(value, str):
        return value
    text = visible(value)
    return text if len(text) <= longest else f"{text[:longest]} ..."
