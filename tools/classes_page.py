"""Writes docs/classes.md from the tables of ``bugs``: ``python -m tools.classes_page``."""

from __future__ import annotations

from pathlib import Path

from iluvatar_bench.bugs.guide_lines import Line, class_lines, mechanism_lines
from iluvatar_bench.bugs.taxonomy import BugClass, Mechanism

PAGE = Path(__file__).resolve().parents[1] / "docs" / "classes.md"

_HEAD = """# Bug classes and mechanisms

A **bug class** is a symptom, as a user of the worker sees it; a **mechanism** is its cause, which
takes a run's evidence to know. `iluvatar-bench classes NAME` says the same at the terminal;
`classify` and reports take their words from the same table. (Written by
`python -m tools.classes_page` from `bugs/class_guide.py` and `bugs/mechanism_guide.py`.)
"""


def classes_page() -> str:
    """The page."""
    parts = [_HEAD, "## Bug classes\n"]
    parts += [_section(str(one), class_lines(one)) for one in BugClass]
    parts += ["## Mechanisms\n"]
    parts += [_section(str(one), mechanism_lines(one)) for one in Mechanism]
    return "\n".join(parts)


def _section(name: str, lines: tuple[Line, ...]) -> str:
    rows = [f"* **{label}**: {_code(label, text)}" for label, text in lines]
    return "\n".join([f"### `{name}`", "", *rows, ""])


def _code(label: str, text: str) -> str:
    return f"`{text}`" if label in ("example", "next") else text


if __name__ == "__main__":
    PAGE.write_text(classes_page())
