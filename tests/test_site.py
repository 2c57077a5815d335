"""The documentation's site: built without network or warning, and looked at in a browser.

Every page in both themes, on a desk and on a telephone: nothing fails to load, nothing complains,
nothing is wider than the telephone. The pictures stay in pytest's temporary folder, for eyes.
"""

from __future__ import annotations

import base64
import contextlib
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import nbformat
import pytest

from iluvatar_bench.batch.notebook_files import notebook_names
from tests.support.pages import PAGES, ROOT, name_of
from tools.site.api_pages import public_packages
from tools.site.executed import has_recorded_tables
from tools.site.gallery import FOLDER, gallery

playwright = pytest.importorskip("playwright.sync_api", reason="needs pip install playwright")

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
TELEPHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 900}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason="needs Chromium"),
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root for a namespace without network"),
    # Playwright's own loop is not ours to close.
    pytest.mark.filterwarnings("default"),
]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole site, built where there is no network but loopback that is up."""
    out = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [
            *("unshare", "--net", "sh", "-c", 'ip link set lo up; exec "$@"', "sh"),
            *(sys.executable, "-m", "tools.docs", f"--out={out}"),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return out / "html"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@contextlib.contextmanager
def served(folder: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextlib.contextmanager
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(
            executable_path=BROWSER, args=["--no-sandbox", "--disable-gpu"]
        )
        try:
            yield chromium
        finally:
            chromium.close()


def html_pages(site: Path) -> list[str]:
    found = [str(path.relative_to(site)) for path in sorted(site.rglob("*.html"))]
    return [path for path in found if not path.startswith("_")]


def test_every_page_notebook_and_package_is_there(site: Path) -> None:
    pages = {path.removesuffix(".html") for path in html_pages(site)}
    written = {name_of(page).removesuffix(".md") for page in PAGES} - {"README"}
    assert pages >= written | {"index", "search"}
    assert pages >= {f"notebooks/{name}" for name in notebook_names()}
    assert pages >= {f"docs/api/{package}" for package in public_packages()}


def pictures_on(page: Path) -> list[bytes]:
    """What the page's pictures show, from top to bottom, whatever Sphinx called their files."""
    sources = re.findall(r'<img [^>]*src="([^"]*_images/[^"]+)"', page.read_text())
    return [(page.parent / source).read_bytes() for source in sources]


def kept_beside(site: Path) -> Path:
    """The folder of what was executed and drawn for this site."""
    (kept,) = (site.parent / "kept").iterdir()
    return kept


def outputs_of(notebook: Path) -> tuple[list[str], list[bytes]]:
    """Tables and other HTML of a notebook, and its pictures, in the order of its cells."""
    tables: list[str] = []
    pictures: list[bytes] = []
    read = nbformat.read(notebook, as_version=4)  # type: ignore[no-untyped-call]
    for cell in read.cells:
        for output in cell.get("outputs", ()):
            forms = output.get("data", {})
            if "text/html" in forms:
                tables.append(forms["text/html"])
            elif "image/png" in forms:
                pictures.append(base64.b64decode(forms["image/png"]))
    return tables, pictures


@pytest.mark.parametrize("name", notebook_names())
def test_a_notebook_shows_what_it_gave_on_recorded_data(site: Path, name: str) -> None:
    page = site / "notebooks" / f"{name}.html"
    if not has_recorded_tables(name):
        # One that is new is shown as it is stored, until its tables are recorded.
        assert "cell_output" not in page.read_text()
        return
    tables, pictures = outputs_of(kept_beside(site) / f"{name}.ipynb")
    text = page.read_text()
    assert tables
    assert [table for table in tables if table.strip() not in text] == []
    assert pictures_on(page) == pictures


def test_the_gallery_shows_each_kind_as_it_was_drawn(site: Path) -> None:
    drawn = [kept_beside(site) / FOLDER / f"{one.kind}.png" for one in gallery()]
    assert pictures_on(site / "docs" / "gallery.html") == [path.read_bytes() for path in drawn]


def complaints_of(page: Any, home: str) -> list[str]:
    """Fills as the page loads things and speaks on its console."""
    wrong: list[str] = []

    def asked(request: Any) -> None:
        if not request.url.startswith((home, "data:")):
            wrong.append(f"{page.url} asks elsewhere: {request.url}")

    def answered(response: Any) -> None:
        if response.status >= 400:
            wrong.append(f"{page.url}: {response.status} for {response.url}")

    def said(message: Any) -> None:
        if message.type in ("error", "warning"):
            wrong.append(f"{page.url}: {message.text}")

    page.on("request", asked)
    page.on("response", answered)
    page.on("console", said)
    page.on("requestfailed", lambda request: wrong.append(f"{page.url}: failed: {request.url}"))
    page.on("pageerror", lambda error: wrong.append(f"{page.url}: {error}"))
    return wrong


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESK, TELEPHONE], ids=["desk", "telephone"])
def test_no_page_asks_for_what_is_not_there_or_complains(
    site: Path, theme: str, size: dict[str, int], tmp_path: Path
) -> None:
    with served(site) as home, browser() as chromium:
        page = chromium.new_context(viewport=size, color_scheme=theme).new_page()
        wrong = complaints_of(page, home)
        for path in html_pages(site):
            page.goto(f"{home}/{path}")
            wide = page.evaluate("document.documentElement.scrollWidth")
            if wide > size["width"]:
                wrong.append(f"{path} is {wide} px wide")
            # Lists of names are long, and each part of them looks alike.
            whole = not path.startswith(("docs/api/", "genindex"))
            page.screenshot(path=tmp_path / f"{path.replace('/', '--')}.png", full_page=whole)
    assert wrong == []


def test_the_search_finds_a_word(site: Path) -> None:
    with served(site) as home, browser() as chromium:
        page = chromium.new_page()
        page.goto(f"{home}/search.html?q=collateral_kill")
        page.wait_for_selector("#search-results li a")
        found = page.eval_on_selector_all("#search-results li a", "all => all.map(a => a.href)")
    assert any("docs/classes.html" in target for target in found), found


def test_a_page_prints_without_its_sidebars(site: Path) -> None:
    with served(site) as home, browser() as chromium:
        page = chromium.new_page(viewport=DESK)
        page.goto(f"{home}/docs/finding.html")
        page.emulate_media(media="print")
        assert not page.is_visible(".sidebar-drawer")
        assert page.is_visible("article")
