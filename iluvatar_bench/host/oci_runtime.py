"""The OCI runtimes of this host, by the names that profiles have for them."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from iluvatar_bench.errors import EnvironmentProblem, MissingProgram
from iluvatar_bench.host.facts import program_version

DEFAULT_RUNTIME = "runc"
"""What the shim looks for in its search path where it is told of no other."""

_VERSION_SECONDS = 20.0


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
            "install it, or choose another one (--runtime PATH, --set runtime=PATH)"
        )
    return Path(found)


def require_runtime(name: str) -> None:
    """Refuse a runtime that no container could be made by, before anything is started.

    Every runtime that shims know prints its version when asked for it.

    Raises:
        MissingProgram: there is no such program.
        EnvironmentProblem: it does not start here: it lacks a library, say.
    """
    path = runtime_path(name)
    if path is None:
        return
    try:
        done = subprocess.run(
            [path, "--version"],
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=_VERSION_SECONDS,
        )
        lines = (done.stderr or done.stdout).strip().splitlines() or ["it says nothing"]
        wrong = f"status {done.returncode}: {lines[-1]}" if done.returncode else ""
    except OSError as error:
        wrong = str(error.strerror)
    except subprocess.TimeoutExpired:
        wrong = f"no answer in {_VERSION_SECONDS:g} s"
    if wrong:
        raise EnvironmentProblem(
            f"the OCI runtime {name} cannot say its version ({path} --version: {wrong}); "
            "choose one that runs here"
        )


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
