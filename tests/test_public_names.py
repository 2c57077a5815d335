"""The public names: literal, complete, importable, and cheap until they are used."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import iluvatar_bench
from iluvatar_bench import errors

PACKAGE = Path(iluvatar_bench.__file__).parent


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
