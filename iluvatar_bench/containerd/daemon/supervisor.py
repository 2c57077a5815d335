"""The owner of a private containerd that lives on after the command that started it.

``python -P -m iluvatar_bench.containerd.daemon.supervisor COLLECTOR LOG_LEVEL`` says on standard
output, as one line of JSON, what was started or why it was not. It ends, and the daemon with it, on
SIGTERM, SIGINT or SIGHUP; like every owner it has a watchdog for every other end.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from iluvatar_bench.containerd.daemon.place import Place
from iluvatar_bench.containerd.daemon.private import LogLevel, private_daemon
from iluvatar_bench.errors import DiskFull, IluvatarBenchError
from iluvatar_bench.profiles.collector import NATURAL_COLLECTOR, QUIET_COLLECTOR, Collector

COLLECTORS: Mapping[str, Collector] = {"natural": NATURAL_COLLECTOR, "quiet": QUIET_COLLECTOR}
"""The collectors that a daemon can be started with, by the names that profiles have for them."""


async def supervise(collector: str, log_level: LogLevel) -> None:
    """Run the daemon until this process is asked to end."""
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, asked.set)
    async with private_daemon(collector=COLLECTORS[collector], log_level=log_level) as node:
        place = Place(node.id)
        version = await node.client.introspection.version()
        document = {
            "id": place.id,
            "pid": os.getpid(),
            "version": version.version,
            "started_at": datetime.now(UTC).isoformat(),
            "collector": collector,
            "log_level": log_level,
        }
        _write_whole(place.supervisor, json.dumps(document))
        _report(document)
        await asked.wait()


def _write_whole(path: Path, text: str) -> None:
    """Whoever reads the file reads all of it."""
    beside = path.with_suffix(".new")
    beside.write_text(text)
    beside.replace(path)


def _report(document: Mapping[str, Any]) -> None:
    """Say it, and let go of the output: whoever started this reads to its end."""
    sys.stdout.write(json.dumps(document) + "\n")
    sys.stdout.flush()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def _main(collector: str, log_level: LogLevel) -> int:
    try:
        asyncio.run(supervise(collector, log_level))
    except IluvatarBenchError as error:
        _report({"error": str(error), "disk_full": isinstance(error, DiskFull)})
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1], sys.argv[2]))  # type: ignore[arg-type]
