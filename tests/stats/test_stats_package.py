"""The package's public names."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

from iluvatar_bench import stats


def test_all_names_what_the_package_imports_and_nothing_else():
    tree = ast.parse(Path(stats.__file__).read_text())
    imported = {
        alias.name for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    assert set(stats.__all__) == imported
    assert len(stats.__all__) == len(set(stats.__all__))


def test_the_package_is_pure():
    folder = Path(stats.__file__).parent
    forbidden = {"time", "datetime", "random", "os", "pathlib", "io", "logging", "subprocess"}
    for path in folder.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else []
            )
            assert not forbidden & {name.split(".")[0] for name in names}, path
        # numpy's global generator is state that any other import may have touched.
        assert "np.random.seed" not in path.read_text()
        assert "np.random.rand" not in path.read_text()


def test_every_public_function_tells_its_edges_and_errors():
    for name in stats.__all__:
        value = getattr(stats, name)
        if inspect.isfunction(value):
            assert "Raises:" in (inspect.getdoc(value) or ""), name
