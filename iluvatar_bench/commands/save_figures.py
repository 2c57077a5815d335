"""A run's figures in its folder, where the extra for them is installed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from iluvatar_bench.commands.extras import missing_extra
from iluvatar_bench.commands.output import err
from iluvatar_bench.errors import UnusablePath

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from iluvatar_bench.records.run_result import RunResult
    from iluvatar_bench.studies import DoseResponse


def save_figures(run: RunResult) -> None:
    """Write every figure of the run beside its tables, as PNG and SVG."""
    _saved(lambda: _of_run(run))


def renew_figures(run: RunResult) -> None:
    """Draw those figures anew that are in the run's folder, after its tables have changed."""
    if any(run.folder.glob("*.png")):
        _saved(lambda: _of_run(run, again=True))


def save_dose_figure(found: DoseResponse) -> None:
    """Write the figure of a dose and its response beside its table, as PNG and SVG."""
    _saved(lambda: _of_doses(found))


def save_burstiness_figure(table: pd.DataFrame, folder: Path) -> None:
    """Write how bursty a trace and its replay were beside the table of it, as PNG and SVG."""
    if table[["trace", "replay"]].notna().all(axis=1).any():
        _saved(lambda: _of_bursts(table, folder))


def _saved(save: Callable[[], None]) -> None:
    """A run is whole without figures.

    Where matplotlib is not installed there are none, and where they cannot be written it is said.
    """
    try:
        save()
    except ModuleNotFoundError as error:
        if missing_extra("the figures of a run", error) is None:
            raise
    except UnusablePath as error:
        err.print(f"note: no figures: {error}", soft_wrap=True, markup=False)


def _of_run(run: RunResult, *, again: bool = False) -> None:
    from iluvatar_bench.report.figure_kinds import save_run_figures

    save_run_figures(run, again=again)


def _of_doses(found: DoseResponse) -> None:
    from iluvatar_bench.profiles.doses import axis_of
    from iluvatar_bench.report import plot_dose_response, save_figure
    from iluvatar_bench.studies import with_model

    axes = plot_dose_response(with_model(found.table), unit=axis_of(found.quantity))
    save_figure(axes, found.folder / f"dose-{found.quantity}")


def _of_bursts(table: pd.DataFrame, folder: Path) -> None:
    from iluvatar_bench.report import plot_burstiness, save_figure

    save_figure(plot_burstiness(table), folder / "burstiness")
