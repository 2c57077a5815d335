"""The OCI runtimes of this host, by the names that profiles have for them."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from iluvatar_bench.errors import MissingProgram
from iluvatar_bench.host.facts import program_version

DEFAULT_RUNTIME = "runc"
"""What the shim looks for in its search path where it is told of no other."""


def runtime_path(name: str) -> Path | None:
    """Where a runtime is; None for the one that the shim finds by itself.

    Raises:
        MissingProgram: there is no such program.
    """
    if name == DEFAULT_RUNTIME:
        return None
    found = shutil.which(name)
    if found is None:
        raise MissingProgram(
            f"the OCI runtime {name} is not installed, or is no program; "
            "install it, or choose another one (--set runtime=PATH)"
        )
    return Path(found)


def runtime_facts(names: Iterable[str]) -> dict[str, dict[str, str | None]]:
    """Of each runtime its path, that behind links, and what it prints as its version."""
    return {name: _facts(shutil.which(name)) for name in dict.fromkeys(names)}


def _facts(path: str | None) -> dict[str, str | None]:
    if path is None:
        return {"path": None, "program": None, "version": None}
    return {
        "path": path,
        "program": str(Path(path).resolve()),
        "version": program_version(path, "--version"),
    }
