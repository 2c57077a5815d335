"""Profiles of one's own that are kept under a name, a file each, for every folder one stands in."""

from __future__ import annotations

import os
import re
from pathlib import Path

from iluvatar_bench.errors import UnusablePath, UsageError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)*")
_LONGEST = 60
"""As much of a profile's name as the folder of a run takes over."""


def saved_home() -> Path:
    """Where they are kept: ``$XDG_CONFIG_HOME/iluvatar-bench/profiles``."""
    config = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(config) / "iluvatar-bench" / "profiles"


def saved_names() -> tuple[str, ...]:
    """The names of those that are kept."""
    return tuple(sorted(path.stem for path in saved_home().glob("*.toml")))


def saved_path(name: str) -> Path:
    """The file of the saved profile of that name, whether it is there or not.

    Raises:
        UsageError: no profile can be called so.
    """
    if not _NAME.fullmatch(name) or len(name) > _LONGEST:
        raise UsageError(
            f"{name!r} cannot be a profile's name: at most {_LONGEST} letters and digits, with "
            ". _ or - between them"
        )
    return saved_home() / f"{name}.toml"


def require_free(path: Path, *, replace: bool) -> None:
    """Refuse to write over a profile's file unless that is asked for; make its folder.

    Raises:
        UsageError: there is one already.
        UnusablePath: its folder cannot be made.
    """
    if path.exists() and not replace:
        raise UsageError(f"{path} is there already: --replace puts the new one in its place")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UnusablePath(f"cannot write {path}: {error.strerror or error}") from error
