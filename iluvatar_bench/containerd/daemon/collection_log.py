"""When containerd's garbage collector ran, from a private containerd's own debug log.

Containerd 1.6 publishes no event when it collects. At the log level ``debug`` its scheduler writes
one line a collection (``gc/scheduler``): ``msg="garbage collected" d=1.085006ms``, and before that
one for each thing that went (``metadata/snapshot.go``, ``metadata/content.go``):
``msg="removed snapshot" key=NAMESPACE/NUMBER/NAME`` and ``msg="removed content"``. In 1.7.24 and
2.1.9 the scheduler's line is of the level ``trace``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from iluvatar_bench.errors import UnusablePath
from iluvatar_bench.host.bounded_files import NOT_KEPT

_LINE = re.compile(r'^time="([^"]+)" level=(?:debug|trace) msg="garbage collected" d="?([^"\s]+)"?')
_REMOVED = re.compile(
    r'level=(?:debug|trace) msg="removed (snapshot|content)"(?:.* key="?([^"\s]+)"?)?'
)
_CUT = re.compile(rf"\[\d+ {NOT_KEPT.decode()}\]\n")
_GO_DURATION = re.compile(r"(\d+(?:\.\d+)?)(h|ms|m|s|µs|ns)")
_MILLISECONDS = {"h": 3_600_000.0, "m": 60_000.0, "s": 1000.0, "ms": 1.0, "µs": 1e-3, "ns": 1e-6}


@dataclass(frozen=True, slots=True)
class Collection:
    """One collection: when it was over, how long it locked the metadata database, and what went.

    ``snapshots`` are the names of the snapshots whose directories it removed, ``contents`` counts
    blobs.
    """

    ended_at: datetime
    pause_ms: float
    snapshots: tuple[str, ...] = ()
    contents: int = 0


class CollectionLines:
    """Reads the lines of a log in their order."""

    def __init__(self) -> None:
        self._snapshots: list[str] = []
        self._contents = 0

    def read(self, line: str) -> Collection | None:
        """The collection whose end a line tells of; None for every other line."""
        if (removed := _REMOVED.search(line)) is not None:
            if removed[1] == "content":
                self._contents += 1
            elif removed[2]:
                # NAMESPACE/NUMBER/NAME, and a name may have slashes.
                self._snapshots.append(removed[2].split("/", 2)[-1])
            return None
        match = _LINE.match(line)
        if match is None:
            return None
        found = Collection(
            ended_at=datetime.fromisoformat(match[1]).astimezone(UTC),
            pause_ms=milliseconds(match[2]),
            snapshots=tuple(self._snapshots),
            contents=self._contents,
        )
        self._snapshots, self._contents = [], 0
        return found


def read_collections(log: Path) -> tuple[Collection, ...]:
    """The collections that a log of level ``debug`` tells of, in order; others tell of none.

    Raises:
        OSError: the log cannot be read.
        UnusablePath: its middle was not kept, so that there are collections it does not tell of.
    """
    found, reader = [], CollectionLines()
    with log.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if _CUT.fullmatch(line):
                raise UnusablePath(
                    f"{log} grew too long to be kept whole; run fewer trials at once"
                )
            if (collection := reader.read(line)) is not None:
                found.append(collection)
    return tuple(found)


def milliseconds(go_duration: str) -> float:
    """A duration as Go prints it: ``1m2.5s``, ``595.578µs``.

    Raises:
        ValueError: it is none.
    """
    parts = _GO_DURATION.findall(go_duration)
    if not parts or "".join(number + unit for number, unit in parts) != go_duration:
        raise ValueError(f"{go_duration!r} is no duration as Go prints it")
    return sum(float(number) * _MILLISECONDS[unit] for number, unit in parts)
