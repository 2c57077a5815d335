"""Signals that ask whatever runs in this process to end in good order: for notebooks and commands.

The first SIGINT, SIGTERM or SIGHUP lets the trials in flight end; a second SIGINT does what it did
before, which is to cancel the coroutine under way, on the command line as in a Jupyter kernel.
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


@contextmanager
def stop_on_signals(*, on_stop: Callable[[], None] = lambda: None) -> Iterator[asyncio.Event]:
    """An event that the first signal sets, to be handed to a run as its ``stop``.

    ``on_stop`` is called once, as the event is set. SIGTERM and SIGHUP are taken only where nobody
    else handles or ignores them (``nohup``). Outside of the main thread Python handles no signals:
    there the event is never set. The task that entered is cancelled if it is still inside after
    :data:`STOP_SECONDS`.
    """
    stop = asyncio.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    before = {number: signal.getsignal(number) for number in _ours()}
    deadline: list[asyncio.TimerHandle] = []

    def begin() -> None:
        if not stop.is_set():
            stop.set()
            on_stop()
            if task is not None:
                deadline.append(loop.call_later(STOP_SECONDS, task.cancel))

    interrupts: list[int] = []

    def handle(number: int, frame: FrameType | None) -> None:
        earlier = before[signal.SIGINT]
        if number == signal.SIGINT and interrupts and callable(earlier):
            earlier(number, frame)
        if number == signal.SIGINT:
            interrupts.append(number)
        # A handler runs between any two instructions: the loop does the rest. This wakes it, which
        # ipykernel's own handler does not.
        loop.call_soon_threadsafe(begin)

    for number in before:
        signal.signal(number, handle)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for timer in deadline:
            timer.cancel()


def _ours() -> list[signal.Signals]:
    unhandled = [
        number
        for number in (signal.SIGTERM, signal.SIGHUP)
        if signal.getsignal(number) is signal.SIG_DFL
    ]
    return [signal.SIGINT, *unhandled]
