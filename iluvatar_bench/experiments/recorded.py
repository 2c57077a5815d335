"""Run folders by path, and the recorded runs by name."""

from __future__ import annotations

from pathlib import Path

from iluvatar_bench.errors import UsageError

RECORDED_HOME = Path(__file__).resolve().parents[2] / "data" / "runs"
"""Runs that a source checkout carries, so that every analysis works without root or containerd."""


def recorded_names() -> tuple[str, ...]:
    """The recorded runs; none outside a source checkout."""
    return tuple(sorted(path.parent.name for path in RECORDED_HOME.glob("*/manifest.json")))


def find_run(name: str | Path) -> Path:
    """The folder of a run: a path, or the name of a recorded run; a path that exists wins.

    Raises:
        UsageError: neither of them, or a folder that is no run; the message says what there is.
    """
    path = Path(name)
    if (path / "manifest.json").is_file():
        return path
    if str(name) in recorded_names():
        return RECORDED_HOME / name
    if path.is_dir():
        inside = sorted(found.parent.name for found in path.glob("*/manifest.json"))
        hint = f"; the runs in it are: {', '.join(inside)}" if inside else ""
        raise UsageError(f"{path} is no run folder: it has no manifest.json{hint}")
    raise UsageError(
        f"no run {str(name)!r}: there is no such folder, "
        f"and the recorded runs are: {', '.join(recorded_names()) or 'none'}"
    )
