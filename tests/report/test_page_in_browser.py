"""The report in a real browser without network: nothing is asked for, nothing complains."""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from iluvatar_bench.report import report_page
from iluvatar_bench.runs import find_run, open_run

BROWSER = next(
    (
        found
        for name in ("chromium", "chromium-browser", "google-chrome")
        if (found := shutil.which(name))
    ),
    None,
)

pytestmark = pytest.mark.skipif(BROWSER is None, reason="needs Chromium")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "report.html"
    runs = [open_run(find_run(name)) for name in ("iluvatar-2022-07", "guarded")]
    path.write_text(report_page(runs))
    return path


def browse(page: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """One visit of a new, headless browser in which no name resolves."""
    home = page.parent / "browser"
    return subprocess.run(
        [
            str(BROWSER),
            "--headless",
            *(["--no-sandbox"] if os.geteuid() == 0 else []),
            "--disable-gpu",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--host-resolver-rules=MAP * ~NOTFOUND",
            "--enable-logging=stderr",
            f"--user-data-dir={home}",
            *options,
            page.as_uri(),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, "HOME": str(page.parent)},
    )


def visit(page: Path, folder: Path) -> tuple[str, list[str], set[str]]:
    """What the page came to, what its console said, and the addresses that it asked for."""
    log = folder / "net.json"
    done = browse(page, f"--log-net-log={log}", "--dump-dom")
    assert done.returncode == 0, done.stderr
    console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    asked = [event.get("params", {}) for event in json.loads(log.read_text())["events"]]
    # The browser's own services have no origin; a page from a file has one without a host.
    wanted = {params["url"] for params in asked if params.get("initiator") in ("null", "file://")}
    return done.stdout, console, {url for url in wanted if not url.startswith(("data:", "file:"))}


def test_no_request_leaves_and_the_console_stays_empty(page: Path, tmp_path: Path) -> None:
    text, console, asked = visit(page, tmp_path)
    assert "iluvatar-2022-07 36/40 not ok, guarded 0/40 not ok: described, not judged" in text
    assert (console, asked) == ([], set())


def test_a_request_would_have_been_noticed(page: Path, tmp_path: Path) -> None:
    """The check above can fail: a foreign picture is refused, or else asked for."""
    address = "http://nowhere.invalid/x.png"
    foreign = page.read_text().replace("<main>", f'<main><img src="{address}">')
    broken = page.with_name("broken.html")
    broken.write_text(foreign)
    _, console, asked = visit(broken, tmp_path)
    assert any("Content Security Policy" in line for line in console)
    assert asked == set()
    broken.write_text(foreign.replace("default-src 'none'; img-src data:;", ""))
    # The browser tells of a name that does not resolve in its tools only, not on this console.
    assert visit(broken, tmp_path)[2] == {address}


def test_it_prints_on_paper(page: Path, tmp_path: Path) -> None:
    paper = tmp_path / "report.pdf"
    done = browse(page, f"--print-to-pdf={paper}", "--no-pdf-header-footer")
    assert done.returncode == 0, done.stderr
    data = paper.read_bytes()
    assert data.startswith(b"%PDF-")
    assert 4 <= data.count(b"/Type /Page\n") <= 12


DESK, TELEPHONE = 1280, 390
"""Widths of a window, px."""

MEASURE = """
addEventListener("load", () => {
  const found = [...document.querySelectorAll("iframe")].map(frame => {
    const page = frame.contentDocument;
    const boxes = [...page.querySelectorAll("table")].map(table => table.parentElement);
    const cells = [...page.querySelectorAll("th, td")];
    return {
      beyond: page.documentElement.scrollWidth - page.documentElement.clientWidth,
      scrolling: boxes.filter(box => box.scrollWidth > box.clientWidth).map(box => box.innerText),
      cut: cells.filter(cell => cell.scrollWidth > cell.clientWidth).map(cell => cell.innerText),
      cells: cells.map(cell => cell.innerText),
    };
  });
  document.body.textContent = JSON.stringify(found);
});
"""

EMPTY_FIGURE = (
    'src="data:image/svg+xml,%3Csvg xmlns=%22http://www.w3.org/2000/svg%22 width=%22900%22 '
    'height=%22500%22/%3E"'
)
"""In the place of each, because what is drawn takes its time and only tables are looked at."""

PYTHON = re.compile(
    r"\b(?:nan|NaN|NaT|None|True|False|dtype|Timestamp|array)\b"
    r"""|<\w+\.\w+: | object at 0x|^[\[{(]['"\w]"""
)
"""What a cell looks like to which nobody gave words."""


def measured(folder: Path, pages: list[tuple[str, int]]) -> list[dict[str, Any]]:
    """Of each page in a frame of that width: how its tables lie in it; in one visit."""
    frames = (
        f'<iframe width="{width}" height="900" style="border: 0" srcdoc="{html.escape(text)}">'
        "</iframe>"
        for text, width in pages
    )
    path = folder / "measured.html"
    path.write_text(f"<!doctype html>{''.join(frames)}<script>{MEASURE}</script>")
    done = browse(path, "--dump-dom")
    assert done.returncode == 0, done.stderr
    said = done.stdout.partition("<body>")[2].rpartition("</body>")[0]
    return list(json.loads(html.unescape(said)))


def test_tables_fit_or_wrap_and_scroll_within_themselves_on_a_telephone(
    page: Path, tmp_path: Path
) -> None:
    text = re.sub(r'src="data:[^"]*"', EMPTY_FIGURE, page.read_text())
    # The same, if cells did not wrap, and if tables had no box of their own to scroll in.
    rigid = text.replace("td.long { white-space: normal;", "td.long { white-space: nowrap;")
    bare = text.replace(".scroll { overflow-x: auto; }", "")
    assert text not in (rigid, bare)
    pages = [(text, DESK), (text, TELEPHONE), (rigid, DESK), (bare, TELEPHONE)]
    desk, telephone, unwrapped, unboxed = measured(tmp_path, pages)
    assert (desk["beyond"], desk["scrolling"], desk["cut"]) == (0, [], [])
    assert (telephone["beyond"], telephone["cut"]) == (0, [])
    assert telephone["scrolling"] != []
    assert "snapshot_collected" in "".join(unwrapped["scrolling"] + unwrapped["cut"])
    assert unboxed["beyond"] > 0
    assert len(desk["cells"]) > 100
    assert [cell for cell in desk["cells"] if PYTHON.search(cell)] == []
