"""The public names: literal, complete, importable, and cheap until they are used.

What notebooks and documents import is the package and its packages, and nothing deeper.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import nbformat
import pytest
from IPython.core.inputtransformer2 import TransformerManager

import iluvatar_bench
from iluvatar_bench import errors
from iluvatar_bench.batch.notebook_files import NOTEBOOK_HOME, notebook_names
from tests.support.pages import PAGES

PACKAGE = Path(iluvatar_bench.__file__).parent
PACKAGES = sorted(
    ".".join(path.parent.relative_to(PACKAGE.parent).parts)
    for path in PACKAGE.rglob("__init__.py")
    if "_api" not in path.parts
)


def promised(tree: ast.Module) -> list[str] | None:
    """The literal ``__all__`` of a module; None if it has none, or one that is computed."""
    for statement in tree.body:
        if isinstance(statement, ast.Assign):
            (target,) = statement.targets
            if isinstance(target, ast.Name) and target.id == "__all__":
                value = ast.literal_eval(statement.value)
                return value if isinstance(value, list) else None
    return None


def in_order(name: str) -> tuple[int, str]:
    """Constants, then classes, then the rest, each by the alphabet: as ruff sorts ``__all__``."""
    return (0 if name.isupper() else 1 if name[0].isupper() else 2, name)


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_promises_what_it_imports_and_nothing_else(package: str) -> None:
    module = import_module(package)
    assert module.__file__ is not None
    tree = ast.parse(Path(module.__file__).read_text())
    offered = [*own_imports(tree), *own_constants(tree)]
    names = promised(tree)
    if names is None:
        assert package.count(".") > 1 or not offered, "its names need a literal __all__"
        return
    assert names == sorted(offered, key=in_order)
    assert all(getattr(module, name) is not None for name in names)


def own_imports(tree: ast.Module) -> Iterator[str]:
    """What it imports from this project, at once or, for type checkers alone, when it is used."""
    later = [s for block in tree.body if isinstance(block, ast.If) for s in block.body]
    for statement in [*tree.body, *later]:
        if isinstance(statement, ast.ImportFrom):
            for alias in statement.names:
                if (statement.module or "").startswith("iluvatar_bench"):
                    yield alias.asname or alias.name


def own_constants(tree: ast.Module) -> Iterator[str]:
    for statement in tree.body:
        if isinstance(statement, ast.Assign):
            for target in statement.targets:
                if isinstance(target, ast.Name) and not target.id.startswith("_"):
                    yield target.id


@pytest.mark.parametrize("package", ["iluvatar_bench", "iluvatar_bench.report"])
def test_a_name_that_is_imported_when_it_is_used_is_no_modules_name(package: str) -> None:
    """A submodule, once imported, would stand in the place of the function of its name."""
    module = import_module(package)
    assert module.__file__ is not None
    inside = {path.stem for path in Path(module.__file__).parent.iterdir()}
    assert set(module.__all__) & inside == set()


def python_of_notebooks() -> Iterator[tuple[str, str]]:
    to_python = TransformerManager().transform_cell
    for name in notebook_names():
        for cell in nbformat.read(NOTEBOOK_HOME / f"{name}.ipynb", as_version=4).cells:
            if cell.cell_type == "code":
                yield f"{name}, cell {cell.id}", to_python(cell.source)


def python_of_pages() -> Iterator[tuple[str, str]]:
    for page in PAGES:
        blocks = re.findall(r"^```python\n(.*?)^```", page.read_text(), re.M | re.S)
        for number, block in enumerate(blocks):
            yield f"{page.name}, block {number}", block


def imports(source: str) -> Iterator[tuple[str, str]]:
    """Module and name of every import from here, wherever in the code it stands."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("iluvatar_bench"):
            yield from ((str(node.module), alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (
                (alias.name, "") for alias in node.names if alias.name.startswith("iluvatar_bench")
            )


@pytest.mark.parametrize(
    ("where", "source"),
    [
        pytest.param(where, source, id=where)
        for where, source in [*python_of_notebooks(), *python_of_pages()]
        if any(imports(source))
    ],
)
def test_documents_import_public_names_only(where: str, source: str) -> None:
    for module, name in imports(source):
        assert module in PACKAGES and module.count(".") <= 1, f"{where}: {module} is not public"
        assert name in import_module(module).__all__, f"{where}: {module}.{name} is not public"


def test_documents_were_read() -> None:
    assert len(
        {where.split(",")[0] for where, source in python_of_notebooks() if any(imports(source))}
    ) == len(notebook_names())
    pages = {where.split(",")[0] for where, source in python_of_pages() if any(imports(source))}
    assert {"README.md", "workloads.md", "paper.md"} <= pages


def test_every_public_name_is_there_and_nothing_else_is_promised() -> None:
    assert sorted(set(iluvatar_bench.__all__)) == sorted(iluvatar_bench.__all__)
    for name in iluvatar_bench.__all__:
        assert getattr(iluvatar_bench, name) is not None
    tree = ast.parse((PACKAGE / "__init__.py").read_text())
    imported = {
        alias.name
        for block in tree.body
        if isinstance(block, ast.If)
        for statement in block.body
        if isinstance(statement, ast.ImportFrom)
        for alias in statement.names
    }
    assert imported == set(iluvatar_bench.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    assert not hasattr(iluvatar_bench, "no_such_name")


def test_every_error_stands_in_the_tree_of_the_docstring() -> None:
    assert errors.__doc__ is not None
    for name, kind in vars(errors).items():
        if isinstance(kind, type) and issubclass(kind, Exception):
            group = (errors.ContainerdError, errors.AnswerLost)
            leaf = issubclass(kind, group) and kind not in group
            assert name in errors.__doc__ or leaf, name


def test_the_command_line_starts_without_the_heavy_libraries() -> None:
    code = (
        "import sys; import iluvatar_bench.commands.app; "
        "print([m for m in ('pandas', 'grpc', 'scipy', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
