"""Errors as their user is told them: one line, and an exit status; the chain is for the log."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from iluvatar_bench.commands.called_as import as_called
from iluvatar_bench.commands.interrupt import INTERRUPTED_STATUS
from iluvatar_bench.commands.output import err
from iluvatar_bench.errors import DiskFull, IluvatarBenchError
from iluvatar_bench.host.full_disk import means_full_disk

log = logging.getLogger(__name__)


@contextmanager
def errors_told() -> Iterator[None]:
    """What can be expected to go wrong inside ends the program so.

    Raises:
        SystemExit: with the status of the error.
    """
    try:
        yield
    except IluvatarBenchError as error:
        log.debug("the chain behind the error", exc_info=error)
        _say_error(" ".join(str(error).splitlines()))
        sys.exit(_status_of(error))
    except OSError as error:
        # What no code of ours had words for: a full disk, a path that may not be read.
        log.debug("where it happened", exc_info=error)
        what = error.strerror or str(error) or type(error).__name__
        where = "" if error.filename is None else f": {error.filename}"
        _say_error(f"{what}{where} (iluvatar-bench --verbose says where it happened)")
        sys.exit(_status_of(error))
    except KeyboardInterrupt:
        err.print("interrupted: trials that had ended are kept in the run's folder")
        sys.exit(INTERRUPTED_STATUS)


def _status_of(error: BaseException) -> int:
    """The exit status of an error: that of a full disk, where one is behind it."""
    behind: BaseException | None = error
    while behind is not None:
        if means_full_disk(behind):
            return DiskFull.exit_code
        behind = behind.__cause__
    return error.exit_code if isinstance(error, IluvatarBenchError) else 1


def _say_error(words: str) -> None:
    # What is told is somebody's text: ":abc:" in it is no picture.
    err.print(f"error: {as_called(words)}", soft_wrap=True, markup=False, emoji=False)
