"""Tables, figures and HTML. Takes frames; knows no containerd.

The tables are part of the core; figures and pages need the extra ``report``, and ``show_figure`` a
notebook.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from iluvatar_bench.report.arrival_parts import pool_of
    from iluvatar_bench.report.arrival_table import churn_table
    from iluvatar_bench.report.browse_table import browse
    from iluvatar_bench.report.conformance import (
        conformance_rows,
        conformance_table,
        markdown_table,
        unsafe_positions_table,
    )
    from iluvatar_bench.report.exports import (
        arrivals_export,
        comparison_export,
        dose_export,
        sides_export,
    )
    from iluvatar_bench.report.field_tables import (
        causes,
        client_rates,
        kills,
        observer_costs,
        unnoticed,
    )
    from iluvatar_bench.report.figures import (
        DARK,
        LIGHT,
        alt_text,
        drawn_in,
        plot_arrivals,
        plot_burstiness,
        plot_client_rates,
        plot_differences,
        plot_dose_response,
        plot_effects,
        plot_failures_by_function,
        plot_failures_over_time,
        plot_fault_matrix,
        plot_kills,
        plot_left_behind,
        plot_lifecycles,
        plot_memory,
        plot_occupancy,
        plot_overhead,
        plot_rates,
        plot_sequence,
        plot_start_latency,
        plot_steps,
        plot_survival,
        save_figure,
        show_figure,
        side_by_side,
    )
    from iluvatar_bench.report.figures.monitor import latency_figure, timeline_figure
    from iluvatar_bench.report.fleet_tables import claim_table, fleet_table
    from iluvatar_bench.report.lifecycles_chart import interactive_lifecycles
    from iluvatar_bench.report.live_display import live_panel
    from iluvatar_bench.report.log_text import as_html
    from iluvatar_bench.report.output_folders import OutputFolder, output_folder
    from iluvatar_bench.report.page import report_page
    from iluvatar_bench.report.progress_bars import arrivals_bar, progress_bar
    from iluvatar_bench.report.tables import (
        comparison_table,
        difference_table,
        dose_table,
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
        unwanted_deaths,
    )

__all__ = [
    "DARK",
    "LIGHT",
    "OutputFolder",
    "alt_text",
    "arrivals_bar",
    "arrivals_export",
    "as_html",
    "browse",
    "causes",
    "churn_table",
    "claim_table",
    "client_rates",
    "comparison_export",
    "comparison_table",
    "conformance_rows",
    "conformance_table",
    "detection_latencies",
    "difference_table",
    "dose_export",
    "dose_table",
    "drawn_in",
    "effect_table",
    "failure_examples",
    "fleet_table",
    "interactive_lifecycles",
    "kills",
    "latency_figure",
    "latency_table",
    "live_panel",
    "markdown_table",
    "observer_costs",
    "output_folder",
    "plot_arrivals",
    "plot_burstiness",
    "plot_client_rates",
    "plot_differences",
    "plot_dose_response",
    "plot_effects",
    "plot_failures_by_function",
    "plot_failures_over_time",
    "plot_fault_matrix",
    "plot_kills",
    "plot_left_behind",
    "plot_lifecycles",
    "plot_memory",
    "plot_occupancy",
    "plot_overhead",
    "plot_rates",
    "plot_sequence",
    "plot_start_latency",
    "plot_steps",
    "plot_survival",
    "pool_of",
    "progress_bar",
    "rate_text",
    "report_page",
    "save_figure",
    "show_figure",
    "side_by_side",
    "sides_export",
    "styled",
    "timeline_figure",
    "trial_facts",
    "trial_timeline",
    "unnoticed",
    "unsafe_positions_table",
    "unwanted_deaths",
]

_HOMES = (
    "tables",
    "field_tables",
    "fleet_tables",
    "timeline",
    "progress_bars",
    "live_display",
    "lifecycles_chart",
    "browse_table",
    "log_text",
    "conformance",
    "arrival_table",
    "exports",
    "output_folders",
    "figures",
    "figures.monitor",
    "arrival_parts",
    "page",
)
"""Where the public names live, without matplotlib first. They are imported when first used: a table
is printed where there is no matplotlib."""


def __getattr__(name: str) -> Any:
    if name in __all__:
        for home in _HOMES:
            module = import_module(f"{__name__}.{home}")
            if hasattr(module, name):
                return getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
