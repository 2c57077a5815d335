"""Tables, figures and HTML. Takes frames; knows no containerd."""

from iluvatar_bench.report.autopsy import Autopsy, explain
from iluvatar_bench.report.figures import rates_figure, save_figure, show_figure, steps_figure
from iluvatar_bench.report.html import comparison_page
from iluvatar_bench.report.tables import comparison_table, failure_examples, rate_text, styled

__all__ = [
    "Autopsy",
    "comparison_page",
    "comparison_table",
    "explain",
    "failure_examples",
    "rate_text",
    "rates_figure",
    "save_figure",
    "show_figure",
    "steps_figure",
    "styled",
]
