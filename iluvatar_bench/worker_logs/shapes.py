"""Errors that no signature knows, grouped by shape: what stays of a line without its names.

A template miner in one pass: numbers, ids, paths, quoted words and addresses become marks, and the
rest is the shape. It needs no training and no order, so that two files give the same groups in
either order.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

MOST_GROUPS = 2_000
"""Shapes kept; errors of further shapes are counted together."""
SHAPE_LIMIT = 200
EXAMPLE_LIMIT = 500
OTHERS = "(other shapes)"

_HEAD = re.compile(
    r"^(?:<\d{1,3}>1? ?)?(?:[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d"
    r"|\[?\d{4}-\d\d-\d\d[T ][\d:.,]{8,20}\S{0,7})"
    r"(?: [+-]\d\d:\d\d\])?\s{0,3}|^[EFWI]\d{4} \d\d:\d\d:\d\d\.\d{3,9}\s{1,8}\d{1,10} "
    r"|^(?:ERRO|FATA|PANI)\[\d{1,8}\] "
)
_MARKS = (
    (re.compile(r"time=(?:\"[^\"\n]{1,60}\"|\S{1,60}) ?"), ""),
    (re.compile(r"\b[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\b"), "<id>"),
    (re.compile(r"(?:sha256:)?\b[0-9a-f]{10,64}\b"), "<id>"),
    (re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}(?::\d{1,5})?\b"), "<address>"),
    (re.compile(r"(?<![\w<])/[\w.@:+-]{1,100}(?:/[\w.@:+-]{0,100}){1,40}"), "<path>"),
    (re.compile(r"\\{0,3}\"[^\"\\\n]{1,80}\\{0,3}\"(?=[^\w]|$)(?!:)"), '"<word>"'),
    (re.compile(r"'[^'\n]{1,80}'"), "'<word>'"),
    (re.compile(r"\d{1,20}"), "<n>"),
)


def shape_of(line: str) -> str:
    """The shape of an error line, at most :data:`SHAPE_LIMIT` characters."""
    shape = _HEAD.sub("", line[: 4 * SHAPE_LIMIT])
    # A message is quoted too, and is what the shape is about.
    message = re.search(r"\bmsg=\"((?:[^\"\\]|\\.){1,400})\"", shape)
    if message:
        shape = message.group(1).replace('\\"', '"')
    for pattern, mark in _MARKS:
        shape = pattern.sub(mark, shape)
    return shape.strip()[:SHAPE_LIMIT]


@dataclass(slots=True, kw_only=True)
class ErrorGroup:
    """Errors of one shape: how many, of them how many failures of a container, and an example."""

    shape: str
    entries: int
    failures: int
    first_seen: datetime | None
    last_seen: datetime | None
    file: str
    line: int
    example: str


class ErrorGroups:
    """Gathers errors by shape while files are read, in bounded memory."""

    def __init__(self) -> None:
        self._by_shape: dict[str, ErrorGroup] = {}

    def add(
        self, text: str, *, time: datetime | None, file: str, line: int, is_failure: bool
    ) -> None:
        """Take in an error: the line that its program marks as one."""
        shape = shape_of(text)
        if shape not in self._by_shape and len(self._by_shape) >= MOST_GROUPS:
            shape = OTHERS
        group = self._by_shape.get(shape)
        if group is None:
            group = self._by_shape[shape] = ErrorGroup(
                shape=shape,
                entries=0,
                failures=0,
                first_seen=time,
                last_seen=time,
                file=file,
                line=line,
                example=text[:EXAMPLE_LIMIT].encode("utf-8", "replace").decode(),
            )
        group.entries += 1
        group.failures += is_failure
        if time is not None:
            group.first_seen = min(group.first_seen or time, time)
            group.last_seen = max(group.last_seen or time, time)

    def found(self) -> list[ErrorGroup]:
        """The groups, most entries first."""
        return sorted(self._by_shape.values(), key=lambda g: (-g.entries, g.shape))
