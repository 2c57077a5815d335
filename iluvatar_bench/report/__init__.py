"""Tables, figures and HTML. Takes frames; knows no containerd."""

from iluvatar_bench.report.autopsy import Autopsy, explain
from iluvatar_bench.report.churn_figures import (
    arrivals_figure,
    churn_table,
    occupancy_figure,
    start_latency_figure,
)
from iluvatar_bench.report.figures import (
    DARK,
    LIGHT,
    alt_text,
    drawn_in,
    plot_differences,
    plot_dose_response,
    plot_effects,
    plot_lifecycles,
    plot_memory,
    plot_rates,
    plot_steps,
    plot_survival,
    rates_figure,
    save_figure,
    show_figure,
    steps_figure,
)
from iluvatar_bench.report.monitor_figures import latency_figure, timeline_figure
from iluvatar_bench.report.page import report_page
from iluvatar_bench.report.tables import (
    comparison_table,
    difference_table,
    effect_table,
    failure_examples,
    rate_text,
    styled,
)
from iluvatar_bench.report.timeline import (
    detection_latencies,
    latency_table,
    trial_facts,
    trial_timeline,
)

__all__ = [
    "DARK",
    "LIGHT",
    "Autopsy",
    "alt_text",
    "arrivals_figure",
    "churn_table",
    "comparison_table",
    "detection_latencies",
    "difference_table",
    "drawn_in",
    "effect_table",
    "explain",
    "failure_examples",
    "latency_figure",
    "latency_table",
    "occupancy_figure",
    "plot_differences",
    "plot_dose_response",
    "plot_effects",
    "plot_lifecycles",
    "plot_memory",
    "plot_rates",
    "plot_steps",
    "plot_survival",
    "rate_text",
    "rates_figure",
    "report_page",
    "save_figure",
    "show_figure",
    "start_latency_figure",
    "steps_figure",
    "styled",
    "timeline_figure",
    "trial_facts",
    "trial_timeline",
]
