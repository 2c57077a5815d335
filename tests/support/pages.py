"""The documentation's pages as they are written, and what stands in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.anchors import anchors_plugin

ROOT = Path(__file__).resolve().parents[2]
PAGES = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md")))

SHELLS = {"sh", "shell", "bash", "console"}
_OURS = re.compile(r"(?:\./bench|iluvatar-bench) (?!(?:--\S+ )*COMMAND\b)")
"""A call of this program; alone it is its name, and with COMMAND it stands for any."""

# As the site does it, and GitHub: an anchor a heading, called after its words.
_markdown = MarkdownIt("commonmark").enable("table").use(anchors_plugin, max_level=4)


@cache
def tokens(page: Path) -> tuple[Token, ...]:
    """Every token of the page, those within lines too."""
    parsed = _markdown.parse(page.read_text())
    return tuple(one for token in parsed for one in (token, *(token.children or ())))


def name_of(page: Path) -> str:
    """The page's path in the repository."""
    return str(page.relative_to(ROOT))


def links_of(page: Path) -> Iterator[str]:
    """Targets of links and pictures."""
    for token in tokens(page):
        target = token.attrs.get("href") or token.attrs.get("src")
        if target is not None:
            yield str(target)


def anchors_of(page: Path) -> set[str]:
    """What a link may name after the ``#``."""
    return {str(token.attrs["id"]) for token in tokens(page) if "id" in token.attrs}


def commands_of(page: Path) -> list[str]:
    """Lines that call this program: of its blocks of shell, and within its text."""
    lines: list[str] = []
    for token in tokens(page):
        if token.type == "fence" and token.info in SHELLS:
            lines += [line.strip().removeprefix("$ ") for line in token.content.splitlines()]
        elif token.type == "code_inline":
            lines.append(" ".join(token.content.split()))
    return list(dict.fromkeys(filter(_OURS.match, lines)))
