"""The options by which a command is told of a Dask scheduler."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from iluvatar_bench.errors import UsageError

if TYPE_CHECKING:
    from iluvatar_bench.batch.sweep.scheduler_link import SchedulerLink

Scheduler = Annotated[
    str | None,
    typer.Option(metavar="ADDRESS", help="of a Dask scheduler; default: on this host alone"),
]
TlsCaFile = Annotated[
    Path | None, typer.Option(help="the authority that signed both sides' certificates")
]
TlsCert = Annotated[Path | None, typer.Option(help="this side's certificate, for --scheduler")]
TlsKey = Annotated[Path | None, typer.Option(help="its key")]


def asked_scheduler(
    scheduler: str | None, tls: Mapping[str, Path | None]
) -> AbstractAsyncContextManager[SchedulerLink] | None:
    """The connection to be made to the scheduler; None where none is named.

    ``tls`` are the files by their names in ``addresses.CREDENTIALS``.

    Raises:
        UsageError: it is no address that may be spoken to; or files without a scheduler.
    """
    from iluvatar_bench.batch.sweep.addresses import CREDENTIALS, scheduler_address

    if scheduler is None:
        if any(tls.values()):
            *first, last = CREDENTIALS.values()
            raise UsageError(f"{', '.join(first)} and {last} are for --scheduler")
        return None
    from iluvatar_bench.batch.sweep.scheduler_link import running_scheduler

    files = {name: None if file is None else str(file) for name, file in tls.items()}
    return running_scheduler(scheduler_address(scheduler), files)
