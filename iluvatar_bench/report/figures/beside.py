"""The same figure for several runs, side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from iluvatar_bench.report.figures.style import in_style


@in_style
def side_by_side(draw: Callable[..., Axes], frames: Mapping[str, pd.DataFrame]) -> Figure:
    """One figure with an axes for each run, all with the same vertical scale.

    Args:
        draw: takes a frame, ``label`` and ``axes``, as ``plot_arrivals`` does.
        frames: the run's name to its frame; at least one.

    Raises:
        ValueError: no run was given.
    """
    if not frames:
        raise ValueError("a figure of runs needs a run")
    figure = Figure(figsize=(5.2 * len(frames) + 0.6, 3.8), layout="constrained")
    row = list(figure.subplots(1, len(frames), squeeze=False, sharey=True)[0])
    for axes, (label, frame) in zip(row, frames.items(), strict=True):
        draw(frame, label=label, axes=axes)
        axes.label_outer()
    return figure
