"""A live run in JupyterLab, watched and stopped by a person's means: a browser and a button."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import nbformat
import pytest

from iluvatar_bench.runs import open_run
from tests.batch.test_jupyterlab import BROWSER, jupyterlab
from tests.batch.test_notebooks_run import prepared

playwright = pytest.importorskip("playwright.sync_api", reason="needs pip install playwright")

pytestmark = [
    pytest.mark.daemon,
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason="needs Chromium"),
    # Playwright's own loop and JupyterLab's files are not ours to close.
    pytest.mark.filterwarnings("default"),
]

PLANNED = 400
"""More than anybody waits for: it is stopped."""

NO_NETWORK = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"


class Visit:
    """One page, and what it asked for beyond this host."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.elsewhere: list[str] = []
        page.on("request", self._asked)

    def _asked(self, request: Any) -> None:
        if urlsplit(request.url).hostname not in (None, "127.0.0.1"):
            self.elsewhere.append(request.url)

    def run_all(self, address: str) -> None:
        page = self.page
        page.goto(address)
        page.locator(".jp-Notebook .jp-CodeCell").first.wait_for(timeout=60_000)
        page.get_by_text("| Idle").wait_for(timeout=60_000)
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_role("menuitem", name="Run All Cells", exact=True).click()

    def wait_panel(self, pattern: str, *, seconds: float = 90) -> str:
        """The panel's first line, once it is as the pattern says."""
        found = self.page.wait_for_function(
            """pattern => {
                const line = document.querySelector('.iluvatar-live b')?.textContent ?? '';
                return new RegExp(pattern).test(line) && line;
            }""",
            arg=pattern,
            timeout=1000 * seconds,
        )
        return str(found.json_value())


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("live")


@pytest.fixture(scope="module")
def stopped(home: Path) -> Iterator[tuple[Visit, list[int]]]:
    """A run that was watched, stopped by its button, and shown to the end; the counts seen."""
    live = {"source": "live", "trials": PLANNED, "concurrency": 3, "hold_ms": [200, 900]}
    # With byte code in the image a container starts soon enough to be finished when it is stopped.
    quick = ["snapshot_reference=lease", "byte_code=shipped"]
    prepared("cold_start", home, **live, settings=quick)
    with jupyterlab(home) as address, playwright.sync_playwright() as started:
        browser = started.chromium.launch(
            executable_path=BROWSER,
            args=[NO_NETWORK, *(["--no-sandbox"] if os.geteuid() == 0 else [])],
        )
        visit = Visit(browser.new_page(viewport={"width": 1400, "height": 6400}))
        try:
            visit.run_all(address)
            seen = [0]
            for _ in range(3):
                line = visit.wait_panel(f"^(?!{seen[-1]} )[0-9]+ of {PLANNED}.* left$")
                seen.append(int(line.split()[0]))
            visit.page.screenshot(path=str(home / "running.png"))
            visit.page.get_by_role("button", name="Stop", exact=True).click()
            visit.wait_panel(r"\d+ of \d+ containers, (ending|stopped)", seconds=30)
            visit.wait_panel(r"\d+ of \d+ containers, stopped$", seconds=30)
            visit.page.locator(".iluvatar-table").wait_for(timeout=60_000)
            visit.page.get_by_text("| Idle").wait_for(timeout=60_000)
            yield visit, seen
        finally:
            visit.page.screenshot(path=str(home / "end.png"))
            browser.close()


def test_the_panel_counts_while_the_run_goes(stopped: tuple[Visit, list[int]]) -> None:
    _, seen = stopped
    assert 0 == seen[0] < seen[1] < seen[2] < seen[3] < PLANNED


def test_the_stop_button_leaves_a_readable_run(
    stopped: tuple[Visit, list[int]], home: Path
) -> None:
    _, seen = stopped
    (folder,) = {path.parent for path in (home / "results").glob("*/manifest.json")}
    run = open_run(folder)
    assert run.manifest["status"] == "stopped"
    assert seen[-1] <= len(run.trials) < PLANNED
    assert sorted(run.trials["trial"]) == list(range(len(run.trials)))
    assert run.caveat == f"this run was stopped after {len(run.trials)} of {PLANNED} planned trials"


