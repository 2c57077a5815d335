"""``figure``: a figure of runs, of a check or of doses as a file, for a screen or for a paper."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from iluvatar_bench.commands.open_named import open_named
from iluvatar_bench.commands.output import print_plain
from iluvatar_bench.errors import UnusablePath, UsageError, meant

if TYPE_CHECKING:
    from iluvatar_bench.report.figures.style import Drawn
    from iluvatar_bench.report.sheet import Sheet

_STYLES = ("screen", "paper")
_DOSE_TABLES = "dose-*.csv"
_BURSTINESS_TABLE = "burstiness.csv"
_OF_FOLDERS = {
    "burstiness": "a run of a trace, or its table: how bursty, the trace and the replay",
    "dose": "a folder or table of `dose`: rates over the doses, beside the model",
    "fault_matrix": "a folder of `check`: positions down, faults across",
}
"""Figures of folders that hold no single run."""


class FigureHelp(TyperCommand):
    """``figure --help`` lists the kinds of figures."""

    def format_options(self, ctx: typer.Context, formatter: Any) -> None:  # type: ignore[override]
        """The kinds first, then the options."""
        from iluvatar_bench.report.figure_names import FIGURE_NAMES

        kinds = FIGURE_NAMES | _OF_FOLDERS
        with formatter.section("Kinds"):
            formatter.write_dl(list(kinds.items()))
        super().format_options(ctx, formatter)


def figure_command(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN... [KIND]",
            help="runs (see runs), or one folder of check or dose; and a kind of figure, by "
            "default the first of the list that fits",
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help=".pdf, .svg or .png; default: KIND.png"),
    ] = None,
    style: Annotated[
        str,
        typer.Option(help="screen, or paper: a column wide, small type, no title but a caption"),
    ] = "screen",
    width: Annotated[
        str | None, typer.Option(metavar="WIDTH", help="as in 85mm, 3.35in, 8.5cm or 241pt")
    ] = None,
    columns: Annotated[
        int | None,
        typer.Option(metavar="1|2", help="of a paper: 85 mm (default) or 170 mm wide"),
    ] = None,
    trial: Annotated[int | None, typer.Option(help="of timeline: which trial")] = None,
) -> None:
    """Draw one figure of runs into a file.

    With --style paper the text of its caption is printed, and written beside it.
    """
    from iluvatar_bench.host.writable import require_writable
    from iluvatar_bench.report.sheet import checked_format, drawn_for

    sheet = _sheet(style, width, columns)
    if output is not None:
        checked_format(output)
        require_writable(output)
    names, kind = _names_and_kind(words)
    if trial is not None and kind not in (None, "timeline"):
        raise UsageError(f"--trial is of the kind timeline, not of {kind}")
    with drawn_for(sheet):
        kind, drawn = _drawn(names, "timeline" if trial is not None else kind, trial)
        from iluvatar_bench.report.figures.captions import caption_of
        from iluvatar_bench.report.figures.saving import write_figure

        output = output or Path(f"{kind}.png")
        write_figure(drawn, output)
    print_plain(f"figure: {output}")
    if sheet.paper:
        _give_caption(caption_of(drawn), output)


def _give_caption(caption: str, figure: Path) -> None:
    """Print the caption, and write it beside the figure: ``rates.pdf``, ``rates.caption.txt``."""
    from iluvatar_bench.host.whole_files import write_whole

    beside = figure.with_suffix(".caption.txt")
    try:
        write_whole(beside, f"{caption}\n")
    except OSError as error:
        raise UnusablePath(f"cannot write {beside}: {error.strerror or error}") from error
    print_plain(f"caption: {caption}")


def _sheet(style: str, width: str | None, columns: int | None) -> Sheet:
    from iluvatar_bench.report.sheet import COLUMNS_IN, Sheet, width_in

    if style not in _STYLES:
        raise UsageError(f"no style {style!r}{meant(style, _STYLES)}; there are: screen, paper")
    paper = style == "paper"
    if columns is not None and (not paper or width is not None):
        raise UsageError("--columns is of --style paper, in the place of --width")
    if columns not in (None, *COLUMNS_IN):
        raise UsageError(f"--columns is 1 or 2, not {columns}")
    wide = COLUMNS_IN[columns or 1] if paper else None
    return Sheet(paper=paper, width_in=wide if width is None else width_in(width))


def _names_and_kind(words: list[str]) -> tuple[list[str], str | None]:
    """The runs' names, and the last word where it is a kind and no folder."""
    from iluvatar_bench.report.figure_names import FIGURE_NAMES

    kinds = (*FIGURE_NAMES, *_OF_FOLDERS)
    *names, last = words
    if last not in kinds or Path(last).is_dir():
        return words, None
    if not names:
        raise UsageError(f"a figure {last} of which run? figure RUN... {last}")
    return names, last


