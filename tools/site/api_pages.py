"""A page for each public package, from the docstrings of what it exports."""

from __future__ import annotations

import ast
import inspect
import pkgutil
from collections.abc import Mapping
from importlib import import_module
from itertools import pairwise
from pathlib import Path

import iluvatar_bench

HOME = "docs/api"
_ROOT = iluvatar_bench.__name__


def public_packages() -> tuple[str, ...]:
    """The package itself and its packages that have a literal ``__all__``, and the errors."""
    found = [
        f"{_ROOT}.{one.name}"
        for one in pkgutil.iter_modules(iluvatar_bench.__path__)
        if hasattr(import_module(f"{_ROOT}.{one.name}"), "__all__")
    ]
    return (_ROOT, *found, f"{_ROOT}.errors")


def api_pages() -> Mapping[str, str]:
    """Path from the site's root, without ending, to the page.

    A name that several packages export is described in the first; the front of the package only
    says where.
    """
    pages: dict[str, str] = {}
    homes: dict[int, str] = {}
    for package in public_packages()[1:]:
        names = _names(package)
        blocks, elsewhere = [], []
        for name in names:
            value = getattr(import_module(package), name)
            home = homes.setdefault(id(value), package) if callable(value) else package
            if home == package:
                blocks.append(_directive(package, name, value))
            else:
                elsewhere.append(f"`{name}` stands in [`{home}`]({home}.md).")
        pages[f"{HOME}/{package}"] = _page(package, blocks, elsewhere)
    pages[f"{HOME}/{_ROOT}"] = _front(homes)
    return pages


def api_list() -> str:
    """The packages, each with the first line of its docstring."""
    rows = []
    for package in public_packages():
        first = (import_module(package).__doc__ or "").strip().splitlines()[0]
        rows.append(f"* [`{package}`](api/{package}.md): {first.replace('``', '`')}")
    return "\n".join(["## Packages", "", *rows, ""])


def _names(package: str) -> tuple[str, ...]:
    module = import_module(package)
    if hasattr(module, "__all__"):
        return tuple(module.__all__)
    found = inspect.getmembers(module, inspect.isclass)
    return tuple(name for name, value in found if value.__module__ == package)


def _page(package: str, blocks: list[str], elsewhere: list[str]) -> str:
    body = "\n\n".join(blocks)
    parts = [
        f"# `{package}`",
        "",
        "```{eval-rst}",
        f".. py:module:: {package}",
        "",
        body,
        "```",
        "",
    ]
    return "\n".join([*parts, *(f"{line}\n" for line in elsewhere)])


def _front(homes: Mapping[int, str]) -> str:
    rows = []
    for name in iluvatar_bench.__all__:
        home = homes.get(id(getattr(iluvatar_bench, name)), _home_of(name))
        rows.append(f"| `{name}` | [`{home}`]({home}.md) |")
    text = "What scripts need most can be imported from the package itself."
    return "\n".join(
        [f"# `{_ROOT}`", "", text, "", "| name | described in |", "|---|---|", *rows, ""]
    )


def _home_of(name: str) -> str:
    packages = public_packages()[1:]
    return next(one for one in packages if name in getattr(import_module(one), "__all__", ()))


def _directive(package: str, name: str, value: object) -> str:
    if inspect.isclass(value):
        return f".. autoclass:: {package}.{name}\n   :members:\n   :undoc-members:\n"
    if inspect.isroutine(value):
        return f".. autofunction:: {package}.{name}\n"
    return f".. py:data:: {package}.{name}\n\n   {_said_below(package, name)}\n"


def _said_below(package: str, name: str) -> str:
    """The text that stands below an assignment, in the module that the package has the name from.

    Python keeps none for a value.
    """
    path = Path(str(import_module(package).__file__))
    tree = ast.parse(path.read_text())
    for statement in ast.walk(tree):
        if isinstance(statement, ast.ImportFrom) and name in {one.name for one in statement.names}:
            tree = ast.parse(Path(str(import_module(str(statement.module)).__file__)).read_text())
            break
    for assigned, after in pairwise(tree.body):
        text = after.value if isinstance(after, ast.Expr) else None
        if name in _targets(assigned) and isinstance(text, ast.Constant):
            return " ".join(str(text.value).split())
    return ""


def _targets(statement: ast.stmt) -> set[str]:
    if isinstance(statement, ast.Assign):
        return {one.id for one in statement.targets if isinstance(one, ast.Name)}
    if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
        return {statement.target.id}
    return set()
