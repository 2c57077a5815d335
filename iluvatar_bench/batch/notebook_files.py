"""The notebooks there are, their questions and declared parameters: light to import."""

from __future__ import annotations

import ast
import io
import json
import tokenize
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from iluvatar_bench.errors import UsageError, meant
from iluvatar_bench.shipped import NOTEBOOKS

NOTEBOOK_HOME = NOTEBOOKS


@dataclass(frozen=True, slots=True, kw_only=True)
class NotebookParameter:
    """A declared parameter; ``meaning`` is the comment beside it: what it is, unit, range."""

    name: str
    type: str
    default: str
    meaning: str


def notebook_names() -> tuple[str, ...]:
    """Every notebook there is, by name."""
    return tuple(sorted(path.stem for path in NOTEBOOK_HOME.glob("*.ipynb")))


def notebook_name(text: str) -> str:
    """The notebook that is meant, by its name or its file's.

    Raises:
        UsageError: there is none of it; the message says which there are.
    """
    name = Path(text).name.removesuffix(".ipynb") if text.endswith(".ipynb") else text
    if name not in notebook_names():
        raise UsageError(
            f"no notebook {text!r}{meant(name, notebook_names())}; there are: "
            f"{', '.join(notebook_names())}"
        )
    return name


def notebook_question(name: str) -> str:
    """The heading of a notebook: what it is about, as a question as a rule."""
    for cell in _cells(name):
        lines = _source(cell).splitlines()
        if cell["cell_type"] == "markdown" and lines and lines[0].startswith("# "):
            return lines[0].removeprefix("# ")
    return ""


def declared_parameters(name: str) -> tuple[NotebookParameter, ...]:
    """The parameters of the cell tagged ``parameters``, in order.

    Read with ``ast``: papermill's own inspection passes over lines that it cannot read.

    Raises:
        UsageError: no such notebook, or one without exactly one readable cell of parameters.
    """
    if name not in notebook_names():
        notebook_name(name)
    cells = [c for c in _cells(name) if "parameters" in c["metadata"].get("tags", ())]
    if len(cells) != 1:
        raise UsageError(f"notebook {name} has {len(cells)} cells tagged 'parameters', not 1")
    source = _source(cells[0])
    comments = _comments(source)
    declared = []
    for statement in ast.parse(source).body:
        if not isinstance(statement, ast.AnnAssign) or not isinstance(statement.target, ast.Name):
            raise UsageError(
                f"notebook {name}: {ast.unparse(statement)!r} in its parameters cell is not "
                "of the form name: type = value"
            )
        last = statement.end_lineno or statement.lineno
        declared.append(
            NotebookParameter(
                name=statement.target.id,
                type=ast.unparse(statement.annotation),
                default="" if statement.value is None else ast.unparse(statement.value),
                meaning=" ".join(
                    text for line, text in comments if statement.lineno <= line <= last
                ),
            )
        )
    return tuple(declared)


def _cells(name: str) -> list[dict[str, Any]]:
    document = json.loads((NOTEBOOK_HOME / f"{name}.ipynb").read_text())
    return list(document["cells"])


def _source(cell: dict[str, Any]) -> str:
    """A notebook's file has a text as one, or as a list of lines."""
    source = cell["source"]
    return source if isinstance(source, str) else "".join(source)


def _comments(source: str) -> list[tuple[int, str]]:
    """Line and text of every comment."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return [(t.start[0], t.string.lstrip("# ")) for t in tokens if t.type == tokenize.COMMENT]
