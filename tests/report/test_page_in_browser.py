"""The report in a real browser without network: nothing is asked for, nothing complains."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

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
