"""What a log contains is shown as text, in tables, figures and the notebook."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd
import pytest

from iluvatar_bench.batch.notebook import run_notebook
from iluvatar_bench.batch.notebook_files import NOTEBOOK_HOME
from iluvatar_bench.report import (
    as_html,
    plot_failures_by_function,
    plot_failures_over_time,
    save_figure,
)
from iluvatar_bench.report.log_text import visible
from iluvatar_bench.worker_logs import LogReport, failure_counts, scan, timeline

NOTEBOOK = NOTEBOOK_HOME / "worker_logs.ipynb"
EVIL = '<script>alert("x")</script><img src=x onerror=y> $\\frac{1}{2}$ & http://x.example'


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[Any]) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def tags_and_text(html: str) -> tuple[set[str], str]:
    parser = _Tags()
    parser.feed(html)
    return parser.tags, parser.text


@pytest.fixture
def evil_log(tmp_path: Path) -> Path:
    path = tmp_path / "evil.log"
    path.write_text(
        '{"timestamp":"2025-03-05 10:11:12.5","level":"ERROR","fields":{"message":"ttrpc: closed '
        + EVIL.replace('"', '\\"').replace("\\frac", "\\\\frac")
        + '","function_name":"$x_{","function_version":"<b>1</b>"}}\n'
    )
    return path


@pytest.fixture
def report(evil_log: Path) -> LogReport:
    return scan([evil_log])


def test_markup_and_formulas_stay_text(report: LogReport) -> None:
    html = as_html(report.failures)
    tags, text = tags_and_text(html)
    assert tags <= {"div", "table", "thead", "tbody", "tr", "th", "td"}
    assert EVIL in text
    assert html.startswith('<div class="tex2jax_ignore mathjax_ignore">')


def test_long_texts_are_cut_and_control_characters_shown() -> None:
    frame = pd.DataFrame({"text": ["x" * 1000, "a\x00\x1b[31m\u202eb"], "n": [1, 2]})
    _, text = tags_and_text(as_html(frame, longest=10))
    assert "x" * 10 + " ..." in text and "x" * 11 not in text
    assert "a␀␛[31m\ufffdb" in text
    assert visible("a\n\tb é") == "a\n\tb é"


def test_figures_draw_hostile_names_as_they_are(report: LogReport, tmp_path: Path) -> None:
    counts = failure_counts(report, ["function", "bug_class"])
    over_time = plot_failures_over_time(timeline(report), every="1h")
    for number, axes in enumerate((plot_failures_by_function(counts), over_time)):
        _, svg = save_figure(axes, tmp_path / f"{number}")
        assert svg.stat().st_size > 1000


def test_figures_of_nothing_say_so(tmp_path: Path) -> None:
    (tmp_path / "fine.log").write_text("fine\n")
    report = scan([tmp_path])
    axes = plot_failures_over_time(timeline(report), every="1h")
    assert axes.texts[0].get_text() == "no failure with a time"
    counts = failure_counts(report, ["function", "bug_class"])
    save_figure(plot_failures_by_function(counts), tmp_path / "x")


def test_the_notebook_runs_on_the_notes_of_2022(tmp_path: Path) -> None:
    done = run_notebook("worker_logs", {"results": str(tmp_path)}, results=tmp_path, progress=False)
    page = done.html.read_text(encoding="utf-8")
    assert "snapshot_overlay" in page and "chameleon" in page
    table = pd.read_csv(done.notebook.parent / "by_class.csv").set_index("bug_class")
    assert table["failures"].to_dict() == {
        "missing_packages": 2,
        "process_died": 1,
        "snapshot_overlay": 1,
    }
    assert done.notebook.parent / "timeline.svg" in done.files
    assert all(path.is_file() for path in done.files)


def test_the_notebook_shows_a_hostile_log_as_text(evil_log: Path, tmp_path: Path) -> None:
    given = {"paths": [str(evil_log)], "results": str(tmp_path)}
    done = run_notebook("worker_logs", given, results=tmp_path, progress=False)
    notebook = nbformat.read(done.notebook, as_version=4)
    outputs = [o for c in notebook.cells for o in c.get("outputs", [])]
    tags, text = tags_and_text("".join(o.get("data", {}).get("text/html", "") for o in outputs))
    assert not tags & {"script", "img", "b"}
    assert EVIL in text
    page = done.html.read_text(encoding="utf-8")
    assert "<script>alert" not in page and "onerror=y>" not in page.replace("onerror=y&gt;", "")


def test_the_notebook_is_stored_without_outputs() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(not cell.outputs and cell.execution_count is None for cell in code)
    assert [c.id for c in code if "parameters" in c.metadata.get("tags", [])] == ["parameters"]
