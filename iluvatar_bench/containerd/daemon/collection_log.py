"""When containerd's garbage collector ran, from a private containerd's own debug log.

Containerd 1.6 publishes no event when it collects. At the log level ``debug`` its scheduler writes
one line a collection (``gc/scheduler``): ``msg="garbage collected" d=1.085006ms``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from iluvatar_bench.errors import UnusablePath
from iluvatar_bench.host.bounded_files import NOT_KEPT

_LINE = re.compile(r'^time="([^"]+)" level=debug msg="garbage collected" d="?([^"\s]+)"?')
_CUT = re.compile(rf"\[\d+ {NOT_KEPT.decode()}\]\n")
_GO_DURATION = re.compile(r"(\d+(?:\.\d+)?)(h|ms|m|s|µs|ns)")
_MILLISECONDS = {"h": 3_600_000.0, "m": 60_000.0, "s": 1000.0, "ms": 1.0, "µs": 1e-3, "ns": 1e-6}


@dataclass(frozen=True, slots=True)
class Collection:
    """One collection: when it was over, and for how long it locked the metadata database."""

    ended_at: datetime
    pause_ms: float


def read_collections(log: Path) -> tuple[Collection, ...]:
    """The collections that a log of level ``debug`` tells of, in order; others tell of none.

    Raises:
        OSError: the log cannot be read.
        UnusablePath: its middle was not kept, so that there are collections it does not tell of.
    """
    found = []
    with log.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if _CUT.fullmatch(line):
                raise UnusablePath(
                    f"{log} grew too long to be kept whole; run fewer trials at once"
                )
            if match := _LINE.match(line):
                ended_at = datetime.fromisoformat(match[1]).astimezone(UTC)
                found.append(Collection(ended_at, milliseconds(match[2])))
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
