"""Figures: each function draws on the axes it is given, or on new ones, and returns them.

Every axis has its unit, every figure says its n, and every figure carries a description for those
who cannot see it (``alt_text``). ``drawn_in(DARK)`` draws on dark paper.
"""

from iluvatar_bench.report.figures.arrivals import plot_arrivals, plot_start_latency
from iluvatar_bench.report.figures.beside import side_by_side
from iluvatar_bench.report.figures.dose import plot_dose_response
from iluvatar_bench.report.figures.fault_matrix import plot_fault_matrix
from iluvatar_bench.report.figures.field import plot_client_rates, plot_kills, plot_left_behind
from iluvatar_bench.report.figures.forest import plot_differences, plot_effects
from iluvatar_bench.report.figures.lifecycle_rates import plot_overhead
from iluvatar_bench.report.figures.lifecycles import plot_lifecycles
from iluvatar_bench.report.figures.memory import plot_memory
from iluvatar_bench.report.figures.occupancy import plot_occupancy
from iluvatar_bench.report.figures.rates import plot_rates
from iluvatar_bench.report.figures.saving import (
    on_dark_paper,
    save_figure,
    show_figure,
    svg_address,
)
from iluvatar_bench.report.figures.sequence import plot_sequence
from iluvatar_bench.report.figures.steps import plot_steps
from iluvatar_bench.report.figures.style import DARK, LIGHT, alt_text, drawn_in
from iluvatar_bench.report.figures.survival import plot_survival
from iluvatar_bench.report.figures.trace_burstiness import plot_burstiness
from iluvatar_bench.report.figures.worker_logs import (
    plot_failures_by_function,
    plot_failures_over_time,
)

__all__ = [
    "DARK",
    "LIGHT",
    "alt_text",
    "drawn_in",
    "on_dark_paper",
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
    "save_figure",
    "show_figure",
    "side_by_side",
    "svg_address",
]
