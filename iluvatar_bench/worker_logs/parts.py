"""Several containers in one entry: a JSON array on one line, and ``kubectl describe``.

``docker inspect | jq -c``, ``kubectl get -o json | jq -c`` and the like write all objects in one
line, and ``kubectl describe`` all containers of a pod below one heading: each is taken for itself.
"""

from __future__ import annotations

import json
import re

Part = tuple[int, bytes]
"""Where in the entry it begins, in bytes, and what it holds."""

_LIST = re.compile(r"\s{0,8}\[\s{0,8}(?=\{)")
# "items" of the document itself: no object or list may begin before it.
_ITEMS = re.compile(r"\s{0,8}\{[^\[\]{}\n]{0,400}\"items\":\s{0,4}\[\s{0,4}(?=\{)")
_COMMA = re.compile(r"\s{0,8},\s{0,8}")
_DECODER = json.JSONDecoder()
# Each container of a pod, two blanks in, below "Containers:" and its relatives.
_CONTAINERS = re.compile(rb"(?:Init |Ephemeral )?Containers:[ \t]*\r?\n(?=  \S)")
_CONTAINER = re.compile(rb"(?m)^  (?=\S[^\n]{0,253}:[ \t]*\r?$)")


def parts_of(entry: bytes) -> list[Part]:
    """The entry's objects or containers, in their order; the entry itself where it is one thing.

    What cannot be read as an object, a list that was cut off say, is the last part.
    """
    if _CONTAINERS.match(entry):
        starts = [found.start() for found in _CONTAINER.finditer(entry)]
        ends = [*starts[1:], len(entry)]
        return [(a, entry[a:b]) for a, b in zip(starts, ends, strict=True)] or [(0, entry)]
    if entry[:1] in b"[{ \t" and (b"},{" in entry or b"}, {" in entry):
        return _objects(entry) or [(0, entry)]
    return [(0, entry)]


def _objects(entry: bytes) -> list[Part]:
    # Latin-1: a character is a byte, so that places in both are the same.
    text = entry.decode("latin-1")
    begin = _LIST.match(text) or _ITEMS.match(text)
    at, parts = begin.end() if begin else len(text), list[Part]()
    while text.startswith("{", at):
        try:
            _, end = _DECODER.raw_decode(text, at)
        except (ValueError, RecursionError):
            break
        parts.append((at, entry[at:end]))
        comma = _COMMA.match(text, end)
        at = comma.end() if comma else end
    if parts and text[at:].strip(" ]}\r\n"):
        parts.append((at, entry[at:]))
    return parts
