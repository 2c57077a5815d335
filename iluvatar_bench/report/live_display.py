"""What a run shows of itself while it goes: a panel in JupyterLab, a bar of text anywhere else.

The panel is there where a person looks on: in a notebook whose front end says which cell it runs
(JupyterLab, Notebook 7), with ipywidgets installed. Papermill, nbconvert and scripts get text.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol

from iluvatar_bench.records import ArrivalRecord, LiveStep, Trial
from iluvatar_bench.report.live_html import live_html, live_text
from iluvatar_bench.report.live_run import LiveRun
from iluvatar_bench.report.progress_bars import arrivals_bar, progress_bar
from iluvatar_bench.stats.text_tables import share_text

REFRESH_SECONDS = 0.5


class Askable(Protocol):
    """A wish to stop that a button can make known: what ``stop_on_signals`` gives."""

    def is_set(self) -> bool:
        """Whether it was asked for."""

    def ask(self) -> None:
        """Once: trials in flight are finished. Again: they are given up."""


@dataclass(frozen=True, slots=True)
class LivePanel:
    """What a run is to be handed: ``on_trial=panel.trial``, ``on_step=panel.step``, …"""

    trial: Callable[[Trial], None]
    step: Callable[[LiveStep], None]
    arrival: Callable[[ArrivalRecord], None]


@contextmanager
def live_panel(
    total: int, *, stop: Askable, unit: str = "containers", at_most: bool = False
) -> Iterator[LivePanel]:
    """Show a run of ``total`` ``unit`` (``containers`` or ``arrivals``) for the block's length.

    In JupyterLab: progress and how long the rest takes at the pace until now, the rate of each
    class with its 95 % interval, the last failures, the containers of the last half minute with
    their failures marked, and a button that asks ``stop``, a second time to give up what is in
    flight. It is drawn twice a second; what stands in the notebook at last is its last state, plain
    HTML. Elsewhere a bar of text. ``at_most``: the run may end with fewer.

    It is to be entered where a loop runs: in a cell that awaits the run.
    """
    if not _is_watched():
        with _text_panel(total, unit) as panel:
            yield panel
        return
    run = LiveRun(total=total, unit=unit, at_most=at_most)
    widget = import_module("iluvatar_bench.report.live_widget").PanelWidget(stop.ask)
    loop = asyncio.get_running_loop()
    timer: list[asyncio.TimerHandle] = []

    def refresh() -> None:
        state = f"ending: {len(run.living)} alive" if stop.is_set() else ""
        widget.show(live_html(run, state=state), asked=stop.is_set())
        timer[:] = [loop.call_later(REFRESH_SECONDS, refresh)]

    # The first interval imports what computes it: that is not to fall into the run.
    share_text(0, 1)
    state = "cut off"
    refresh()
    try:
        yield LivePanel(run.trial, run.step, run.arrival)
        state = "stopped" if stop.is_set() else "ended"
    finally:
        timer[0].cancel()
        widget.close(live_html(run, state=state), live_text(run, state=state))


@contextmanager
def _text_panel(total: int, unit: str) -> Iterator[LivePanel]:
    if unit == "arrivals":
        with arrivals_bar(total) as bar:
            yield LivePanel(bar.trial, _nothing, bar.arrival)
    else:
        with progress_bar(total) as on_trial:
            yield LivePanel(on_trial, _nothing, _nothing)


def _nothing(_: object) -> None:
    """What a bar of text has no place for."""


def _is_watched() -> bool:
    """Whether a person's front end runs this cell, and widgets are installed."""
    # Where nobody has imported IPython, this is no notebook.
    shell: Any = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    kernel = getattr(shell, "kernel", None)
    if kernel is None:
        return False
    # Front ends name the cell, to keep its outputs; nbclient and with it papermill do not.
    if not kernel.get_parent("shell").get("metadata", {}).get("cellId"):
        return False
    try:
        import_module("ipywidgets")
    except ModuleNotFoundError:
        return False
    return True
