"""What is wrong with an option's value, in plain words and with the value."""

from __future__ import annotations

from typing import Any

import typer

_BOUNDS = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}
_KINDS = {"int": "whole number", "float": "number", "bool": "yes or no"}


def refusal(error: typer.BadParameter) -> str:
    """The message of a refused value; that of the command line's library where it says enough.

    The library checks values with pydantic, whose words are made for programmers and leave the
    value out.
    """
    problems = getattr(error.__cause__, "errors", None)
    if not callable(problems):
        return error.message
    found: dict[str, Any] = problems()[0]
    given = found["input"]
    for bound, words in _BOUNDS.items():
        if bound in found.get("ctx", {}):
            return f"must be {words} {found['ctx'][bound]:g}, not {given}"
    kind = _KINDS.get(str(found["type"]).partition("_")[0])
    return f"{given!r} is no {kind}" if kind else f"{given!r}: {found['msg']}"
