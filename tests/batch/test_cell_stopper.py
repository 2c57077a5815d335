"""How often a kernel is asked to end its cell: once for each wish, however threads take turns."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from iluvatar_bench.batch import stop
from iluvatar_bench.batch.stop import CellStopper


class Kernel:
    """Stands where a kernel's manager does, and notes what it is sent."""

    def __init__(self) -> None:
        self.sent: list[str] = []

    def interrupt(self) -> None:
        self.sent.append("SIGINT")

    def kill(self) -> None:
        self.sent.append("SIGKILL")


def test_a_wish_as_the_cell_begins_is_one_signal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second would cancel the cell, which has only been asked to end in good order."""
    kernel = Kernel()
    stopper = CellStopper(kernel, cell_seconds=None)  # type: ignore[arg-type]

    class Timer(threading.Timer):
        """One whose start lets another thread go on: the one that hears of the cell's beginning."""

        def __init__(self, seconds: float, call: Callable[[], None]) -> None:
            super().__init__(3600, call)

        def start(self) -> None:
            stopper.began()

    monkeypatch.setattr(stop.threading, "Timer", Timer)
    stopper.press()
    assert kernel.sent == ["SIGINT"]
    stopper.press()
    assert kernel.sent == ["SIGINT", "SIGINT"]
    stopper.press()
    assert kernel.sent == ["SIGINT", "SIGINT", "SIGKILL"]
