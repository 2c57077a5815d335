"""Which executed notebooks belong to a run: those whose outputs say that they made it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from iluvatar_bench.records.run_result import RUN_MIME

_OF_A_NOTEBOOK = (".ipynb", ".html", ".csv", ".png", ".svg", ".pdf")


def notebook_files(run: Path) -> list[Path]:
    """The executed notebooks beside a run's folder that made it, with their tables and figures.

    A notebook that makes several runs puts them into a folder of its own, where it then is itself.
    One in the run's own folder is a part of that.
    """
    home = run.resolve().parent
    made = [path for path in sorted(home.glob("*.ipynb")) if run.name in _runs_of(path)]
    if not made:
        return []
    files = (path for path in home.iterdir() if path.is_file() and not path.is_symlink())
    return sorted(path for path in files if path.suffix in _OF_A_NOTEBOOK and _is_shown(path))


def _is_shown(path: Path) -> bool:
    return not path.name.startswith(".")


def _runs_of(notebook: Path) -> set[str]:
    """The names of the run folders that a notebook says it made; they may have been moved since."""
    try:
        document = json.loads(notebook.read_text())
        return {Path(told["folder"]).name for told in _told(document)}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        # It is no notebook, or one of somebody else's kind.
        return set()


def _told(document: Any) -> Iterator[Any]:
    for cell in document["cells"]:
        for output in cell.get("outputs", ()):
            if RUN_MIME in output.get("data", {}):
                yield output["data"][RUN_MIME]
