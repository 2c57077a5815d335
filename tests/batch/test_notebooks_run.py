"""Every notebook, run: on recorded data in the fast suite, live on a containerd in the slow one.

nbval runs each of them as pytest would run any test. The notebooks are stored without outputs; of
the cells tagged ``nbval-check-output`` what they must print stands in ``notebook_outputs.json``.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import papermill
import pytest

from iluvatar_bench.batch.notebook import run_notebook
from iluvatar_bench.batch.notebook_files import NOTEBOOK_HOME, notebook_names
from iluvatar_bench.batch.parameters import parameter_types

ROOT = NOTEBOOK_HOME.parent
EXPECTED: dict[str, dict[str, str]] = json.loads(
    Path(__file__).with_name("notebook_outputs.json").read_text()
)


FEWER_RECORDED: dict[str, dict[str, Any]] = {
    "clients": {"checks": ["ctr-run", "profile-guarded", "worker-2022"]},
}
"""Where recorded data are many of a kind, each drawn alike."""


def recorded_parameters(name: str) -> dict[str, Any]:
    """What makes the notebook read recorded data instead of starting a daemon."""
    recorded = {"source": "recorded"} if "source" in parameter_types(name) else {}
    return recorded | FEWER_RECORDED.get(name, {})


def prepared(name: str, folder: Path, **parameters: Any) -> Path:
    """A copy with parameters, by default for recorded data, and the outputs that it must have."""
    (folder / "notebooks").mkdir()
    copy = folder / "notebooks" / f"{name}.ipynb"
    papermill.execute_notebook(
        str(NOTEBOOK_HOME / copy.name),
        str(copy),
        parameters={"results": str(folder / "results"), **recorded_parameters(name), **parameters},
        prepare_only=True,
        progress_bar=False,
    )
    notebook = nbformat.read(copy, as_version=4)
    tagged = {
        cell.id: cell
        for cell in notebook.cells
        if "nbval-check-output" in cell.metadata.get("tags", ())
    }
    assert set(tagged) == set(EXPECTED.get(name, {}))
    for cell_id, text in EXPECTED.get(name, {}).items():
        # nbval takes a cell without a number for one that never ran.
        tagged[cell_id].execution_count = 1
        tagged[cell_id].outputs = [nbformat.v4.new_output("stream", name="stdout", text=text)]
    nbformat.write(notebook, copy)
    return copy


def nbval(copy: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the notebook as a test, with no containerd, runc or other program to be found."""
    return subprocess.run(
        [
            sys.executable,
            *("-m", "pytest", "-p", "nbval.plugin", "--nbval-lax", "--nbval-cell-timeout=120"),
            *("-p", "no:cacheprovider", "-c", os.devnull, f"--rootdir={folder}", str(copy)),
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={
            **os.environ,
            "PATH": str(folder / "nothing"),
            "PYTHONPATH": str(ROOT),
            # The other plugins take longer to import than nbval itself.
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        },
    )


RUN_BY_PAPERMILL = {
    "churn": "batch/test_notebook.py",
    "cold_start": "batch/test_notebook.py",
    "monitor": "batch/test_notebook.py",
    "worker_logs": "report/test_worker_logs_shown.py",
}
"""Those that are run there on recorded data, by papermill; a second time would show no more."""


TESTED_ELSEWHERE = ("fleet", "habits", "overhead")
"""Those whose tables and figures the fast suite tests elsewhere: only in the slow one."""


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.slow] if name in TESTED_ELSEWHERE else [])
        for name in notebook_names()
        if name not in RUN_BY_PAPERMILL
    ],
)
def test_a_notebook_runs_on_recorded_data(name: str, tmp_path: Path) -> None:
    done = nbval(prepared(name, tmp_path), tmp_path)
    assert done.returncode == 0, done.stdout[-3000:]
    assert " passed" in done.stdout


def test_those_left_out_are_run_elsewhere() -> None:
    """And print nothing that would have to be compared."""
    assert not set(RUN_BY_PAPERMILL) & set(EXPECTED)
    for name, module in RUN_BY_PAPERMILL.items():
        assert re.search(rf'run_notebook\(\s*"{name}"', (ROOT / "tests" / module).read_text())


def test_another_output_would_have_been_noticed(tmp_path: Path) -> None:
    copy = prepared("compare", tmp_path)
    text = copy.read_text()
    assert "guarded 0/40 not ok" in text
    copy.write_text(text.replace("guarded 0/40 not ok", "guarded 40/40 not ok"))
    done = nbval(copy, tmp_path)
    assert done.returncode == 1
    assert "guarded 40/40 not ok" in done.stdout


FEW: dict[str, dict[str, Any]] = {
    "churn": {"arrivals": 12},
    "clients": {"known": ["record-late"], "faults": ["collection"]},
    "cold_start": {"trials": 4, "concurrency": 2},
    "field": {"minutes": 0.3},
    "dose_response": {"thresholds": [1e-7, 0.02], "delays_ms": [0], "loads": [2], "trials": 3},
    "monitor": {"containers": 3, "trials": 4, "poll_seconds": 0.5},
    "root_cause": {"min_trials": 4, "max_trials": 4},
    "upstream_12029": {"delays_ms": [0], "trials": 3, "forced_trials": 1},
}
"""Parameters that make a live run short; the other notebooks only read."""


@pytest.mark.daemon
@pytest.mark.slow
@pytest.mark.parametrize("name", notebook_names())
def test_a_notebook_runs_live_with_few_trials(name: str, tmp_path: Path) -> None:
    live = {"source": "live"} if "source" in parameter_types(name) else {}
    few = {**live, **FEW.get(name, {}), "results": str(tmp_path)}
    executed = run_notebook(name, few, results=tmp_path, progress=False, cell_seconds=900)
    notebook = nbformat.read(executed.notebook, as_version=4)
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    assert outputs
    assert [output for output in outputs if output.output_type == "error"] == []
    tables = ("trials.parquet", "positions.parquet")
    made = [path for table in tables for path in tmp_path.rglob(table)]
    assert bool(made) == (name in FEW), "a run where one is due, and nowhere else"
