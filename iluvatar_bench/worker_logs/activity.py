"""Denominators: how many containers and invocations the log shows, and when."""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache

import numpy as np

from iluvatar_bench.worker_logs.names import container_in, function_of, split_name
from iluvatar_bench.worker_logs.times import Clock

# Invocations are many, so their two usual forms are read by one match each: the hour, minute and
# offset, then the function and its version.
_USUAL = (
    re.compile(
        rb"\[(\d{4}-\d\d-\d\d \d\d):(\d\d):[\d.]{2,12} ([+-]\d\d:\d\d)\] [^\n]{0,400}?"
        rb"invocation request (\S{1,200}) (\S{1,100})"
    ),
    re.compile(
        rb'\{"timestamp":"(\d{4}-\d\d-\d\d[T ]\d\d):(\d\d):[\d.]{2,12}(Z|[+-]\d\d:\d\d)?"'
        rb'[^\n]{0,400}?"function_name":"([^"\\]{1,200})","function_version":"([^"\\]{1,100})"'
    ),
)
_INVOKED_TEXT = re.compile(rb"invocation request ([^\s\"]{1,200}) ([^\s\"]{1,100})")
_INVOKED_JSON = re.compile(
    rb'"function_name":\s?"([^"\\]{1,200})"(?:[^\n]{0,300}?"function_version":\s?"([^"\\]{1,100})")?'
)
_FQDN = re.compile(rb'"fqdn":\s?"([^"\\]{1,300})"')
_SHIM_PATH = re.compile(rb"path=\"?/\S{1,300}/([A-Za-z0-9][\w.-]{0,199})(?=[\s\"])")

Cell = tuple[str, str, str]
"""Function, version, UTC hour (``YYYY-MM-DD HH:00``); the empty string where unknown."""


class DistinctIds:
    """How many different ids were added, in 8 bytes each.

    Python's own hash stands for the id: of ten million ids, two share one in 3 of a million runs.
    """

    _RECENT = 65_536

    def __init__(self) -> None:
        self._sorted = np.empty(0, dtype=np.int64)
        self._recent: set[int] = set()

    def add(self, identifier: str) -> bool:
        """Whether ``identifier`` is seen for the first time."""
        number = hash(identifier)
        if number in self._recent:
            return False
        if len(self._sorted):
            at = int(np.searchsorted(self._sorted, number))
            if at < len(self._sorted) and self._sorted[at] == number:
                return False
        self._recent.add(number)
        if len(self._recent) >= self._RECENT:
            recent = np.fromiter(self._recent, dtype=np.int64, count=len(self._recent))
            # No id is in both; a stable sort merges two runs, the longer of them sorted already.
            self._sorted = np.sort(np.concatenate((self._sorted, np.sort(recent))), kind="stable")
            self._recent.clear()
        return True

    def __len__(self) -> int:
        return len(self._sorted) + len(self._recent)


class Activity:
    """Containers and invocations per function, version and hour.

    A container counts once, in the hour in which the log first names it. ``started`` counts the
    lines that show one to come or go.
    """

    def __init__(self) -> None:
        self.containers: Counter[Cell] = Counter()
        self.started: Counter[Cell] = Counter()
        self.invocations: Counter[Cell] = Counter()
        self._seen = DistinctIds()

    def add_invocation(self, data: bytes, start: int, end: int, clock: Clock) -> None:
        """Count the invocation that the line ``data[start:end]`` shows."""
        for pattern in _USUAL:
            usual = pattern.match(data, start, end)
            if usual:
                hour, minute, offset, function, version = usual.groups()
                at = clock.utc_hour(hour, minute, offset)
                self.invocations[_name(function), _name(version), at] += 1
                return
        line = data[start:end]
        self.invocations[(*_invoked(line), clock.hour(line))] += 1

    def add_line(self, line: bytes, clock: Clock) -> None:
        """Count the container that a line shows to come or go."""
        shim = _SHIM_PATH.search(line) if b"path=" in line else None
        text = line[:4096].decode(errors="replace")
        container = shim.group(1).decode() if shim else container_in(text)
        if container:
            hour = clock.hour(line)
            self.add_container(container, hour)
            function, version = function_of(container)
            self.started[function or "", version or "", hour] += 1

    def add_container(self, container_id: str, hour: str) -> None:
        """Count a container, unless it was counted before."""
        if self._seen.add(container_id):
            function, version = function_of(container_id)
            self.containers[function or "", version or "", hour] += 1


@lru_cache(maxsize=4096)
def _name(text: bytes) -> str:
    return text.decode(errors="replace")


def _invoked(line: bytes) -> tuple[str, str]:
    found = _INVOKED_TEXT.search(line) or _INVOKED_JSON.search(line)
    if found:
        return _name(found.group(1)), _name(found.group(2) or b"")
    fqdn = _FQDN.search(line)
    function, version = split_name(_name(fqdn.group(1))) if fqdn else ("", "")
    return function or "", version or ""
