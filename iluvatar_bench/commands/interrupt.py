"""Ctrl-C on the command line: the first finishes what is in flight, the second gives up."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from rich.console import Console

INTERRUPTED_STATUS = 130
"""128 + SIGINT, as a shell reports it."""

Answer = TypeVar("Answer")


def run_stoppable(
    main: Callable[[asyncio.Event], Coroutine[Any, Any, Answer]],
) -> tuple[Answer, bool]:
    """Run ``main`` with an event that the first SIGINT sets; whether it was set comes second.

    Raises:
        KeyboardInterrupt: SIGINT came twice; ``main`` was cancelled.
    """

    async def with_handler() -> tuple[Answer, bool]:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        # asyncio.run's own, which cancels the main task.
        giving_up = signal.getsignal(signal.SIGINT)

        def first() -> None:
            stop.set()
            loop.remove_signal_handler(signal.SIGINT)
            signal.signal(signal.SIGINT, giving_up)
            Console(stderr=True, highlight=False).print(
                "finishing the trials in flight; Ctrl-C once more gives them up", soft_wrap=True
            )

        loop.add_signal_handler(signal.SIGINT, first)
        return await main(stop), stop.is_set()

    return asyncio.run(with_handler())
