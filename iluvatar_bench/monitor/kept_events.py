"""The last events of a daemon, found by container without looking through the others."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import overload

from iluvatar_bench.containerd.services.events import DaemonEvent

MOST_EVENTS_KEPT = 10_000
"""Of the last events: those of every container that lives. A container's life has about ten."""


class KeptEvents(Sequence[DaemonEvent]):
    """The last ``most`` events, oldest first."""

    def __init__(self, most: int = MOST_EVENTS_KEPT) -> None:
        self._most = most
        self._all: deque[DaemonEvent] = deque()
        self._of: dict[str, deque[DaemonEvent]] = {}

    def append(self, event: DaemonEvent) -> None:
        """Keep one more, and let go of the oldest where there are too many."""
        self._all.append(event)
        for name in _named_by(event):
            self._of.setdefault(name, deque()).append(event)
        if len(self._all) > self._most:
            for name in _named_by(self._all.popleft()):
                self._of[name].popleft()
                if not self._of[name]:
                    del self._of[name]

    def of(self, container_id: str) -> tuple[DaemonEvent, ...]:
        """Those that name this container, or the snapshot that is called as it is."""
        return tuple(self._of.get(container_id, ()))

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[DaemonEvent]:
        return iter(self._all)

    @overload
    def __getitem__(self, at: int) -> DaemonEvent: ...
    @overload
    def __getitem__(self, at: slice) -> tuple[DaemonEvent, ...]: ...
    def __getitem__(self, at: int | slice) -> DaemonEvent | tuple[DaemonEvent, ...]:
        return self._all[at] if isinstance(at, int) else tuple(self._all)[at]


def _named_by(event: DaemonEvent) -> set[str]:
    return {name for name in (event.container_id, event.snapshot_key) if name is not None}
