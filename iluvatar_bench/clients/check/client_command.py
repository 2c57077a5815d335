"""The client as a command: its placeholders, its process, its end."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from iluvatar_bench.errors import UsageError
from iluvatar_bench.host.tails import read_tail

_WORDS_LENGTH = 300

PLACEHOLDERS = ("id", "address", "namespace", "image", "stdout", "python")
"""What ``{…}`` may stand for in a command: a fresh container name, the socket to talk to, the
containerd namespace, the image's name, (after the run) the file of what the client printed, and the
Python that this program runs in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientCommand:
    """What is run, and how it is judged.

    ``setup`` and ``assertion`` are lines for ``sh -c``. The setup is run before each run if it
    names ``{id}``, else once; it talks to the daemon directly. The assertion is run after each
    run that ended with 0, and says by its status whether the container did its work.
    """

    argv: tuple[str, ...]
    namespace: str
    setup: str | None = None
    assertion: str | None = None
    timeout_seconds: float = 30.0

    def __post_init__(self) -> None:
        if not self.argv:
            raise UsageError("no COMMAND: name the client behind --, as in -- ctr run --rm …")
        program = self.argv[0]
        if "{" not in program and shutil.which(program) is None:
            raise UsageError(f"COMMAND {program!r} is not there, or no program")


@dataclass(frozen=True, slots=True)
class Ended:
    """How a process ended: ``status`` is None where it had to be killed at its deadline."""

    status: int | None
    output: str
    """The last lines of what it printed, errors after the rest; binary is escaped."""
    seconds: float


def fill(text: str, values: Mapping[str, str]) -> str:
    """Put the values in the place of their ``{names}``; every other brace stays."""
    for name in PLACEHOLDERS:
        if name in values:
            text = text.replace(f"{{{name}}}", values[name])
    return text


async def run_process(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    folder: Path,
    seconds: float,
    on_start: Callable[[int], None] = lambda _: None,
) -> Ended:
    """Run a process in a session of its own until it ends, or kill all of its group in the end.

    ``on_start`` is given its process group.

    Raises:
        UsageError: it cannot be started.
    """
    loop = asyncio.get_running_loop()
    began = loop.time()
    folder.mkdir(exist_ok=True)
    with (folder / "stdout").open("wb") as out, (folder / "stderr").open("wb") as err:
        try:
            process = await asyncio.create_subprocess_exec(
                *argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env={**os.environ, **env},
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            raise UsageError(f"COMMAND {argv[0]!r} cannot be started: {error}") from error
    on_start(process.pid)
    status: int | None
    try:
        async with asyncio.timeout(seconds):
            status = await process.wait()
    except TimeoutError:
        status = None
    finally:
        if process.returncode is None:
            kill_group(process.pid)
            await process.wait()
    return Ended(status, _last_words(folder), loop.time() - began)


def kill_group(group: int) -> None:
    """SIGKILL a process group that we started and whose leader we have not reaped yet."""
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return


def _last_words(folder: Path) -> str:
    tails = (read_tail(folder / name).text for name in ("stdout", "stderr"))
    words = " ".join(line.strip() for text in tails for line in text.splitlines()[-3:])
    shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in words)
    return shown if len(shown) <= _WORDS_LENGTH else f"…{shown[-_WORDS_LENGTH:]}"
