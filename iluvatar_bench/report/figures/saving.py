"""Where figures go: a notebook, two files side by side, or a page."""

from __future__ import annotations

import base64
from io import BytesIO
from pathlib import Path

from IPython.display import display
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from iluvatar_bench.errors import UnusablePath
from iluvatar_bench.report.figures.style import alt_text, figure_of, in_theme


def show_figure(figure: Axes | Figure, description: str = "") -> None:
    """Show the figure in a notebook, with a description for those who cannot see it.

    Without ``description`` it is the one that the figure carries.
    """
    alt = description or alt_text(figure)
    display(figure_of(figure), metadata={"image/png": {"alt": alt}})  # type: ignore[no-untyped-call]


def save_figure(figure: Axes | Figure, path: Path) -> tuple[Path, Path]:
    """Write the figure as PNG and SVG beside each other; gives the two paths.

    ``path`` is without its suffix; its folder is made if need be.

    Raises:
        UnusablePath: the files cannot be written.
    """
    # Not with_suffix, which would cut a name like "dose-0.5" at its point.
    png, svg = (path.with_name(f"{path.name}.{kind}") for kind in ("png", "svg"))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with in_theme():
            figure_of(figure).savefig(png, dpi=144)
            figure_of(figure).savefig(svg, metadata={"Date": None})
    except OSError as error:
        raise UnusablePath(f"cannot write {png}: {error.strerror or error}") from error
    return png, svg


def svg_address(figure: Axes | Figure) -> str:
    """The figure as a data address, for a page that needs no other file."""
    buffer = BytesIO()
    with in_theme():
        figure_of(figure).savefig(buffer, format="svg", metadata={"Date": None})
    return f"data:image/svg+xml;base64,{base64.b64encode(buffer.getvalue()).decode()}"
