"""A known client, checked by its name."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from iluvatar_bench.clients.check.check_client import CheckProgress, parse_faults
from iluvatar_bench.clients.check.check_folder import make_folder
from iluvatar_bench.clients.check.kept_check import run_check
from iluvatar_bench.clients.known.known_clients import find_known
from iluvatar_bench.clients.known.recorded_checks import CheckResult, open_check


async def check_known(
    name: str,
    folder: Path,
    *,
    faults: Sequence[str] = (),
    timeout_seconds: float = 30.0,
    stop: asyncio.Event | None = None,
    on_progress: Callable[[CheckProgress], None] = lambda _: None,
) -> CheckResult:
    """Check a known client with some faults, or all of them, on a containerd of its own.

    ``folder`` is new or empty, and has the whole check then. A run that takes longer than
    ``timeout_seconds`` counts as hung. Once ``stop`` is set it ends, and has what was done by then.

    Raises:
        UsageError: there is no such client or fault, or the client's program is not on this host.
        ClientFails: the client fails without any fault.
        EnvironmentProblem: no containerd can be had here, or no room.
        CancelledError: it was stopped before there was anything to keep.
    """
    client = find_known(name)
    chosen = parse_faults(",".join(faults) or None)
    await run_check(
        replace(client.command, timeout_seconds=timeout_seconds),
        make_folder(folder),
        faults=chosen,
        together=client.together,
        pods=client.pods,
        more=client.as_manifest(),
        stop=stop,
        on_progress=on_progress,
    )
    return open_check(folder)
