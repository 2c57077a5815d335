"""Ending a notebook in good order: from a wish to stop to the signals that its kernel gets."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import IntEnum

from iluvatar_bench.batch.kernel import PrivateKernelManager

GIVE_UP_SECONDS = 11.0
"""A cell that was asked to stop has so long, a second more than the run in it gives itself."""

KILL_SECONDS = 20.0
"""A cancelled cell has so long to remove what it started, as where its kernel's parent has gone
(``kernel_process``); a further wish ends that."""


class NotebookStop:
    """A wish to stop, for the notebooks that it is handed to. May be asked in a signal handler."""

    def __init__(self) -> None:
        self.times = 0
        self._listeners: list[Callable[[], None]] = []

    def ask(self) -> None:
        """Once: the trials in flight are finished. Again: they are given up. A third: killed."""
        self.times += 1
        for listener in tuple(self._listeners):
            listener()

    def is_set(self) -> bool:
        """Whether it was asked for."""
        return self.times > 0

    @contextmanager
    def heard_by(self, listener: Callable[[], None]) -> Iterator[None]:
        """Call ``listener`` each time it is asked for; it takes no lock and does not wait."""
        self._listeners.append(listener)
        try:
            yield
        finally:
            self._listeners.remove(listener)


class Urgency(IntEnum):
    """How hard a kernel is asked to end its cell; each follows if the one before is not heeded."""

    NONE = 0
    STOP = 1
    CANCEL = 2
    KILL = 3


_NEXT_SECONDS = {Urgency.STOP: GIVE_UP_SECONDS, Urgency.CANCEL: KILL_SECONDS}


class CellStopper:
    """Asks the kernel to end the cell under way, harder as time passes.

    A kernel ignores SIGINT between cells, so none is sent before it has said that it began one.
    """

    def __init__(self, manager: PrivateKernelManager, *, cell_seconds: float | None) -> None:
        self._manager = manager
        self._cell_seconds = cell_seconds
        self._executing = False
        # What the kernel has not been told yet. Who takes it out sends it: threads and signal
        # handlers come between any two steps, and two signals for one wish would cancel the cell.
        self._unsent: deque[Urgency] = deque(maxlen=1)
        self._timers: list[threading.Timer] = []
        self.urgency = Urgency.NONE
        self.timed_out = False
        self.cut_at: int | None = None
        """The first cell that was left out for it; None where none was asked to end."""

    def press(self) -> None:
        """Ask once more than before."""
        self._raise_to(Urgency(min(self.urgency + 1, Urgency.KILL)))

    def began(self) -> None:
        """The kernel executes a cell."""
        self._executing = True
        self._send()

    @contextmanager
    def cell(self) -> Iterator[None]:
        """For the time of one cell, which may be bounded."""
        if self._cell_seconds is not None:
            self._start_timer(self._cell_seconds, self._time_out)
        try:
            yield
        finally:
            self._executing = False
            self.close()

    def close(self) -> None:
        """Nothing more is sent."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()

    def _time_out(self) -> None:
        self.timed_out = True
        self._raise_to(Urgency.STOP)

    def _raise_to(self, urgency: Urgency) -> None:
        if urgency <= self.urgency:
            return
        self.urgency = urgency
        self._unsent.append(urgency)
        if urgency in _NEXT_SECONDS:
            following = Urgency(urgency + 1)
            self._start_timer(_NEXT_SECONDS[urgency], lambda: self._raise_to(following))
        if self._executing or urgency is Urgency.KILL:
            self._send()

    def _send(self) -> None:
        try:
            urgency = self._unsent.pop()
        except IndexError:
            return
        if urgency is Urgency.KILL:
            self._manager.kill()
        else:
            self._manager.interrupt()

    def _start_timer(self, seconds: float, call: Callable[[], None]) -> None:
        timer = threading.Timer(seconds, call)
        timer.daemon = True
        self._timers.append(timer)
        timer.start()
