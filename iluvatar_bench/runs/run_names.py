"""Runs by what people call them: a part of a folder's name, or how long ago they were begun."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from iluvatar_bench.count_words import count_of
from iluvatar_bench.errors import UsageError

RESULTS = Path("results")
"""Where commands put run folders, and look for them, unless they are told otherwise."""

_DEEPEST = 3
"""Run folders stand in the results, in a notebook's or demo's folder there, or a grid point's."""

_SHOWN = 8
"""So many names are told where a name fits several."""

_BY_AGE = re.compile(r"@(latest|[1-9][0-9]{0,5})")


def run_folders(results: Path) -> tuple[Path, ...]:
    """Every run folder below ``results``, the one begun last first; none where it is no folder."""
    read = ((glance(folder), folder) for folder in _with_manifest(results, _DEEPEST))
    begun = [
        (str(manifest.get("started_at") or ""), folder)
        for manifest, folder in read
        if manifest is not None
    ]
    return tuple(folder for _, folder in sorted(begun, reverse=True))


def glance(folder: Path) -> dict[str, Any] | None:
    """A run's manifest as far as it can be read; None for what is no run's.

    Runs of any version are listed, so nothing is required of it but its form.
    """
    try:
        manifest = json.loads((folder / "manifest.json").read_text())
    except (OSError, ValueError):
        return None
    return manifest if isinstance(manifest, dict) and "run_id" in manifest else None


def named_run(name: str, *, results: Path, recorded: Sequence[Path]) -> Path | None:
    """The run that ``@latest``, ``@2`` or a part of a name stands for; None where none does.

    ``@1`` is ``@latest``, the run in ``results`` that was begun last, ``@2`` the one before. What
    stands before the last slash is another folder of results.

    Raises:
        UsageError: there are not so many runs, or the part is one of several names.
    """
    folder, _, last = name.rpartition("/")
    home = Path(folder or "/") if "/" in name else results
    if not last:
        return None
    runs = run_folders(home)
    if last.startswith("@"):
        return _by_age(last, runs, home)
    # Of one's own before those that travel with the package.
    for candidates in (runs, () if "/" in name else tuple(recorded)):
        fitting = [path for path in candidates if path.name == last]
        fitting = fitting or [path for path in candidates if last in path.name]
        if len(fitting) > 1:
            told = ", ".join(_told(path, home) for path in fitting[:_SHOWN])
            more = f" and {len(fitting) - _SHOWN} more" if len(fitting) > _SHOWN else ""
            raise UsageError(
                f"{name!r} fits {len(fitting)} runs: {told}{more}; say more of the name, or @latest"
            )
        if fitting:
            return fitting[0]
    return None


def _by_age(text: str, runs: Sequence[Path], home: Path) -> Path:
    asked = _BY_AGE.fullmatch(text)
    if asked is None:
        raise UsageError(f"no run {text!r}: it is @latest, or @2 for the one before it, and so on")
    number = 1 if asked[1] == "latest" else int(asked[1])
    if number > len(runs):
        there = count_of(len(runs), "run folder is", "run folders are")
        raise UsageError(
            f"no run {text}: {there} in {home.absolute()}; one that is elsewhere is called "
            f"FOLDER/{text}, or by the path of its own folder"
        )
    return runs[number - 1]


def _told(path: Path, home: Path) -> str:
    return str(path.relative_to(home)) if path.is_relative_to(home) else path.name


def _with_manifest(home: Path, depth: int) -> list[Path]:
    try:
        with os.scandir(home) as entries:
            below = [Path(e.path) for e in entries if e.is_dir() and not e.name.startswith(".")]
    except OSError:
        return []
    found = []
    for folder in below:
        if (folder / "manifest.json").is_file():
            found.append(folder)
        elif depth > 1:
            found += _with_manifest(folder, depth - 1)
    return found
