"""A check, made and written into its folder."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from iluvatar_bench.clients.check.check_client import Checked, CheckProgress, check_client
from iluvatar_bench.clients.check.check_folder import COMPLETE, STOPPED, write_check
from iluvatar_bench.clients.check.client_command import ClientCommand
from iluvatar_bench.clients.check.outcome import Fault


async def run_check(
    command: ClientCommand,
    folder: Path,
    *,
    faults: Sequence[Fault] = tuple(Fault),
    archive: Path | None = None,
    runs: int = 1,
    together: bool = True,
    pods: bool = False,
    more: Mapping[str, Any] | None = None,
    stop: asyncio.Event | None = None,
    on_progress: Callable[[CheckProgress], None] = lambda _: None,
) -> Checked:
    """Check a client and keep what was found in ``folder``, which is there and empty.

    ``more`` goes into the manifest. What a check had done when it was stopped is kept as well. For
    the rest see :func:`check_client`.

    Raises:
        UsageError: the command cannot be started.
        ClientFails: the client fails without any fault.
        EnvironmentProblem, ImageError: no containerd or no image can be had here, or no room.
        CancelledError: it was stopped before there was anything to keep.
    """
    began = datetime.now(UTC)
    checked = await check_client(
        command,
        faults=faults,
        archive=archive,
        runs=runs,
        together=together,
        pods=pods,
        log_path=folder / "containerd.log",
        stop=stop,
        on_progress=on_progress,
    )
    manifest = {
        "status": STOPPED if checked.stopped else COMPLETE,
        "started_at": began.isoformat(),
        "ended_at": datetime.now(UTC).isoformat(),
        "namespace": command.namespace,
        "timeout_seconds": command.timeout_seconds,
        "runs": runs,
        "setup": command.setup,
        "assert": command.assertion,
        "image": None if archive is None else str(archive),
        **(more or {}),
    }
    write_check(folder, checked, manifest)
    return checked
