"""``figure``: a picture of runs without a line of Python."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from iluvatar_bench.report.figure_kinds import (
    FIGURE_KINDS,
    draw_figure,
    fitting_kinds,
    save_run_figures,
)
from iluvatar_bench.report.figure_names import FIGURE_NAMES
from iluvatar_bench.report.figures.style import figure_of, in_theme
from iluvatar_bench.report.sheet import Sheet, drawn_for, width_in
from iluvatar_bench.runs import find_run, open_run
from iluvatar_bench.runs.recorded import RECORDED_HOME
from iluvatar_bench.shipped import DATA
from tests.support.command import command

FITTING = {
    "guarded": {"failure_rates", "steps", "lifecycles", "survival"},
    "iluvatar-2022-07": {"failure_rates", "steps", "lifecycles", "survival", "timeline"},
    "monitored": {"failure_rates", "steps", "lifecycles", "survival", "memory", "timeline"},
    "root-cause": {"failure_rates", "effects", "steps", "lifecycles", "survival", "timeline"},
}


def test_a_paper_gets_its_figure_and_the_text_of_its_caption(tmp_path: Path) -> None:
    pdf = tmp_path / "rates.pdf"
    done = command("figure", "iluvatar-2022-07", "guarded", "--out", str(pdf), "--style", "paper")
    assert done.returncode == 0, done.stderr
    first, caption = done.stdout.splitlines()
    assert first == f"figure: {pdf}"
    assert caption.startswith("caption: Failure rate per bug class")
    assert "two-sided 95 % intervals" in caption
    beside = (tmp_path / "rates.caption.txt").read_text()
    assert beside == f"{caption.removeprefix('caption: ')}\n"
    document = pdf.read_bytes()
    assert document.startswith(b"%PDF")
    # 85 mm in points; letters are embedded, none of them as type 3.
    (box,) = re.findall(rb"/MediaBox \[ ?0 0 ([0-9.]+)", document)
    assert float(box) == pytest.approx(85 / 25.4 * 72, abs=0.1)
    assert b"/FontFile2" in document and b"/Type3" not in document
    again = tmp_path / "again.pdf"
    command("figure", "iluvatar-2022-07", "guarded", "--out", str(again), "--style", "paper")
    assert again.read_bytes() == document


def test_a_figure_may_be_two_columns_of_a_paper_wide(tmp_path: Path) -> None:
    pdf = tmp_path / "steps.pdf"
    paper = ("--style", "paper", "--columns", "2")
    assert command("figure", "guarded", "steps", "--out", str(pdf), *paper).returncode == 0
    (box,) = re.findall(rb"/MediaBox \[ ?0 0 ([0-9.]+)", pdf.read_bytes())
    assert float(box) == pytest.approx(170 / 25.4 * 72, abs=0.1)


def test_the_default_is_the_first_kind_that_fits_in_the_folder_one_stands_in(
    tmp_path: Path,
) -> None:
    done = command("figure", "observed", cwd=tmp_path)
    assert done.stdout == "figure: client_rates.png\n"
    assert (tmp_path / "client_rates.png").read_bytes().startswith(b"\x89PNG")


def test_checks_and_doses_have_their_figures_too(tmp_path: Path) -> None:
    doses = DATA / "tables" / "dose_response" / "dose-concurrency.csv"
    bursts = DATA / "tables" / "replay" / "burstiness.csv"
    of_tables = ((str(doses), "dose"), (str(bursts), "burstiness"))
    for name, kind in (("ctr-run", "fault_matrix"), *of_tables):
        done = command("figure", name, "--out", str(tmp_path / "a.svg"))
        assert (done.returncode, done.stderr) == (0, "")
        assert "<svg" in (tmp_path / "a.svg").read_text()
        refused = command("figure", "guarded", kind)
        assert refused.returncode == 2
        assert kind in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["guarded", "effects"], "it is of no root-cause run; there are: failure_rates"),
        (["guarded", "lifecycle"], "neither a run nor a kind of figure (did you mean lifecycles?)"),
        (["guarded", "--out", "a.jpg"], "a.jpg says no format by its ending"),
        (["guarded", "--out", "/nowhere/a.png"], "there is no folder /nowhere"),
        (["guarded", "--width", "85"], "a number and its unit, in, mm, cm or pt"),
        (["guarded", "--width", "4mm"], "1.5in to 40in wide, not 0.157in"),
        (["guarded", "--style", "papre"], "(did you mean paper?)"),
        (["guarded", "--columns", "2"], "--columns is of --style paper"),
        (["guarded", "--style", "paper", "--columns", "3"], "--columns is 1 or 2, not 3"),
        (["guarded", "iluvatar-2022-07", "memory"], "it is of one run, not 2"),
        (["guarded", "differences"], "it is of two runs, not 1"),
        (["failure_rates"], "a figure failure_rates of which run?"),
        (["guarded", "burstiness"], "no figure burstiness, which runs of a trace have: "),
        (["guarded", "steps", "--trial", "1"], "--trial is of the kind timeline, not of steps"),
        (["guarded", "monitored", "--trial", "1"], "is of one run, not 2"),
        (["monitored", "--trial", "999"], "no trial 999"),
    ],
)
def test_a_wrong_request_says_what_there_is_and_writes_nothing(
    arguments: list[str], told: str, tmp_path: Path
) -> None:
    done = command("figure", *arguments, cwd=tmp_path)
    assert done.returncode != 0
    assert told in done.stderr
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_table_of_something_else_is_told(tmp_path: Path) -> None:
    table = tmp_path / "dose-concurrency.csv"
    table.write_text("a,b\n1,2\n")
    done = command("figure", str(table), cwd=tmp_path)
    assert done.returncode == 2
    assert f"{table} is no table of dose" in done.stderr


def test_the_help_names_every_kind() -> None:
    text = command("figure", "--help").stdout
    assert list(FIGURE_NAMES) == list(FIGURE_KINDS)
    for name in (*FIGURE_NAMES, "burstiness", "dose", "fault_matrix"):
        assert re.search(rf"^  {name} ", text, re.M), name


@pytest.mark.parametrize("name", FITTING)
def test_a_run_has_the_figures_that_fit_it(name: str) -> None:
    run = open_run(find_run(name))
    assert set(fitting_kinds([run])) == FITTING[name]


LONG_NAMES = ("effects", "timeline", "kills")
"""Kinds whose names once reached beyond a column, or left the data no room."""


def require_room(figure: Figure) -> None:
    """Nothing reaches beyond the sheet, and names leave half of it to the data."""
    with in_theme():
        figure.draw_without_rendering()
    (axes,) = figure.axes
    around = axes.get_tightbbox()
    assert around is not None
    assert around.x0 >= 0
    assert around.x1 <= figure.bbox.x1
    assert axes.get_window_extent().width >= figure.bbox.width / 2


def test_every_kind_is_drawn_of_some_recorded_run_on_a_sheet_of_its_width() -> None:
    drawn = set()
    two = ["churn-iluvatar-2022-07", "churn-guarded"]
    for names in (*([name] for name in (*FITTING, "observed", "churn-guarded")), two):
        runs = [open_run(RECORDED_HOME / name) for name in names]
        for kind in fitting_kinds(runs):
            with drawn_for(Sheet(paper=True, width_in=3.35)):
                figure = figure_of(draw_figure(runs, kind))
                assert isinstance(figure, Figure)
                assert figure.get_figwidth() == 3.35
                if kind in LONG_NAMES:
                    require_room(figure)
            drawn.add(kind)
    assert drawn == set(FIGURE_KINDS)


def test_a_width_is_in_the_unit_that_it_says() -> None:
    assert width_in("85mm") == pytest.approx(3.3465, abs=1e-4)
    assert width_in("8.5 cm") == width_in("85mm")
    # TeX's point, in which \columnwidth is printed.
    assert width_in("144.54pt") == pytest.approx(2)
    assert width_in("2in") == 2


def test_runs_of_one_profile_have_their_ids_in_a_figure() -> None:
    run = open_run(find_run("guarded"))
    other = replace(run, manifest={**run.manifest, "run_id": "guarded-later"})
    legend = figure_of(draw_figure([run, other], "failure_rates")).axes[0].get_legend()
    assert legend is not None
    texts = [text.get_text() for text in legend.get_texts()]
    assert texts == [f"{run.manifest['run_id']} (n = 40)", "guarded-later (n = 40)"]


def test_all_figures_of_a_run_are_saved_beside_its_tables(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(find_run("monitored"), folder)
    saved = save_run_figures(open_run(folder))
    names = {f"{kind}.{ending}" for kind in FITTING["monitored"] for ending in ("png", "svg")}
    assert {path.name for path in saved} == names
    assert all((folder / name).stat().st_size > 1000 for name in names)
