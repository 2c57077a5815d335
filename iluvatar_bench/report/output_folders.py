"""Where a notebook's tables and figures go: a folder that nobody has written to before."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from iluvatar_bench.errors import UnusablePath
from iluvatar_bench.records.run_result import RunResult
from iluvatar_bench.report.figures import save_figure

OUTPUT_MIME = "application/vnd.iluvatar-bench.output+json"
"""Under this type a notebook's output says which folder and files of its own it wrote."""


@dataclass(frozen=True, slots=True)
class OutputFolder:
    """A folder and the files saved in it. It is made when the first of them is."""

    path: Path
    files: list[Path] = field(default_factory=list)

    def save_table(self, table: pd.DataFrame, name: str) -> Path:
        """Write the table as ``name``.csv, without its index.

        Raises:
            UnusablePath: it cannot be written.
        """
        return self._written(f"{name}.csv", lambda path: table.to_csv(path, index=False))

    def save_json(self, document: Mapping[str, Any], name: str) -> Path:
        """Write the document as ``name``.json, indented.

        Raises:
            UnusablePath: it cannot be written.
        """
        text = json.dumps(dict(document), indent=2)
        return self._written(f"{name}.json", lambda path: path.write_text(f"{text}\n"))

    def _written(self, name: str, write: Callable[[Path], object]) -> Path:
        path = self.path / name
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            write(path)
        except OSError as error:
            raise UnusablePath(f"cannot write {path}: {error.strerror or error}") from error
        self.files.append(path)
        return path

    def save_figure(self, figure: Axes | Figure, name: str) -> tuple[Path, Path]:
        """Write the figure as ``name``.png and ``name``.svg.

        Raises:
            UnusablePath: they cannot be written.
        """
        paths = save_figure(figure, self.path / name)
        self.files.extend(paths)
        return paths

    def __str__(self) -> str:
        if not self.files:
            return "no table or figure was written"
        names = ", ".join(path.name for path in self.files)
        return f"tables and figures in {self.path.resolve()}: {names}"

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        """For notebooks: the same text, and for the notebook runner the folder and the files."""
        files = [str(path.resolve()) for path in self.files]
        return {
            "text/plain": str(self),
            OUTPUT_MIME: {"folder": str(self.path.resolve()), "files": files},
        }


def output_folder(results: str | Path, name: str, *, run: RunResult | None = None) -> OutputFolder:
    """The folder of ``run`` if it was made just now; else a new one below ``results``.

    The new one's name is ``name``, the time in UTC and four random digits.
    """
    if run is not None and not run.recorded:
        return OutputFolder(run.folder)
    stamp = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(2)}"
    return OutputFolder(Path(results) / f"{name}-{stamp}")