def _drawn(names: list[str], kind: str | None, trial: int | None) -> tuple[str, Drawn]:
    """The kind that is drawn, and the figure."""
    of_folder = _folder_kind(names[0]) if len(names) == 1 else None
    if of_folder is not None and kind in (None, of_folder):
        return of_folder, _DRAWN_OF[of_folder](names[0])
    if kind == "burstiness" and len(names) == 1:
        return kind, _burstiness(str(_open(names[0], last=False).folder / _BURSTINESS_TABLE))
    if kind in _OF_FOLDERS:
        raise UsageError(f"no figure {kind} of {', '.join(names)}: it is of {_OF_FOLDERS[kind]}")
    runs = [_open(name, last=0 < at == len(names) - 1) for at, name in enumerate(names)]
    from iluvatar_bench.report.figure_kinds import draw_figure, draw_timeline, fitting_kinds

    if trial is not None:
        if len(runs) > 1:
            raise UsageError(f"a figure timeline is of one run, not {len(runs)}")
        return "timeline", draw_timeline(runs[0], trial)
    for run in runs:
        run.require_trials()
    kind = kind or fitting_kinds(runs)[0]
    return kind, draw_figure(runs, kind)


def _open(name: str, *, last: bool) -> Any:
    from iluvatar_bench.report.figure_names import FIGURE_NAMES

    try:
        return open_named([name])[0]
    except UsageError as error:
        hint = meant(name, FIGURE_NAMES) if last else ""
        if not hint:
            raise
        raise UsageError(f"{name!r} is neither a run nor a kind of figure{hint}") from error


def _folder_kind(name: str) -> str | None:
    """The figure of what is no run: a check, or a table of doses; None for all others."""
    from iluvatar_bench.clients import recorded_check_names
    from iluvatar_bench.clients.check.check_folder import POSITIONS_TABLE

    if (Path(name) / POSITIONS_TABLE).exists() or name in recorded_check_names():
        return "fault_matrix"
    if Path(name).name == _BURSTINESS_TABLE:
        return "burstiness"
    return None if _dose_table(Path(name)) is None else "dose"


def _dose_table(path: Path) -> Path | None:
    """The table of doses that is meant: the file itself, or the one in the folder."""
    if path.match(_DOSE_TABLES) and path.is_file():
        return path
    found = list(path.glob(_DOSE_TABLES))
    return found[0] if len(found) == 1 else None


def _dose(name: str) -> Drawn:
    import pandas as pd

    from iluvatar_bench.profiles.doses import axis_of
    from iluvatar_bench.report import plot_dose_response
    from iluvatar_bench.studies import with_model

    table = _dose_table(Path(name))
    assert table is not None
    try:
        rows = with_model(pd.read_csv(table))
        return plot_dose_response(rows, unit=axis_of(table.stem.removeprefix("dose-")))
    except (KeyError, ValueError) as error:
        raise UsageError(f"{table} is no table of dose: {error} is missing or wrong") from error


def _burstiness(name: str) -> Drawn:
    import pandas as pd

    from iluvatar_bench.report import plot_burstiness

    try:
        return plot_burstiness(pd.read_csv(name))
    except OSError as error:
        raise UsageError(
            f"no figure burstiness, which runs of a trace have: {name} cannot be read "
            f"({error.strerror})"
        ) from error
    except (KeyError, ValueError) as error:
        raise UsageError(f"{name} is no table of burstiness: {error}") from error


def _matrix(name: str) -> Drawn:
    from iluvatar_bench.clients import open_check
    from iluvatar_bench.report import plot_fault_matrix

    rows = open_check(name).positions.to_dict("records")
    return plot_fault_matrix([{str(key): value for key, value in row.items()} for row in rows])


_DRAWN_OF = {"burstiness": _burstiness, "dose": _dose, "fault_matrix": _matrix}
