"""The pages by need, as ``docs/index.md`` lists them: order and groups of the site. Pure."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from dataclasses import dataclass

HOME = "docs"
"""The folder that the list's links start from."""

_HEADING = re.compile(r"^## (.+)$")
_PAGE = re.compile(r"^\* \[[^\]]+\]\(([^)#]+)\.md\)")


@dataclass(frozen=True, slots=True)
class Group:
    """One need and its pages, each a path from the repository's root without its ending."""

    title: str
    pages: tuple[str, ...]


def groups_of(index: str) -> tuple[Group, ...]:
    """The groups of a page that lists pages: its headings, and the first link of each item."""
    found: list[tuple[str, list[str]]] = []
    for line in index.splitlines():
        if heading := _HEADING.match(line):
            found.append((heading[1], []))
        elif (page := _PAGE.match(line)) and found:
            found[-1][1].append(posixpath.normpath(f"{HOME}/{page[1]}"))
    return tuple(Group(title, tuple(pages)) for title, pages in found)


def toctrees(groups: Sequence[Group]) -> str:
    """The groups as hidden tables of contents, for the end of the front page."""
    return "\n".join(toctree(group.pages, caption=group.title) for group in groups)


def toctree(pages: Sequence[str], *, caption: str = "") -> str:
    """One hidden table of contents; pages from the root of the site."""
    head = ["```{toctree}", ":hidden:", *([f":caption: {caption}"] if caption else []), ""]
    return "\n".join([*head, *(f"/{page}" for page in pages), "```", ""])
