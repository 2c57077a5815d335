"""Profiles in files: TOML or JSON, as ``audit --save-profile`` writes them."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomli_w

from iluvatar_bench.errors import UnusablePath, UsageError

SUFFIXES = (".toml", ".json")


def names_a_file(name: str) -> bool:
    """Whether a profile's name is meant as a file: it has a suffix of one, or a folder in it."""
    return name.endswith(SUFFIXES) or "/" in name


def read_profile(path: Path) -> dict[str, Any]:
    """The fields of the file, unchecked.

    Raises:
        UsageError: it is not there, or holds no table (TOML) or object (JSON).
    """
    require_suffix(path)
    try:
        text = path.read_text()
        document = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except OSError as error:
        raise UsageError(f"cannot read the profile {path}: {error.strerror}") from error
    except ValueError as error:
        raise UsageError(f"{path} is no {path.suffix[1:].upper()}: {error}") from error
    if not isinstance(document, dict):
        raise UsageError(f"{path} holds no profile: it must be one table of factors and levels")
    return document


def write_profile(
    fields: Mapping[str, Any],
    path: Path,
    *,
    notes: Mapping[str, str] | None = None,
    heading: str = "",
) -> None:
    """Write the fields of a profile; in TOML below a heading, with a note behind each that has one.

    JSON has no comments, and so neither.

    Raises:
        UsageError: the suffix is neither ``.toml`` nor ``.json``.
        UnusablePath: the file cannot be written.
    """
    require_suffix(path)
    is_json = path.suffix == ".json"
    # A name may hold what TOML takes in no comment.
    told = "".join(c if c.isprintable() or c == "\n" else "?" for c in heading)
    above = "".join(f"# {line}\n" for line in told.split("\n") if line)
    toml = above + _toml(fields, notes or {})
    text = json.dumps(dict(fields), indent=2) + "\n" if is_json else toml
    try:
        path.write_text(text)
    except OSError as error:
        raise UnusablePath(f"cannot write {path}: {error.strerror}") from error


def _toml(fields: Mapping[str, Any], notes: Mapping[str, str]) -> str:
    lines = [(name, tomli_w.dumps({name: value}).rstrip("\n")) for name, value in fields.items()]
    return "".join(
        f"{line}  # {notes[name]}\n" if name in notes else f"{line}\n" for name, line in lines
    )


def require_suffix(path: Path) -> None:
    """Refuse a name of which nobody could tell how the profile is written.

    Raises:
        UsageError: the suffix is neither ``.toml`` nor ``.json``.
    """
    if path.suffix not in SUFFIXES:
        raise UsageError(f"{path}: a profile's file ends in {' or '.join(SUFFIXES)}")
