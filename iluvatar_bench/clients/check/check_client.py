"""A client under test: recorded undisturbed, then one fault at one position at a time."""

from __future__ import annotations

import asyncio
import logging
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from iluvatar_bench.clients.check.cells import cell_of
from iluvatar_bench.clients.check.client_command import ClientCommand
from iluvatar_bench.clients.check.client_run import Workbench
from iluvatar_bench.clients.check.columns import (
    Plan,
    ended_before,
    positions_for,
    run_column,
)
from iluvatar_bench.clients.check.matrix import Matrix
from iluvatar_bench.clients.check.outcome import Fault
from iluvatar_bench.clients.check.pause_image import NAME as PAUSE_IMAGE
from iluvatar_bench.clients.check.pause_image import write_pause_layout
from iluvatar_bench.clients.check.undisturbed import Undisturbed, record_undisturbed
from iluvatar_bench.containerd.daemon.place import require_root
from iluvatar_bench.containerd.daemon.private import private_daemon
from iluvatar_bench.containerd.daemon.teardown import remove_empty_homes
from iluvatar_bench.containerd.oci.image_archive import convert_archive
from iluvatar_bench.containerd.oci.image_import import import_layout
from iluvatar_bench.containerd.services.pods import Pods
from iluvatar_bench.errors import ContainerdError, UsageError, meant
from iluvatar_bench.functions import build_image, load_function
from iluvatar_bench.profiles.collector import QUIET_COLLECTOR
from iluvatar_bench.records.call import Call

log = logging.getLogger(__name__)

SNAPSHOTTER = "overlayfs"
REGISTRY = "docker.io/"
"""In front of every image's name, as Docker and the CRI plugin put it before one that has none."""

IMAGE = "hello"
"""The built-in function whose image is there for the client, unless it brings its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A check that was made: its matrix, and every call of every run with the run's label."""

    matrix: Matrix
    calls: tuple[tuple[str, Call], ...]
    version: str
    """The containerd's."""
    stopped: bool = False
    """Whether it was stopped before every position was tried."""


@dataclass(frozen=True, slots=True)
class CheckProgress:
    """How far a check is: runs done, of how many (0: not known yet), and what is under way."""

    done: int
    total: int
    doing: str


def parse_faults(text: str | None) -> tuple[Fault, ...]:
    """The faults of a list with commas; all of them without one. In the matrix's order.

    Raises:
        UsageError: a name is none of them.
    """
    if text is None:
        return tuple(Fault)
    names = {name.strip() for name in text.split(",") if name.strip()}
    unknown = sorted(names - {str(fault) for fault in Fault})
    if unknown or not names:
        hint = meant(unknown[0], Fault) if len(unknown) == 1 else ""
        raise UsageError(
            f"no fault {', '.join(unknown) or 'named'}{hint}; there are: {', '.join(Fault)}"
        )
    return tuple(fault for fault in Fault if fault in names)


