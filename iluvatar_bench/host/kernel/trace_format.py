"""How the kernel lays out its trace events: read from its own description, never assumed. Pure.

Each event has a file ``format`` with the offset, size and sign of each field; they differ between
kernels. The text's form: https://docs.kernel.org/trace/events.html#event-formats
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

_FIELD = re.compile(
    r"field:\s?(?P<declaration>[^;\n]+);\s*offset:(?P<offset>\d+);\s*size:(?P<size>\d+);"
    r"(?:\s*signed:(?P<signed>[01]);)?"
)
_NAME = re.compile(r"(?P<name>\w+)(?:\[[^\]]*\])?$")

Kind = Literal["number", "text", "placed_text"]


@dataclass(frozen=True, slots=True)
class TraceField:
    """One field: where it stands in the event's bytes, and what they are.

    ``placed_text`` is a word whose low half says where the text stands, from the event's start.
    """

    name: str
    offset: int
    size: int
    signed: bool
    kind: Kind

    def value(self, payload: bytes) -> int | str:
        """The field's value.

        Raises:
            ValueError: the event is too short for it.
        """
        raw = payload[self.offset : self.offset + self.size]
        if len(raw) != self.size:
            raise ValueError(f"the event ends before its field {self.name}")
        if self.kind == "text":
            return _text(raw)
        number = int.from_bytes(raw, sys.byteorder, signed=self.signed)
        if self.kind == "placed_text":
            at, length = number & 0xFFFF, number >> 16
            if at + length > len(payload):
                raise ValueError(f"the event ends before the text of its field {self.name}")
            return _text(payload[at : at + length])
        return number


@dataclass(frozen=True, slots=True)
class EventFormat:
    """One kind of event: its number on this kernel, and its fields by name."""

    name: str
    number: int
    fields: Mapping[str, TraceField]

    def decode(self, payload: bytes) -> dict[str, int | str]:
        """Every field of one event.

        Raises:
            ValueError: the event is too short.
        """
        return {name: field.value(payload) for name, field in self.fields.items()}


def parse_format(text: str) -> EventFormat:
    """What a ``format`` file says.

    Raises:
        ValueError: it does not have the form.
    """
    name = re.search(r"^name: (\S+)$", text, re.MULTILINE)
    number = re.search(r"^ID: (\d+)$", text, re.MULTILINE)
    fields = parse_fields(text)
    if name is None or number is None or "common_type" not in fields:
        raise ValueError("this is no description of a trace event")
    return EventFormat(name[1], int(number[1]), fields)


def parse_fields(text: str) -> dict[str, TraceField]:
    """The fields that a description lists, by name.

    Raises:
        ValueError: a field has no name.
    """
    found = {}
    for match in _FIELD.finditer(text):
        declaration = match["declaration"].strip()
        named = _NAME.search(declaration)
        if named is None:
            raise ValueError(f"a field without a name: {declaration!r}")
        name = named["name"]
        found[name] = TraceField(
            name,
            int(match["offset"]),
            int(match["size"]),
            match["signed"] == "1",
            _kind(declaration),
        )
    return found


def _kind(declaration: str) -> Kind:
    if declaration.startswith("__data_loc") and "char" in declaration:
        return "placed_text"
    return "text" if re.search(r"\bchar \w+\[", declaration) else "number"


def _text(raw: bytes) -> str:
    return raw.partition(b"\0")[0].decode(errors="replace")
