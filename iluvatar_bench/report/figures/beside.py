"""The same figure for several runs, side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from iluvatar_bench.report.figures.style import in_style
from iluvatar_bench.report.sheet import sheet

_NARROWEST_IN = 3.0
"""Of an axes beside others."""


@in_style
def side_by_side(draw: Callable[..., Axes], frames: Mapping[str, pd.DataFrame]) -> Figure:
    """One figure with an axes for each run, all with the same two scales.

    On a narrow sheet they stand one below the other.

    Args:
        draw: takes a frame, ``label`` and ``axes``, as ``plot_arrivals`` does.
        frames: the run's name to its frame; at least one.

    Raises:
        ValueError: no run was given.
    """
    if not frames:
        raise ValueError("a figure of runs needs a run")
    wide = sheet().width_in
    below = wide is not None and wide < _NARROWEST_IN * len(frames)
    shape = (len(frames), 1) if below else (1, len(frames))
    size = sheet().size(5.2 * shape[1] + 0.6, 3.8)
    figure = Figure(figsize=(size[0], size[1] * shape[0]), layout="constrained")
    several = figure.subplots(*shape, squeeze=False, sharex=True, sharey=True).flat
    for axes, (label, frame) in zip(several, frames.items(), strict=True):
        draw(frame, label=label, axes=axes)
        axes.label_outer()
    return figure
