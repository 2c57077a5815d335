"""Tables, figures and HTML. Takes frames; knows no containerd."""

from iluvatar_bench.report.churn_figures import (
    arrivals_figure,
    churn_table,
    latency_figure,
    occupancy_figure,
)
from iluvatar_bench.report.figures import rates_figure, save_figure, show_figure, steps_figure
from iluvatar_bench.report.html import comparison_page
from iluvatar_bench.report.tables import comparison_table, failure_examples, rate_text, styled

__all__ = [
    "arrivals_figure",
    "churn_table",
    "comparison_page",
    "comparison_table",
    "failure_examples",
    "latency_figure",
    "occupancy_figure",
    "rate_text",
    "rates_figure",
    "save_figure",
    "show_figure",
    "steps_figure",
    "styled",
]
