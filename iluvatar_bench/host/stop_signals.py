"""Asking whatever runs in this process to end in good order: by signals, or from a button.

The first SIGINT, SIGTERM or SIGHUP lets the trials in flight end; a second SIGINT does what it did
before, which is to cancel the coroutine under way, on the command line as in a Jupyter kernel.
:meth:`RunStop.ask` is the same without a signal.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

STOP_SECONDS = 10.0
"""Trials in flight have so long to end, then they are cancelled: with the teardown of a private
containerd (2 s on an idle machine) a stopped command ends within 20 s."""


class RunStop(asyncio.Event):
    """The wish that a run ends, to be handed to it as its ``stop``."""

    def __init__(
        self, *, on_stop: Callable[[], None], on_late: Callable[[], None], seconds: float | None
    ) -> None:
        super().__init__()
        self._on_stop = on_stop
        self._on_late = on_late
        self._seconds = seconds
        self._home = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        self._deadline: asyncio.TimerHandle | None = None
        self._closed = False

    def ask(self) -> None:
        """Once: the trials in flight are finished. Again: they are given up.

        May be called in any thread, and in a signal handler. After the run it does nothing.
        """
        try:
            self._home.call_soon_threadsafe(self._asked)
        except RuntimeError:
            # The loop is closed, and the run with it.
            return

    def _asked(self) -> None:
        if self.is_set() and not self._closed and self._task is not None:
            self._task.cancel()
        self._begin()

    def _begin(self) -> None:
        if self.is_set() or self._closed:
            return
        self.set()
        self._on_stop()
        if self._task is not None and self._seconds is not None:
            self._deadline = self._home.call_later(self._seconds, self._give_up, self._task)

    def _give_up(self, task: asyncio.Task[object]) -> None:
        self._on_late()
        task.cancel()

    def _interrupted(self) -> None:
        # A handler runs between any two instructions: the loop does the rest. This wakes it, which
        # ipykernel's own handler does not.
        self._home.call_soon_threadsafe(self._begin)

    def _close(self) -> None:
        self._closed = True
        if self._deadline is not None:
            self._deadline.cancel()


@contextmanager
def stop_on_signals(
    *,
    on_stop: Callable[[], None] = lambda: None,
    on_late: Callable[[], None] = lambda: None,
    seconds: float | None = STOP_SECONDS,
) -> Iterator[RunStop]:
    """A wish to stop that the first signal makes known, to be handed to a run as its ``stop``.

    ``on_stop`` is called once, as it is, and ``on_late`` where the trials in flight did not end in
    their time. SIGTERM and SIGHUP are taken only where nobody
    else handles or ignores them (``nohup``). Outside of the main thread Python handles no signals:
    there it is known by :meth:`RunStop.ask` alone. The task that entered is cancelled if it is
    still inside after ``seconds``; None: only by a second wish.
    """
    stop = RunStop(on_stop=on_stop, on_late=on_late, seconds=seconds)
    try:
        with _signals_heard(stop):
            yield stop
    finally:
        stop._close()


@contextmanager
def _signals_heard(stop: RunStop) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in _ours()}
    interrupts: list[int] = []

    def handle(number: int, frame: FrameType | None) -> None:
        earlier = before[signal.SIGINT]
        second = bool(interrupts) or stop.is_set()
        if number == signal.SIGINT and second and callable(earlier):
            earlier(number, frame)
        if number == signal.SIGINT:
            interrupts.append(number)
        stop._interrupted()

    for number in before:
        signal.signal(number, handle)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _ours() -> list[signal.Signals]:
    unhandled = [
        number
        for number in (signal.SIGTERM, signal.SIGHUP)
        if signal.getsignal(number) is signal.SIG_DFL
    ]
    return [signal.SIGINT, *unhandled]
