"""Where figures go: a notebook, two files side by side, or a page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import quote

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from iluvatar_bench.errors import UnusablePath
from iluvatar_bench.report.figures.style import DARK, LIGHT, Theme, alt_text, figure_of, in_theme
from iluvatar_bench.report.sheet import FORMATS, checked_format


def show_figure(figure: Axes | Figure, description: str = "") -> None:
    """Show the figure in a notebook, with a description for those who cannot see it.

    Without ``description`` it is the one that the figure carries.
    """
    from IPython.display import display  # there in every notebook; a page or a file needs none

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
        with in_theme(), _laid_out(figure) as drawn:
            drawn.savefig(png, dpi=144)
            drawn.savefig(svg, metadata={"Date": None})
    except OSError as error:
        raise UnusablePath(f"cannot write {png}: {error.strerror or error}") from error
    return png, svg


@contextmanager
def _laid_out(figure: Axes | Figure) -> Iterator[Figure]:
    """The figure with its layout found, for all that is written of it in the block.

    Left to savefig, each file costs a whole drawing more, which only finds the layout.
    """
    drawn = figure_of(figure)
    engine = drawn.get_layout_engine()
    if engine is not None:
        engine.execute(drawn)
        # Not "none", which leaves an engine that does nothing and is drawn for all the same.
        drawn.set_layout_engine(None)
    try:
        yield drawn
    finally:
        drawn.set_layout_engine(engine)


def write_figure(figure: Axes | Figure, path: Path) -> None:
    """Write the figure as one file, in the format that its ending says.

    Raises:
        UsageError: it says none.
        UnusablePath: the file cannot be written.
    """
    ending = checked_format(path)
    try:
        with in_theme():
            figure_of(figure).savefig(path, dpi=300, metadata=FORMATS[ending])
    except OSError as error:
        raise UnusablePath(f"cannot write {path}: {error.strerror or error}") from error


def svg_address(figure: Axes | Figure) -> str:
    """The figure as a data address, for a page that needs no other file.

    A page has each figure twice, for both papers (:func:`on_dark_paper`), so it is written short:
    letters as text, without comments and metadata, to a tenth of a point, and not in base64, which
    is a third longer.
    """
    buffer = BytesIO()
    with in_theme(), mpl.rc_context(_AS_TEXT), _laid_out(figure) as drawn:
        drawn.savefig(buffer, format="svg", metadata={"Date": None})
    text = buffer.getvalue().decode()
    text = text[text.index("<svg") :]
    text = _COMMENT_OR_METADATA.sub("", text)
    text = _PLACES.sub(lambda found: _DIGITS.sub(_tenths, found[0]), text)
    text = _REPEATED.sub(r"\1", _BETWEEN.sub(" ", text).replace("> <", "><"))
    text = _IN_STYLES.sub(lambda found: re.sub(r"([;:]) ", r"\1", found[0]), text)
    return f"data:image/svg+xml,{quote(text, safe=_KEPT)}"


def on_dark_paper(address: str) -> str | None:
    """The figure of an :func:`svg_address` in the dark theme, without drawing it again.

    Themes differ in their colours alone. None where a part of it is an image, whose points have
    the colours they have.
    """
    if "<image" in address:
        return None
    return _COLOUR.sub(lambda found: _IN_THE_DARK.get(found[0], found[0]), address)


def _colours(theme: Theme) -> list[str]:
    one_each = [theme.paper, theme.ink, theme.faint, theme.right, *theme.others]
    return [colour.replace("#", "%23") for colour in one_each]


_IN_THE_DARK = dict(zip(_colours(LIGHT), _colours(DARK), strict=True))
_COLOUR = re.compile(r"%23[0-9a-f]{6}(?![0-9a-zA-Z])")

_AS_TEXT: dict[Any, Any] = {
    "svg.fonttype": "none",
    # Verdana is about as wide as DejaVu Sans, which the figure was laid out in.
    "font.sans-serif": ["DejaVu Sans", "Verdana", "sans-serif"],
}
_COMMENT_OR_METADATA = re.compile(r"<!--.*?-->|<metadata>.*?</metadata>", re.S)
_PLACES = re.compile(r' (?:d|x|y)="[^"]*"')
_DIGITS = re.compile(r"-?[0-9]+\.[0-9]{2,}")
_REPEATED = re.compile(r"( L [0-9.-]+ [0-9.-]+)\1+(?= )")
_BETWEEN = re.compile(r"\s+")
_IN_STYLES = re.compile(r'style="[^"]*"')
_KEPT = " !$'()*+,:;=?@[]<>|{}~^`"
"""What may stand in an address in double quotes, besides letters and digits."""


def _tenths(found: re.Match[str]) -> str:
    return f"{float(found[0]):.1f}".removesuffix(".0")
