"""Shared by the formats of one JSON object a line: reading an object that may be damaged."""

from __future__ import annotations

import json
import re
from typing import Any

_STRING_FIELD = r'\\{0,3}"%s\\{0,3}"\s?:\s?\\{0,3}"([^"\\]{1,300})'


def load_object(line: str) -> tuple[dict[str, Any], str]:
    """The object, and what is wrong with it (the empty string if nothing).

    A line cut short, or nested too deep to read, gives an empty object. Never raises.
    """
    try:
        value = json.loads(line)
    except RecursionError:
        return {}, "JSON nested too deep"
    except ValueError:
        return {}, "not a complete JSON object"
    return (value, "") if isinstance(value, dict) else ({}, "not a JSON object")


def salvage(line: str, *names: str) -> str | None:
    """The first of the named string fields that is still legible in a damaged object."""
    for name in names:
        found = re.search(_STRING_FIELD % re.escape(name), line)
        if found:
            return found.group(1)
    return None


def text_of(value: object) -> str | None:
    """A field as text, None if it is absent or a structure."""
    if value is None or isinstance(value, dict | list):
        return None
    return str(value)


def joined(fields: dict[str, Any], first: str) -> str:
    """A message and the other fields of its object as readable text, one a line."""
    parts = [text_of(fields.get(first)) or ""]
    for name, value in fields.items():
        shown = text_of(value)
        if name != first and shown:
            # The worker writes a container's output with literal \n for new lines.
            parts.append(f"{name}: {shown}".replace("\\n", "\n"))
    return "\n".join(part for part in parts if part)