def test_what_stays_of_the_panel_is_its_last_state(
    stopped: tuple[Visit, list[int]], home: Path
) -> None:
    visit, _ = stopped
    (folder,) = {path.parent for path in (home / "results").glob("*/manifest.json")}
    trials = open_run(folder).trials
    panel = visit.page.locator(".iluvatar-live")
    assert panel.count() == 1
    text = str(panel.text_content())
    assert f"{len(trials)} of {PLANNED} containers, stopped" in text
    ended = int((trials["outcome"] == "ok").sum())
    assert re.search(rf"ok{ended}/{len(trials)} ", text)
    assert visit.page.get_by_role("button", name="Stop", exact=True).count() == 0


def test_the_time_line_is_drawn_and_nothing_is_fetched(stopped: tuple[Visit, list[int]]) -> None:
    visit, _ = stopped
    canvas = visit.page.locator(".vega-embed canvas")
    canvas.wait_for(timeout=30_000)
    size = canvas.bounding_box()
    assert size is not None and size["width"] > 700 and size["height"] > 60
    # Its pixels have the colours of the phases: it was drawn, and not only its frame.
    colours = canvas.evaluate(
        """canvas => {
            const {data} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
            const found = new Set();
            for (let at = 0; at < data.length; at += 4) {
                found.add([data[at], data[at + 1], data[at + 2]].join());
            }
            return [...found];
        }"""
    )
    assert {"230,159,0", "86,180,233", "0,114,178"} <= set(colours)
    assert visit.page.get_by_text("Javascript Error").count() == 0
    assert visit.elsewhere == []


def test_the_table_sorts_and_filters(stopped: tuple[Visit, list[int]], home: Path) -> None:
    visit, _ = stopped
    (folder,) = {path.parent for path in (home / "results").glob("*/manifest.json")}
    trials = open_run(folder).trials
    table = visit.page.locator(".iluvatar-table")
    shown = table.get_by_role("status")
    assert str(shown.text_content()).startswith(f"{len(trials)} of {len(trials)} rows, page 1 of")
    table.get_by_role("button", name="total_ms", exact=True).click()
    at = [str(text) for text in table.locator("th").all_text_contents()].index("total_ms")
    column = table.locator(f"tbody tr td:nth-child({at + 1})")
    durations = [float(text) for text in column.all_text_contents()]
    assert durations == sorted(durations)
    assert durations[0] == pytest.approx(trials["total_ms"].min(), abs=0.001)
    table.get_by_role("searchbox").fill("outcome=failed")
    failed = int((trials["outcome"] == "failed").sum())
    assert str(shown.text_content()).startswith(f"{failed} of {len(trials)} rows")
    table.get_by_role("searchbox").fill(f"total_ms>{durations[0]:.3f} ok")
    slower = trials[(trials["outcome"] == "ok") & (trials["total_ms"].round(3) > durations[0])]
    assert str(shown.text_content()).startswith(f"{len(slower)} of {len(trials)} rows")


def test_the_saved_notebook_is_small_and_holds_no_widget(
    stopped: tuple[Visit, list[int]], home: Path
) -> None:
    visit, _ = stopped
    copy = home / "notebooks" / "cold_start.ipynb"
    before = copy.stat().st_mtime_ns
    visit.page.locator(".jp-Notebook").click(position={"x": 5, "y": 5})
    visit.page.keyboard.press("Control+s")
    visit.page.wait_for_timeout(500)
    deadline = 50
    while copy.stat().st_mtime_ns == before and deadline:
        visit.page.wait_for_timeout(100)
        deadline -= 1
    assert copy.stat().st_size < 1_000_000
    notebook = nbformat.read(copy, as_version=4)
    kinds = {
        kind
        for cell in notebook.cells
        for output in cell.get("outputs", ())
        for kind in output.get("data", {})
    }
    assert "application/vnd.vegalite.v5+json" in kinds
    assert not [kind for kind in kinds if "widget" in kind]
    assert "stopped" in copy.read_text()
