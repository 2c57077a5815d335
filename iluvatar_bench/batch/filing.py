"""What becomes of an executed notebook: marked, rendered, and put where its run is."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import nbformat
from nbconvert import HTMLExporter
from nbconvert.preprocessors import CoalesceStreamsPreprocessor

from iluvatar_bench.errors import UnusablePath
from iluvatar_bench.records.run_result import RUN_MIME
from iluvatar_bench.report.output_folders import OUTPUT_MIME


@dataclass(frozen=True, slots=True)
class Executed:
    """An executed notebook, its HTML, the folders of the runs it made, its tables and figures."""

    notebook: Path
    html: Path
    run_folders: tuple[Path, ...]
    files: tuple[Path, ...]

    def paths(self) -> Iterator[tuple[str, Path]]:
        """Everything that was written, each with a word for it; a run's folder stands for all in it
        but the notebook, its tables and its figures."""
        yield "notebook", self.notebook
        yield "HTML", self.html
        for folder in self.run_folders:
            yield "run", folder
        for path in self.files:
            yield "table" if path.suffix == ".csv" else "figure", path


def new_folder(results: Path, name: str) -> Path:
    """A folder of this name below ``results``; ``<name>-2`` and so on where it is another's.

    Two notebooks may begin in the same millisecond, which is all that their names say.

    Raises:
        UnusablePath: it cannot be made.
    """
    home = results.resolve()
    for number in count(1):
        folder = home / (name if number == 1 else f"{name}-{number}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise UnusablePath(
                f"cannot write results to {results}: {error.strerror}; choose another folder"
            ) from error
        break
    return folder


def mark_cut(path: Path, why: str, *, at: int) -> None:
    """Say in the notebook, before cell ``at``, why it and the cells below were not executed."""
    notebook = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    text = f"**This notebook ends here: {why}. The cells below were not executed.**"
    notebook.cells.insert(at, nbformat.v4.new_markdown_cell(text))  # type: ignore[no-untyped-call]
    notebook.metadata["iluvatar_bench"] = {"cut": why}
    nbformat.write(notebook, path)  # type: ignore[no-untyped-call]


def file_notebook(output: Path) -> Executed:
    """Render the HTML and move both files to the folder that the notebook wrote to."""
    notebook = nbformat.read(output, as_version=4)  # type: ignore[no-untyped-call]
    # A progress bar's earlier states, each in an output of its own, are of no use afterwards.
    notebook, _ = CoalesceStreamsPreprocessor().preprocess(notebook, {})  # type: ignore[no-untyped-call]
    nbformat.write(notebook, output)  # type: ignore[no-untyped-call]
    runs = tuple(dict.fromkeys(Path(told["folder"]) for told in _told(notebook, RUN_MIME)))
    outputs = list(_told(notebook, OUTPUT_MIME))
    home = _home(output.parent, runs, [Path(told["folder"]) for told in outputs])
    exporter = HTMLExporter(template_name="lab")  # type: ignore[no-untyped-call]
    html, _ = exporter.from_notebook_node(notebook)
    html_path = home / f"{output.stem}.html"
    html_path.write_text(html)
    if home != output.parent:
        shutil.move(output, home / output.name)
        output.parent.rmdir()
    files = tuple(dict.fromkeys(Path(path) for told in outputs for path in told["files"]))
    return Executed(home / output.name, html_path, runs, files)


def _home(own: Path, runs: tuple[Path, ...], outputs: list[Path]) -> Path:
    """The folder of its tables and figures, else that of its one run, else its own."""
    found = [folder for folder in outputs if folder.is_dir()]
    if not found and len(runs) == 1:
        found = [runs[0]]
    return found[-1] if found else own


def _told(notebook: Any, kind: str) -> Iterator[Any]:
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            if kind in output.get("data", {}):
                yield output["data"][kind]
