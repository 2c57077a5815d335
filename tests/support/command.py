"""The command line, called as a user calls it."""

from __future__ import annotations

import io
import logging
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, chdir, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from unittest import mock

from iluvatar_bench.commands.app import main

PROGRAM = (sys.executable, "-c", "from iluvatar_bench.commands.app import main; main()")
"""The console script, as a process of its own."""


def command(
    *arguments: str, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """The console script's entry point, called here: starting Python anew costs seconds.

    What depends on the process itself (terminals, signals, what is read at its start) is for
    :func:`own_process`.
    """
    output, errors = io.StringIO(), io.StringIO()
    # As in a pipe: no terminal, of the width that is taken where nobody knows it.
    environment = {**(os.environ if env is None else env), "COLUMNS": "80"}
    with ExitStack() as stack:
        stack.enter_context(mock.patch.dict(os.environ, environment, clear=True))
        stack.enter_context(mock.patch.object(sys, "argv", ["iluvatar-bench", *arguments]))
        stack.enter_context(_levels_kept())
        if cwd is not None:
            stack.enter_context(chdir(cwd))
        stack.enter_context(redirect_stdout(output))
        stack.enter_context(redirect_stderr(errors))
        try:
            main()
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
    return subprocess.CompletedProcess(arguments, code, output.getvalue(), errors.getvalue())


def own_process(*arguments: str, **changes: object) -> subprocess.CompletedProcess[str]:
    """The console script as a process of its own; ``changes`` are those of ``subprocess.run``."""
    options: dict[str, object] = {"capture_output": True, "text": True, "check": False, **changes}
    return subprocess.run([*PROGRAM, *arguments], **options)


@contextmanager
def _levels_kept() -> Iterator[None]:
    """The command line silences libraries for its process; this one goes on."""
    levels = {logger: logger.level for logger in _loggers()}
    try:
        yield
    finally:
        for logger in _loggers():
            logger.setLevel(levels.get(logger, logging.NOTSET))


def _loggers() -> list[logging.Logger]:
    return [logging.getLogger(), *map(logging.getLogger, list(logging.root.manager.loggerDict))]
