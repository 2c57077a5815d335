"""Signals on the command line: the first finishes what is in flight, the second gives up.

SIGTERM and SIGHUP (a cancelled job, ``systemctl stop``, a closed terminal) are taken as SIGINT
wherever a command is, so that everything that Ctrl-C ends in good order they end alike; the exit
status tells them apart.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from iluvatar_bench.batch.stop import NotebookStop

INTERRUPTED_STATUS = 130
"""128 + SIGINT, as a shell reports it; ``exit_status`` puts the signal's own number in."""

Answer = TypeVar("Answer")

_last: list[int] = []
"""The signal that was taken as SIGINT, if any."""


@contextmanager
def signals_as_interrupts() -> Iterator[None]:
    """SIGTERM and SIGHUP raise SIGINT inside, and SIGINT is heard even in a shell's background.

    SIGHUP stays ignored where it is: that is what ``nohup`` asks for.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, _: FrameType | None) -> None:
        _last[:] = [number]
        signal.raise_signal(signal.SIGINT)

    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    before_int = signal.getsignal(signal.SIGINT)
    _last.clear()
    if before_int is signal.SIG_IGN:
        # A shell without job control starts what it puts into the background so.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, handler in {**before, signal.SIGINT: before_int}.items():
            signal.signal(number, handler)


def exit_status(status: int) -> int:
    """The exit status of a command: 128 + the signal, if it was a signal that ended it."""
    return 128 + _last[0] if status == INTERRUPTED_STATUS and _last else status


def run_stoppable(
    main: Callable[[asyncio.Event], Coroutine[Any, Any, Answer]],
    *,
    told: Callable[[], None] | None = None,
    limited: bool = True,
) -> tuple[Answer, bool]:
    """Run ``main`` with an event that the first signal sets; whether it was set comes second.

    ``told`` is called then, instead of saying that trials in flight are finished. Unless it is
    ``limited``, what runs then has all the time that it takes.

    Raises:
        KeyboardInterrupt: a second signal came, or the trials in flight took too long to end;
            ``main`` was cancelled.
    """
    from iluvatar_bench.host.stop_signals import STOP_SECONDS, stop_on_signals

    def say_given_up() -> None:
        os.write(2, f"given up after {STOP_SECONDS:g} s; what has ended is kept\n".encode())

    seconds = STOP_SECONDS if limited else None

    async def with_handler() -> tuple[Answer, bool]:
        with stop_on_signals(
            on_stop=told or say_stopping, on_late=say_given_up, seconds=seconds
        ) as stop:
            return await main(stop), stop.is_set()

    try:
        return asyncio.run(with_handler())
    except asyncio.CancelledError as error:
        raise KeyboardInterrupt from error


@contextmanager
def stop_notebooks() -> Iterator[NotebookStop]:
    """A wish to stop that each signal presses once more: for commands that run notebooks."""
    from iluvatar_bench.batch.stop import NotebookStop

    stop = NotebookStop()

    def handle(_: int, __: FrameType | None) -> None:
        if not stop.is_set():
            say_stopping()
        stop.ask()

    before = signal.signal(signal.SIGINT, handle)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)


def say_stopping() -> None:
    """Tell whoever asked that it was heard."""
    # Not print: a signal may come while a progress bar is being written to the same stream.
    os.write(2, b"\nfinishing the trials in flight; Ctrl-C once more gives them up\n")
