"""An observation in a process of its own: ``python -m iluvatar_bench.observe.process``.

Arguments: the daemon's socket, the folder, and logs to follow. It prints ``ready`` once it watches,
and ends in good order by SIGINT. Its journals hold everything then; whoever began it makes the
tables.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from iluvatar_bench.errors import IluvatarBenchError, UsageError
from iluvatar_bench.observe.observer import Listeners, observe
from iluvatar_bench.observe.settings import ObserveSettings

READY = b"ready\n"


@asynccontextmanager
async def observing_process(
    address: Path, folder: Path, *, logs: tuple[Path, ...] = ()
) -> AsyncIterator[asyncio.Task[int]]:
    """Observe for the length of the block, which begins once everything is watched.

    Gives the task that is done when the process has ended, before its time if something is wrong.
    What it takes is its own, and not that of whoever works in the block.

    Raises:
        UsageError: it did not begin; the reason is on standard error.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", __name__, str(address), str(folder), *map(str, logs)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None
    ended = asyncio.create_task(process.wait())
    try:
        if await process.stdout.readline() != READY:
            raise UsageError(f"observe did not begin on {address}: it has said why")
        yield ended
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGINT)
        await ended


async def _main(address: Path, folder: Path, logs: tuple[Path, ...]) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, stop.set)
    settings = ObserveSettings(address=address, out=folder, logs=logs)

    def ready(_: int) -> None:
        sys.stdout.buffer.write(READY)
        sys.stdout.buffer.flush()

    await observe(settings, stop=stop, listeners=Listeners(ready=ready))


if __name__ == "__main__":
    try:
        asyncio.run(_main(Path(sys.argv[1]), Path(sys.argv[2]), tuple(map(Path, sys.argv[3:]))))
    except IluvatarBenchError as error:
        sys.exit(f"error: {error}")
