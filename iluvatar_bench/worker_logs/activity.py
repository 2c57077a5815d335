"""Denominators: how many containers and invocations the log shows, and when."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np

from iluvatar_bench.worker_logs.names import container_in, function_of, split_name
from iluvatar_bench.worker_logs.prefilter import INVOCATION
from iluvatar_bench.worker_logs.times import Clock

_INVOCATION = INVOCATION.encode()
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
        at = int(np.searchsorted(self._sorted, number))
        if at < len(self._sorted) and self._sorted[at] == number:
            return False
        self._recent.add(number)
        if len(self._recent) >= self._RECENT:
            recent = np.fromiter(self._recent, dtype=np.int64, count=len(self._recent))
            self._sorted = np.union1d(self._sorted, recent)
            self._recent.clear()
        return True

    def __len__(self) -> int:
        return len(self._sorted) + len(self._recent)


class Activity:
    """Containers and invocations per function, version and hour.

    A container counts once, in the hour in which the log first names it.
    """

    def __init__(self) -> None:
        self.containers: Counter[Cell] = Counter()
        self.invocations: Counter[Cell] = Counter()
        self._seen = DistinctIds()

    def add_line(self, line: bytes, clock: Clock) -> None:
        """Count what a healthy line shows."""
        hour = clock.hour(line)
        if _INVOCATION in line:
            function, version = _invoked(line)
            self.invocations[function, version, hour] += 1
            return
        shim = _SHIM_PATH.search(line)
        text = line[:4096].decode(errors="replace")
        container = shim.group(1).decode() if shim else container_in(text)
        if container:
            self.add_container(container, hour)

    def add_container(self, container_id: str, hour: str) -> None:
        """Count a container, unless it was counted before."""
        if self._seen.add(container_id):
            function, version = function_of(container_id)
            self.containers[function or "", version or "", hour] += 1


def _invoked(line: bytes) -> tuple[str, str]:
    found = _INVOKED_TEXT.search(line) or _INVOKED_JSON.search(line)
    if found:
        return found.group(1).decode(errors="replace"), (found.group(2) or b"").decode(
            errors="replace"
        )
    fqdn = _FQDN.search(line)
    function, version = split_name(fqdn.group(1).decode(errors="replace")) if fqdn else ("", "")
    return function or "", version or ""
