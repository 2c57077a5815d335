"""A command of the user's for each failure: bounded, one at a time, never twice for one."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

log = logging.getLogger(__name__)

MOST_WAITING = 100
"""Failures that wait for their command; what comes beyond is counted, and has none."""

COMMAND_SECONDS = 30.0
"""How long a command may take; then it is ended, with whatever it has started in its session."""

LAST_SECONDS = 5.0
"""What is left for those that wait when the observation ends."""


class FailureCommand:
    """Runs one program for each failure that it is told of, without a shell.

    The program gets the failure as a JSON document on its standard input. ``dropped`` counts the
    failures that found too many others waiting.
    """

    def __init__(self, arguments: Sequence[str]) -> None:
        self.dropped = 0
        self._arguments = tuple(arguments)
        self._waiting: asyncio.Queue[bytes] = asyncio.Queue(MOST_WAITING)

    def call(self, failure: Mapping[str, Any]) -> None:
        """Have the program run for a failure, as soon as those before it are done."""
        try:
            self._waiting.put_nowait(json.dumps(failure).encode() + b"\n")
        except asyncio.QueueFull:
            self.dropped += 1
            log.warning("%d failures had no command: too many at once", self.dropped)

    async def _run(self) -> None:
        while True:
            document = await self._waiting.get()
            try:
                await self._run_one(document)
            except OSError as error:
                log.warning("the command for a failure cannot be run: %s", error)
            finally:
                self._waiting.task_done()

    async def _run_one(self, document: bytes) -> None:
        process = await asyncio.create_subprocess_exec(
            *self._arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(COMMAND_SECONDS):
                await process.communicate(document)
        except TimeoutError:
            log.warning("the command for a failure took more than %g s", COMMAND_SECONDS)
        finally:
            if process.returncode is None:
                # Not yet reaped: its number is still its own, and its group's.
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()


@asynccontextmanager
async def failure_command(arguments: Sequence[str]) -> AsyncIterator[FailureCommand]:
    """The command for the length of the block; those that wait at its end have a moment left."""
    command = FailureCommand(arguments)
    runner = asyncio.create_task(command._run())
    try:
        yield command
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_SECONDS):
                await command._waiting.join()
    finally:
        runner.cancel()
        await asyncio.wait((runner,))
