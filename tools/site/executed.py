"""The notebooks as they ran on recorded data: made once for a state of code and data, then kept."""

from __future__ import annotations

import ast
import hashlib
import logging
import shutil
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

import nbformat

from iluvatar_bench.batch.notebook import run_notebook
from iluvatar_bench.batch.notebook_files import (
    NOTEBOOK_HOME,
    declared_parameters,
    notebook_names,
)
from iluvatar_bench.batch.parameters import parameter_types
from iluvatar_bench.shipped import DATA

ROOT = NOTEBOOK_HOME.parent
_CHART = "application/vnd.vega"
_SHOWN = {"text/html", "image/png", "image/svg+xml"}
_CODE = ("*.py", "*.toml", "*.j2", "*.css", "*.js")


def executed_notebooks(kept: Path, *, say: Callable[[str], None]) -> dict[str, Path]:
    """Name to executed notebook; those that the folder ``kept`` has are not run again.

    Raises:
        NotebookFailed: a cell raised.
    """
    # papermill warns of each list of texts with a comment behind it; we check parameters ourselves.
    logging.getLogger("papermill").setLevel(logging.ERROR)
    return {name: _executed(name, kept, say) for name in notebook_names()}


def stored_notebooks() -> dict[str, Path]:
    """Name to the notebook as it is stored: without outputs."""
    return {name: NOTEBOOK_HOME / f"{name}.ipynb" for name in notebook_names()}


def _executed(name: str, kept: Path, say: Callable[[str], None]) -> Path:
    path = kept / f"{name}.ipynb"
    if path.exists():
        return path
    if not has_recorded_tables(name):
        say(f"{name} has no recorded tables yet: it is shown as it is stored")
        return stored_notebooks()[name]
    say(f"running {name} on recorded data")
    recorded = {"source": "recorded"} if "source" in parameter_types(name) else {}
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder).resolve() / "results"
        done = run_notebook(name, recorded, results=results, progress=False)
        notebook = nbformat.read(done.notebook, as_version=4)  # type: ignore[no-untyped-call]
        for cell in notebook.cells:
            for output in cell.get("outputs", ()):
                _without_script(output.get("data", {}))
        text = nbformat.writes(notebook)  # type: ignore[no-untyped-call]
        kept.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".draft")
        draft.write_text(text.replace(str(results), "results").replace(str(ROOT), "."))
        shutil.move(draft, path)
    return path


def has_recorded_tables(name: str) -> bool:
    """Whether the tables that it reads by default are there; some read none."""
    declared = [one.default for one in declared_parameters(name) if one.name == "tables"]
    return all((DATA / "tables" / str(ast.literal_eval(one))).is_dir() for one in declared)


def _without_script(forms: dict[str, str]) -> None:
    """Say what stands in the place of an output that only JupyterLab can show."""
    if any(form.startswith(_CHART) for form in forms) and not _SHOWN & set(forms):
        forms["text/html"] = (
            "<p><em>A figure to point into and to zoom: JupyterLab shows it.</em></p>"
        )


def state_of_sources() -> str:
    """A name for code, notebooks and recorded data as they are now: of it what is drawn is kept."""
    digest = hashlib.sha256()
    for path in _sources():
        digest.update(str(path.relative_to(ROOT)).encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _sources() -> Iterable[Path]:
    code = {path for pattern in _CODE for path in (ROOT / "iluvatar_bench").rglob(pattern)}
    data = {path for path in (ROOT / "data").rglob("*") if path.is_file()}
    return sorted(code | data | set(NOTEBOOK_HOME.glob("*.ipynb")))
