"""``check``: a client of containerd under test, one fault at one of its calls at a time."""

from __future__ import annotations

import os
import shlex
import sys
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from iluvatar_bench.commands.check_page import write_matrix_page
from iluvatar_bench.commands.interrupt import INTERRUPTED_STATUS, run_stoppable
from iluvatar_bench.commands.options import AsJson
from iluvatar_bench.commands.output import err, print_json, print_plain
from iluvatar_bench.count_words import count_of
from iluvatar_bench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from iluvatar_bench.clients.check.check_client import CheckProgress
    from iluvatar_bench.clients.check.client_command import ClientCommand
    from iluvatar_bench.clients.check.matrix import Matrix
    from iluvatar_bench.clients.known.known_clients import KnownClient

UNSAFE = 3
"""Exit code when a cell speaks against the client."""

_QUIET_SECONDS = 10.0
"""How often progress is told where nobody sees a line change."""


def check_command(
    command: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="-- COMMAND…",
            help="the client: one container's whole life, its removal included; {id}, {address}, "
            "{namespace} and {image} are filled in",
        ),
    ] = None,
    known: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="a client that needs no COMMAND, as ctr-run"),
    ] = None,
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
    record: Annotated[
        bool,
        typer.Option("--record", help="keep what a known client's check found in data/checks"),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Try a fault between every two calls of a client, and say which ones it does not survive.

    Faults: collection, neighbour, lost-answer, refused, daemon-restart, delay, pause,
    client-killed. Exit 3: something speaks against the client; 4: it fails without any fault.
    """
    from iluvatar_bench.clients.check.check_client import parse_faults
    from iluvatar_bench.clients.check.check_folder import make_folder
    from iluvatar_bench.clients.check.kept_check import run_check
    from iluvatar_bench.clients.known.recorded_checks import record_check

    given = {"--namespace": namespace != "check", "--image": image is not None}
    given |= {"COMMAND": bool(command), "--setup": bool(setup), "--assert": bool(assertion)}
    whole = _whole_client(known, [name for name, there in given.items() if there], record=record)
    client = _own_client(command, namespace, setup, assertion) if whole is None else whole.command
    chosen = parse_faults(faults)
    if image is not None and not image.is_file():
        raise UsageError(f"--image {image} is no file")
    folder = make_folder(out)
    try:
        with _shown_progress() as show:
            checked, _ = run_stoppable(
                lambda stop: run_check(
                    replace(client, timeout_seconds=timeout),
                    folder,
                    faults=chosen,
                    archive=image,
                    runs=runs,
                    together=whole is None or whole.together,
                    pods=whole is not None and whole.pods,
                    more=None if whole is None else whole.as_manifest(),
                    stop=stop,
                    on_progress=show,
                ),
                told=_say_stopping,
            )
    except KeyboardInterrupt:
        err.print("stopped: there is nothing to keep", markup=False)
        raise typer.Exit(INTERRUPTED_STATUS) from None
    title = known or shlex.join(client.argv)
    if checked.matrix.cells:
        write_matrix_page(folder, checked.matrix, title=title)
    _print_check(checked.matrix, folder, title=title, as_json=as_json)
    if checked.stopped:
        err.print("stopped: the positions that were tried are kept", markup=False)
        raise typer.Exit(INTERRUPTED_STATUS)
    if record and known is not None:
        err.print(f"recorded: {record_check(folder, known)}", markup=False, soft_wrap=True)
    if checked.matrix.unsafe:
        raise typer.Exit(UNSAFE)


def _say_stopping() -> None:
    # Not print: a signal may come while the progress is being written to the same stream.
    os.write(2, b"\ngiving up the runs under way; Ctrl-C once more gives up those that ended too\n")


def _whole_client(name: str | None, given: list[str], *, record: bool) -> KnownClient | None:
    """The known client of this name, where there is one; ``given`` are options of other clients."""
    from iluvatar_bench.clients.known.known_clients import find_known
    from iluvatar_bench.clients.known.recorded_checks import require_checkout

    if record and name is None:
        raise UsageError("--record keeps the check of a known client: it needs --known")
    if name is None:
        return None
    client = find_known(name)
    if given:
        raise UsageError(f"--known {name} is a whole client: {', '.join(given)} cannot go with it")
    if record:
        require_checkout()
    return client


def _own_client(
    command: list[str] | None, namespace: str, setup: str | None, assertion: str | None
) -> ClientCommand:
    from iluvatar_bench.clients.check.client_command import ClientCommand

    return ClientCommand(
        argv=tuple(command or ()), namespace=namespace, setup=setup, assertion=assertion
    )


def _print_check(matrix: Matrix, folder: Path, *, title: str, as_json: bool) -> None:
    if as_json:
        print_json({**matrix.as_json(), "folder": str(folder)})
        return
    print_plain(f"{title}: {count_of(matrix.calls, 'call')}")
    print_plain(matrix.text())
    print_plain(f"\n{folder}")


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
