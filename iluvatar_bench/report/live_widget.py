"""The panel's widgets: a piece of HTML and a button, and what is left of them afterwards."""

from __future__ import annotations

from collections.abc import Callable

from IPython.display import display
from ipywidgets import HTML, Button, VBox


class PanelWidget:
    """Shows itself at once below the cell. ``ask`` is called at each press of its button.

    A front end sends what is pressed on a channel that a running cell does not block, in a thread
    of its own (subshells: JupyterLab 4.4 with ipykernel 7) or between two steps of the cell's
    coroutine (ipykernel 7.4).
    """

    def __init__(self, ask: Callable[[], None]) -> None:
        self._html = HTML()
        self._button = Button(
            description="Stop",
            tooltip="no container begins any more; those in flight are finished",
        )
        self._button.on_click(lambda _: ask())
        self._box = VBox([self._button, self._html])
        self._shown = display(self._box, display_id=True)  # type: ignore[no-untyped-call]

    def show(self, content: str, *, asked: bool) -> None:
        """Show the content; ``asked``: the button was heard, and a second press gives up."""
        self._html.value = content
        if asked and self._button.description == "Stop":
            self._button.description = "Give up"
            self._button.tooltip = "the containers in flight are not finished but removed"

    def close(self, content: str, text: str) -> None:
        """Leave the content as plain HTML in the place of the widgets."""
        self._shown.update({"text/html": content, "text/plain": text}, raw=True)
        for widget in (self._html, self._button, self._box):
            widget.close()
