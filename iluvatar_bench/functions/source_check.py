"""Whether a function's ``main.py`` can be what the server imports, before anything is built."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from pathlib import Path

from iluvatar_bench.errors import UsageError


def check_source(path: Path) -> None:
    """Compile ``main.py`` without running it, and look for its ``main``.

    Raises:
        UsageError: it does not compile, or nothing in it can be called ``main``.
    """
    try:
        with warnings.catch_warnings():
            # The function's style is its author's.
            warnings.simplefilter("ignore")
            tree = ast.parse(path.read_bytes(), filename=str(path))
            compile(tree, str(path), "exec", dont_inherit=True)
    except SyntaxError as error:
        where = f"{path}:{error.lineno}" if error.lineno else str(path)
        raise UsageError(f"{where} does not compile: {error.msg}") from error
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{path} cannot be read as Python source: {error}") from error
    bindings = list(_bindings_of_main(tree.body))
    if any(isinstance(node, ast.AsyncFunctionDef) for node in bindings):
        raise UsageError(f"main in {path} is asynchronous; the server calls main(args) as it is")
    if not bindings:
        raise UsageError(f"{path} has no function main(args: dict) -> dict")


def _bindings_of_main(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements of the module's own scope that may give the name ``main`` a value."""
    for statement in body:
        match statement:
            case ast.FunctionDef(name="main") | ast.AsyncFunctionDef(name="main"):
                yield statement
            case ast.ClassDef(name="main"):
                yield statement
            case ast.Assign() | ast.AnnAssign() if _stores_main(statement):
                yield statement
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                # What a star brings is only known once it is imported.
                if any((name.asname or name.name) in ("main", "*") for name in names):
                    yield statement
            case ast.If() | ast.Try() | ast.With() | ast.For() | ast.While():
                for _, value in ast.iter_fields(statement):
                    if isinstance(value, list):
                        yield from _bindings_of_main(_statements(value))


def _stores_main(statement: ast.stmt) -> bool:
    return any(
        isinstance(node, ast.Name) and node.id == "main" and isinstance(node.ctx, ast.Store)
        for node in ast.walk(statement)
    )


def _statements(values: list[ast.AST]) -> list[ast.stmt]:
    found: list[ast.stmt] = []
    for value in values:
        if isinstance(value, ast.ExceptHandler):
            found += value.body
        elif isinstance(value, ast.stmt):
            found.append(value)
    return found
