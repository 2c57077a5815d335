"""Notebooks that are told to end: in good order at first, at once the second time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import textwrap
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat
import psutil
import pytest

from iluvatar_bench.batch.grid import grid_points, run_grid
from iluvatar_bench.batch.notebook import NotebookFailed, NotebookStopped, run_notebook
from iluvatar_bench.batch.stop import NotebookStop
from iluvatar_bench.runs import open_run
from tests.batch.test_notebook import notebook_home, outputs_of
from tests.support.command import PROGRAM
from tests.support.residue import place_of, residue_of
from tests.support.waiting import wait_for

PARAMETERS = 'began: str = ""\nresults: str = ""\nnumber: int = 0'
GOOD_ORDER = """
import asyncio, signal
from pathlib import Path
asked, loop = asyncio.Event(), asyncio.get_running_loop()
def handle(number, frame):
    if asked.is_set():
        before(number, frame)
    loop.call_soon_threadsafe(asked.set)
before = signal.signal(signal.SIGINT, handle)
Path(began).touch()
if not Path(began + ".go").exists():
    await asked.wait()
    print("in good order")
"""
"""A cell that heeds a stop, light to import: how a run does it is ``stop_on_signals``."""
STUBBORN = """
import signal, time
from pathlib import Path
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
for flag in ("", "+", "++"):
    Path(began + flag).touch()
