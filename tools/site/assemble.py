"""Brings together what the site is built from, in the places that it has in the repository.

So a link between pages is the same on the site, in a checkout and where the repository is browsed.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from tools.site.api_pages import api_list, api_pages
from tools.site.command_page import command_sections
from tools.site.contents import groups_of, toctree, toctrees
from tools.site.gallery import gallery_sections
from tools.site.schema_page import table_sections

ROOT = Path(__file__).resolve().parents[2]
_LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)")


def written_pages() -> tuple[Path, ...]:
    """The pages that are written by hand."""
    return (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md")))


def assemble(
    source: Path, notebooks: Mapping[str, Path], *, figures: Path | None, api: bool
) -> None:
    """Fill the empty folder ``source``.

    Args:
        source: becomes what Sphinx reads.
        notebooks: name to file.
        figures: the folder with the drawn figures; None: the gallery has none.
        api: whether the packages get their pages, for which all of them are imported.
    """
    for page in written_pages():
        _copy(page, source)
        for linked in linked_files(page):
            _copy(linked, source)
    (source / "notebooks").mkdir()
    for name, path in notebooks.items():
        shutil.copy(path, source / "notebooks" / f"{name}.ipynb")
    if figures is not None:
        shutil.copytree(figures, source / "docs" / figures.name)
    if api:
        packages = api_pages()
        for name, text in packages.items():
            _write(source / f"{name}.md", text)
        _append(source / "docs" / "api.md", f"{api_list()}\n{toctree(list(packages))}")
    _append(source / "docs" / "commands.md", command_sections())
    _append(source / "docs" / "schema.md", table_sections())
    _append(source / "docs" / "gallery.md", gallery_sections(drawn=figures is not None))
    _append(source / "docs" / "notebooks.md", toctree([f"notebooks/{name}" for name in notebooks]))
    groups = groups_of((ROOT / "docs" / "index.md").read_text())
    front = (source / "README.md").read_text()
    (source / "README.md").unlink()
    _write(source / "index.md", f"{front}\n{toctrees(groups)}\n{toctree(['docs/index'])}")


def linked_files(page: Path) -> Iterator[Path]:
    """What the page links to within the repository and is no page of the site: data, pictures."""
    for target in _LINK.findall(page.read_text()):
        path = (page.parent / target).resolve()
        if path.is_file() and path.suffix not in (".md", ".ipynb"):
            yield path


def _copy(path: Path, source: Path) -> None:
    target = source / path.relative_to(ROOT)
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(path, target)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def _append(path: Path, text: str) -> None:
    path.write_text(f"{path.read_text()}\n{text}")