async def check_client(
    command: ClientCommand,
    *,
    faults: Sequence[Fault] = tuple(Fault),
    archive: Path | None = None,
    runs: int = 1,
    together: bool = True,
    pods: bool = False,
    log_path: Path | None = None,
    stop: asyncio.Event | None = None,
    on_progress: Callable[[CheckProgress], None] = lambda _: None,
) -> Checked:
    """Try the faults at every position of a client's order of calls, on a containerd of its own.

    ``archive`` is an image for the client, as ``docker save`` or ``ctr image export`` make it;
    without one there is the image of a built-in function. ``together`` lets runs go on at the same
    time where the fault is felt by one of them only; a client whose containers end each other's
    processes needs them one after the other. A client of ``pods`` finds the CRI plugin behind the
    socket, and an image whose process waits. Once ``stop`` is set no run begins, those under way
    are given up, and the matrix has what was done by then.

    Raises:
        UsageError: the command cannot be started.
        ClientFails: the client fails without any fault.
        EnvironmentProblem, ImageError: no containerd or no image can be had here.
        CancelledError: it was stopped before the client's order of calls was known.
    """
    stop = stop or asyncio.Event()
    async with _workbench(command, _image(archive, pods=pods), log_path, pods=pods) as bench:
        await bench.setup_once()
        on_progress(CheckProgress(0, 0, "the undisturbed client"))
        undisturbed = await _undisturbed(bench, stop)
        calls = [
            (label, call) for label, _, recorded in undisturbed.recordings for call in recorded
        ]
        plan = Plan(
            bench=bench,
            order=undisturbed.order,
            needs=undisturbed.needs,
            runs=runs,
            together=together,
            stop=stop,
        )
        total = sum(runs * len(positions_for(plan, fault)) for fault in faults)
        done, cells = 0, []
        for fault in faults:

            def ended(fault: Fault = fault) -> None:
                nonlocal done
                done += 1
                on_progress(CheckProgress(done, total, str(fault)))

            on_progress(CheckProgress(done, total, str(fault)))
            for trial in await run_column(plan.telling(ended), fault):
                cells.append(cell_of(trial, undisturbed.left))
                calls += [(trial.run.label, call) for call in trial.run.calls]
        version = await bench.node.client.introspection.version()
    matrix = Matrix(
        command=command.argv,
        positions=undisturbed.order.positions,
        faults=tuple(faults),
        cells=tuple(sorted(cells, key=lambda c: (c.position, faults.index(c.fault), c.run))),
        leaves_undisturbed=undisturbed.left,
        runs=runs,
    )
    return Checked(
        matrix=matrix,
        calls=tuple(calls),
        version=version.version,
        stopped=any(matrix.not_tried(fault) for fault in faults),
    )


async def _undisturbed(bench: Workbench, stop: asyncio.Event) -> Undisturbed:
    found: list[Undisturbed] = []

    async def record() -> None:
        found.append(await record_undisturbed(bench))

    if not await ended_before(stop, record()):
        raise asyncio.CancelledError("stopped before the client's order of calls was known")
    return found[0]


@asynccontextmanager
async def _workbench(
    command: ClientCommand,
    image: AbstractAsyncContextManager[tuple[Path, str]],
    log_path: Path | None,
    *,
    pods: bool,
) -> AsyncIterator[Workbench]:
    require_root("running containers")
    async with (
        image as (layout, name),
        private_daemon(
            collector=QUIET_COLLECTOR, log_path=log_path, sandbox_image=name if pods else None
        ) as node,
    ):
        client = node.client.under(command.namespace)
        await client.namespaces.ensure(command.namespace)
        await import_layout(client, layout, name=name, snapshotters=[SNAPSHOTTER])
        if pods:
            await Pods(client.channel).wait_for_image(name)
        sockets = node.address.parent / "k"
        sockets.mkdir(mode=0o700)
        try:
            yield Workbench(
                node=node, command=command, image=name, sockets=sockets, folder=node.scratch
            )
        finally:
            # Clients that follow containerd's own tools share these by the namespace's name.
            try:
                for namespace in await node.client.namespaces.list():
                    remove_empty_homes(namespace)
            except ContainerdError as error:
                # What ended the check is to be told, and not what went wrong after it.
                log.warning("folders of the clients' namespaces may be left: %s", error)


@asynccontextmanager
async def _image(archive: Path | None, *, pods: bool) -> AsyncIterator[tuple[Path, str]]:
    """The layout and the name of the client's image."""
    with tempfile.TemporaryDirectory(prefix="iluvatar-bench-") as folder:
        layout = Path(folder) / "layout"
        if archive is not None:
            yield layout, (await asyncio.to_thread(convert_archive, archive, layout)).name
            return
        built = await asyncio.to_thread(build_image, load_function(IMAGE))
        if pods:
            await asyncio.to_thread(write_pause_layout, layout, built.layout)
            yield layout, PAUSE_IMAGE
        else:
            yield built.layout, f"{REGISTRY}{built.name}"