time.sleep(600)
"""


@contextmanager
def asking(stop: NotebookStop, flag: Path, *, times: int = 1) -> Iterator[None]:
    """Ask for a stop, so many times, each once the cell has made the next flag."""

    def ask() -> None:
        for number in range(times):
            wait_for(flag.with_name(flag.name + number * "+").exists)
            stop.ask()

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def test_a_stop_ends_the_cell_in_good_order_and_is_marked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notebook_home(tmp_path / "n", monkeypatch, PARAMETERS, GOOD_ORDER, "print('the next cell')")
    stop, flag = NotebookStop(), tmp_path / "flag"
    with asking(stop, flag), pytest.raises(NotebookStopped, match="it was stopped") as caught:
        run_notebook("tiny", {"began": str(flag)}, results=tmp_path, progress=False, stop=stop)
    assert caught.value.exit_code == 130
    executed = caught.value.executed
    assert executed is not None
    assert [output.get("text") for output in outputs_of(executed.notebook)] == ["in good order\n"]
    notebook = nbformat.read(executed.notebook, as_version=4)
    assert notebook.metadata["iluvatar_bench"] == {"cut": "it was stopped"}
    assert "This notebook ends here" in notebook.cells[-2].source
    assert "This notebook ends here" in executed.html.read_text()


def test_a_cell_that_takes_too_long_ends_in_good_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notebook_home(tmp_path / "n", monkeypatch, PARAMETERS, GOOD_ORDER, "print('the next cell')")
    given = {"began": str(tmp_path / "flag")}
    with pytest.raises(NotebookFailed, match=r"a cell took longer than 3 s .*kept at") as caught:
        run_notebook("tiny", given, results=tmp_path / "r", progress=False, cell_seconds=3)
    assert (caught.value.exit_code, type(caught.value)) == (1, NotebookFailed)
    (kept,) = (tmp_path / "r").glob("*/tiny.ipynb")
    assert [output.get("text") for output in outputs_of(kept)] == ["in good order\n"]


def test_a_second_stop_cancels_the_cell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = (
        "try:\n"
        + textwrap.indent(GOOD_ORDER, "    ")
        + "    Path(began + '+').touch(); await asyncio.sleep(600)\n"
        + "except asyncio.CancelledError:\n    print('cancelled'); raise"
    )
    notebook_home(tmp_path / "n", monkeypatch, PARAMETERS, slow)
    stop, flag = NotebookStop(), tmp_path / "flag"

    with asking(stop, flag, times=2), pytest.raises(NotebookStopped) as caught:
        run_notebook("tiny", {"began": str(flag)}, results=tmp_path, progress=False, stop=stop)
    assert caught.value.executed is not None
    said = [output.get("text", "") for output in outputs_of(caught.value.executed.notebook)]
    assert "".join(said) == "in good order\ncancelled\n"


def test_a_kernel_that_heeds_nothing_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notebook_home(tmp_path / "n", monkeypatch, PARAMETERS, STUBBORN)
    stop, flag = NotebookStop(), tmp_path / "flag"
    with asking(stop, flag, times=3), pytest.raises(NotebookStopped) as caught:
        run_notebook("tiny", {"began": str(flag)}, results=tmp_path, progress=False, stop=stop)
    assert caught.value.executed is not None


def test_a_stop_between_cells_begins_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notebook_home(tmp_path / "n", monkeypatch, PARAMETERS, "print('a cell')")
    stop = NotebookStop()
    stop.ask()
    with pytest.raises(NotebookStopped):
        run_notebook("tiny", {}, results=tmp_path, progress=False, stop=stop)
    (kept,) = tmp_path.glob("notebook-*/tiny.ipynb")
    assert outputs_of(kept) == []


def test_a_stopped_grid_goes_on_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notebook_home(tmp_path / "n", monkeypatch, PARAMETERS, GOOD_ORDER)
    flag = tmp_path / "flag"
    points = grid_points("tiny", {"began": [str(flag)], "number": ["1,2"]})
    stop = NotebookStop()
    with asking(stop, flag):
        cut = run_grid("tiny", points, results=tmp_path, progress=False, stop=stop)
    (point,) = cut.points
    assert point.error is not None and "it was stopped" in point.error
    assert point.notebook is not None and (cut.folder / point.notebook).is_file()
    assert (cut.folder / "grid.csv").is_file()
    (tmp_path / "flag.go").touch()
    done = run_grid("tiny", points, results=tmp_path, progress=False, resume=True)
    assert [point.error for point in done.points] == [None, None]


MANY_QUICK = ("-p", "trials=200", "-p", "settings=server=http_server,byte_code=shipped")
"""Trials in flight have ten seconds to end: they are not to compile Flask in them."""


@pytest.fixture
def live(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """The command line with a live notebook, in a session of its own."""
    with subprocess.Popen(
        [*PROGRAM, "notebook", "cold_start", *MANY_QUICK, "--out", str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def first_trial_ended(results: Path) -> Path:
    """The folder of the run whose journal has a trial, as soon as there is one."""

    def look() -> Path | None:
        journals = (path for path in results.glob("**/journal.jsonl") if path.read_text())
        return next((path.parent for path in journals), None)

    return wait_for(look)


@pytest.mark.daemon
@pytest.mark.parametrize(
    "number",
    [
        signal.SIGTERM,
        pytest.param(signal.SIGINT, marks=pytest.mark.slow),
        pytest.param(signal.SIGHUP, marks=pytest.mark.slow),
    ],
)
def test_a_signal_ends_a_live_notebook_in_good_order(
    number: signal.Signals, live: subprocess.Popen[str], tmp_path: Path
) -> None:
    folder = first_trial_ended(tmp_path)
    # As a terminal does it: to the whole group. The kernel has a session of its own.
    os.killpg(live.pid, number)
    output, errors = live.communicate(timeout=60)
    assert live.returncode == 128 + number, errors
    assert "finishing the trials in flight" in errors
    assert "Traceback" not in errors
    run = open_run(folder)
    assert run.manifest["status"] == "stopped"
    assert "stopped after" in run.caveat
    assert list(run.trials["trial"]) == list(range(len(run.trials)))
    assert (folder / "cold_start.html").is_file()
    assert f"run: {folder}" in output
    assert residue_of(place_of(folder)) == []


@pytest.mark.daemon
@pytest.mark.slow
def test_a_second_signal_gives_the_trials_up_and_leaves_nothing(
    live: subprocess.Popen[str], tmp_path: Path
) -> None:
    folder = first_trial_ended(tmp_path)
    live.send_signal(signal.SIGINT)
    assert live.stderr is not None
    while "finishing the trials in flight" not in live.stderr.readline():
        assert live.poll() is None
    live.send_signal(signal.SIGTERM)
    _, errors = live.communicate(timeout=60)
    assert live.returncode == 128 + signal.SIGTERM, errors
    assert open_run(folder).manifest["status"] in ("interrupted", "stopped")
    assert residue_of(place_of(folder)) == []


@pytest.mark.daemon
def test_the_kernel_ends_with_its_killed_parent(
    live: subprocess.Popen[str], tmp_path: Path
) -> None:
    folder = first_trial_ended(tmp_path)
    (kernel,) = psutil.Process(live.pid).children()
    words = kernel.cmdline()
    home = Path(words[words.index("-f") + 1]).parent
    assert home.is_dir()
    live.kill()
    kernel.wait(timeout=60)
    # Its cell was ended, and not cut off: the run had time to write its tables. It is asked to stop
    # a tenth of a second before it is cancelled, which is enough where no trial is under way.
    status = json.loads((folder / "manifest.json").read_text())["status"]
    assert status in ("interrupted", "stopped")
    assert 1 <= len(open_run(folder).trials) < 200
    assert not home.exists()


@pytest.mark.daemon
@pytest.mark.slow
def test_ctrl_c_ends_the_demo_in_good_order(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*PROGRAM, "demo", "--trials", "60", "--out", str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        folder = first_trial_ended(tmp_path)
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 130, errors
    assert open_run(folder).manifest["status"] == "stopped"
    assert f"run: {folder}" in output
    assert residue_of(place_of(folder)) == []
