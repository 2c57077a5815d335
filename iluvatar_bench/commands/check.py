"""``check``: a client of containerd under test, one fault at one of its calls at a time."""

from __future__ import annotations

import asyncio
import shlex
import sys
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from iluvatar_bench.commands.check_page import write_matrix_page
from iluvatar_bench.commands.options import AsJson
from iluvatar_bench.commands.output import err, print_json, print_plain
from iluvatar_bench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from iluvatar_bench.clients.check.check_client import CheckProgress

UNSAFE = 3
"""Exit code when a cell speaks against the client."""

_QUIET_SECONDS = 10.0
"""How often progress is told where nobody sees a line change."""


def check_command(
    command: Annotated[
        list[str],
        typer.Argument(
            metavar="-- COMMAND…",
            help="the client: one container's whole life, its removal included; {id}, {address}, "
            "{namespace} and {image} are filled in",
        ),
    ],
    namespace: Annotated[
        str, typer.Option(help="containerd namespace of {namespace} and CONTAINERD_NAMESPACE")
    ] = "check",
    image: Annotated[
        Path | None,
        typer.Option(
            metavar="TAR", help="an image for the client; default: one of this host's Python"
        ),
    ] = None,
    setup: Annotated[
        str | None,
        typer.Option(metavar="CMD", help="once before all runs; with {id} in it before each"),
    ] = None,
    assertion: Annotated[
        str | None,
        typer.Option(
            "--assert",
            metavar="CMD",
            help="after each run that ended with 0: did the container do its work; {stdout} is "
            "the file of what the client printed",
        ),
    ] = None,
    faults: Annotated[
        str | None, typer.Option(metavar="LIST", help="with commas; default: all of them")
    ] = None,
    timeout: Annotated[
        float, typer.Option(min=1, help="seconds until a run counts as hung")
    ] = 30.0,
    runs: Annotated[int, typer.Option(min=1, help="how often each fault is tried")] = 1,
    out: Annotated[
        Path | None, typer.Option(help="the check's folder; default: results/check-<time>")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Try a fault between every two calls of a client, and say which ones it does not survive.

    Faults: collection, neighbour, lost-answer, refused, daemon-restart, delay, pause,
    client-killed. Exit 3: something speaks against the client; 4: it fails without any fault.
    """
    from iluvatar_bench.clients.check.check_client import check_client, parse_faults
    from iluvatar_bench.clients.check.check_folder import make_folder, write_check
    from iluvatar_bench.clients.check.client_command import ClientCommand

    client = ClientCommand(
        argv=tuple(command),
        namespace=namespace,
        setup=setup,
        assertion=assertion,
        timeout_seconds=timeout,
    )
    chosen = parse_faults(faults)
    if image is not None and not image.is_file():
        raise UsageError(f"--image {image} is no file")
    folder = make_folder(out)
    began = datetime.now(UTC)
    with _shown_progress() as show:
        checked = asyncio.run(
            check_client(
                client,
                faults=chosen,
                archive=image,
                runs=runs,
                log_path=folder / "containerd.log",
                on_progress=show,
            )
        )
    manifest = {
        "started_at": began.isoformat(),
        "ended_at": datetime.now(UTC).isoformat(),
        "namespace": namespace,
        "timeout_seconds": timeout,
        "runs": runs,
        "setup": setup,
        "assert": assertion,
        "image": None if image is None else str(image),
    }
    write_check(folder, checked, manifest)
    write_matrix_page(folder, checked.matrix, title=shlex.join(command))
    if as_json:
        print_json({**checked.matrix.as_json(), "folder": str(folder)})
    else:
        print_plain(f"{shlex.join(command)}: {checked.matrix.calls} calls")
        print_plain(checked.matrix.text())
        print_plain(f"\n{folder}")
    if checked.matrix.unsafe:
        raise typer.Exit(UNSAFE)


@contextmanager
def _shown_progress() -> Iterator[Callable[[CheckProgress], None]]:
    """One line that changes on a terminal; else a line now and then."""
    import time

    began = time.monotonic()
    told = began
    terminal = sys.stderr.isatty()

    def show(progress: CheckProgress) -> None:
        nonlocal told
        now = time.monotonic()
        if not terminal and now - told < _QUIET_SECONDS:
            return
        told = now
        words = f"{progress.doing}: {progress.done} of {progress.total or '?'} runs"
        if progress.done:
            left = (now - began) / progress.done * (progress.total - progress.done)
            words += f", {left:.0f} s to go"
        if terminal:
            err.print(words.ljust(72), end="\r", soft_wrap=True, markup=False)
        else:
            err.print(words, soft_wrap=True, markup=False)

    yield show
    if terminal:
        err.print(" " * 72, end="\r")
