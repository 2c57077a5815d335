"""Tables, figures and HTML. Takes frames; knows no containerd."""

from iluvatar_bench.report.autopsy import Autopsy, explain
from iluvatar_bench.report.figures import rates_figure, save_figure, show_figure, steps_figure
from iluvatar_bench.report.html import comparison_page
from iluvatar_bench.report.monitor_figures import latency_figure, memory_figure, timeline_figure
from iluvatar_bench.report.tables import comparison_table, failure_examples, rate_text, styled
from iluvatar_bench.report.timeline import (
    detection_latencies,
    latency_table,
    trial_facts,
    trial_timeline,
)

__all__ = [
    "Autopsy",
    "comparison_page",
    "comparison_table",
    "detection_latencies",
    "explain",
    "failure_examples",
    "latency_figure",
    "latency_table",
    "memory_figure",
    "rate_text",
    "rates_figure",
    "save_figure",
    "show_figure",
    "steps_figure",
    "styled",
    "timeline_figure",
    "trial_facts",
    "trial_timeline",
]
