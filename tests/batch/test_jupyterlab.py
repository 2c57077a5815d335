"""A notebook in JupyterLab, opened and run by a person's means: a browser and a menu."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat
import pytest

from tests.batch.test_notebooks_run import ROOT, prepared

playwright = pytest.importorskip("playwright.sync_api", reason="needs pip install playwright")

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason="needs Chromium"),
    # Playwright's own loop and JupyterLab's files are not ours to close.
    pytest.mark.filterwarnings("default"),
]


@contextmanager
def jupyterlab(folder: Path) -> Iterator[str]:
    """A JupyterLab of its own on loopback, its address with the token; ended by its own process."""
    runtime = folder / "runtime"
    settings = folder / "settings" / "@jupyterlab" / "notebook-extension"
    settings.mkdir(parents=True)
    # All cells stand in the page, not only those in view.
    (settings / "tracker.jupyterlab-settings").write_text('{"windowingMode": "none"}')
    log = (folder / "server.log").open("w")
    server = subprocess.Popen(
        [
            *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"),
            *("--ip=127.0.0.1", "--port=0", f"--ServerApp.root_dir={folder}"),
        ],
        stdout=log,
        stderr=subprocess.STDOUT,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
            "JUPYTER_RUNTIME_DIR": str(runtime),
            "JUPYTER_CONFIG_DIR": str(folder / "config"),
            "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
        },
    )
    try:
        yield _address(server, runtime, deadline=time.monotonic() + 60)
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(30)
        log.close()


def _address(server: subprocess.Popen[bytes], runtime: Path, deadline: float) -> str:
    """Await the file in which the server says where it listens."""
    while time.monotonic() < deadline:
        assert server.poll() is None, "JupyterLab ended"
        for path in runtime.glob("jpserver-*.json"):
            try:
                facts = json.loads(path.read_text())
            except ValueError:
                continue  # it is being written
            return f"{facts['url']}lab/tree/notebooks/cold_start.ipynb?token={facts['token']}&reset"
        time.sleep(0.1)
    raise TimeoutError("JupyterLab said nowhere where it listens")


def test_the_cold_start_notebook_runs_in_jupyterlab(tmp_path: Path) -> None:
    copy = prepared("cold_start", tmp_path)
    cells = [c for c in nbformat.read(copy, as_version=4).cells if c.cell_type == "code"]
    with jupyterlab(tmp_path) as address, playwright.sync_playwright() as started:
        browser = started.chromium.launch(
            executable_path=BROWSER, args=["--no-sandbox"] if os.geteuid() == 0 else []
        )
        page = browser.new_page(viewport={"width": 1400, "height": 5600})
        page.goto(address)
        page.locator(".jp-Notebook .jp-CodeCell").first.wait_for(timeout=60_000)
        # Run before its kernel is there, JupyterLab asks which kernel it should be.
        page.get_by_text("| Idle").wait_for(timeout=60_000)
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        try:
            page.wait_for_function(
                """wanted => [...document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')]
                    .filter(prompt => /\\[\\d+\\]/.test(prompt.textContent)).length === wanted""",
                arg=len(cells),
                timeout=60_000,
            )
        finally:
            page.screenshot(path=str(tmp_path / "jupyterlab.png"))
        images = page.locator(".jp-OutputArea img")
        widths = [images.nth(at).evaluate("image => image.naturalWidth") for at in range(3)]
        assert images.count() == 3
        assert all(width > 400 for width in widths)
        errors = page.locator(
            '.jp-OutputArea-output[data-mime-type="application/vnd.jupyter.stderr"],'
            '[data-mime-type="application/vnd.jupyter.error"]'
        )
        assert errors.count() == 0
        browser.close()
