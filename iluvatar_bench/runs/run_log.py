"""Everything that this program had to say during a run, in the run's folder.

What is on stderr is for the one who waits; what happened below it is looked up later, and nobody
runs a failure again with ``--verbose`` to get it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

RUN_LOG = "run.log"

_HEARD = {"iluvatar_bench": logging.DEBUG, "asyncio": logging.WARNING, "py.warnings": logging.DEBUG}
"""Logger and the level from which on it is kept."""

log = logging.getLogger(__name__)


@contextmanager
def logged(folder: Path) -> Iterator[None]:
    """Everything said inside goes to ``run.log`` in the folder, and how the run ended if it failed.

    What is seen elsewhere stays as it is. A disk that is full ends the log and nothing else.
    """
    handler = _RunLog(folder / RUN_LOG)
    with ExitStack() as stack:
        stack.callback(handler.close)
        for name, level in _HEARD.items():
            stack.enter_context(_heard(logging.getLogger(name), level, handler))
        try:
            yield
        except BaseException as error:
            handler.handle(_record("the run was ended by this", error))
            raise


@contextmanager
def _heard(logger: logging.Logger, level: int, handler: logging.Handler) -> Iterator[None]:
    """The handler hears the logger from the level on; what others hear of it stays the same."""
    lowered = _LOWERED.setdefault(logger.name, _Lowered(logger, level))
    lowered.enter()
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        if lowered.leave():
            del _LOWERED[logger.name]


class _Lowered:
    """A logger's level, lowered from the first of its listeners until the last has gone.

    Runs overlap, and do not end in the order in which they began: a study has several at a time.

    A logger's level holds for its own records only: those from below it pass by the level of the
    loggers above, which is what keeps a terminal quiet. So the handlers there let nothing more of
    this logger through than before; of the others they hear what they heard.
    """

    def __init__(self, logger: logging.Logger, level: int) -> None:
        self._logger, self._level, self._listeners = logger, level, 0
        self._own = logger.level
        self._as_before = _AsBefore(logger.name, logger.getEffectiveLevel())
        self._others = tuple(_handlers_of(logger))

    def enter(self) -> None:
        self._listeners += 1
        if self._listeners == 1:
            for other in self._others:
                other.addFilter(self._as_before)
            self._logger.setLevel(self._level)

    def leave(self) -> bool:
        """Whether that was the last one."""
        self._listeners -= 1
        if self._listeners:
            return False
        self._logger.setLevel(self._own)
        for other in self._others:
            other.removeFilter(self._as_before)
        return True


_LOWERED: dict[str, _Lowered] = {}
"""The loggers that are lowered now, by name: loggers are the process's."""


class _AsBefore(logging.Filter):
    """Passes what is not of the logger, and of it what its level let through."""

    def __init__(self, name: str, level: int) -> None:
        super().__init__(name)
        self._level = level

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno >= self._level or not super().filter(record)


def _handlers_of(logger: logging.Logger) -> Iterator[logging.Handler]:
    above: logging.Logger | None = logger
    while above is not None:
        yield from (other for other in above.handlers if not isinstance(other, _RunLog))
        above = above.parent if above.propagate else None


def _record(message: str, error: BaseException) -> logging.LogRecord:
    exc_info = (type(error), error, error.__traceback__)
    return log.makeRecord(log.name, logging.ERROR, __file__, 0, message, (), exc_info)


class _RunLog(logging.FileHandler):
    """A file that begins with its first line, so that a run that never began leaves nothing."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, encoding="utf-8", errors="backslashreplace", delay=True)
        formatter = logging.Formatter(
            "%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S"
        )
        formatter.converter = time.gmtime
        self.setFormatter(formatter)

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record; the file cannot be opened where the run's folder has gone."""
        try:
            super().emit(record)
        except OSError:
            return

    def handleError(self, record: logging.LogRecord) -> None:
        """Nothing: what is lost is a line of a log, on a disk that is full."""

    def close(self) -> None:
        """Close the file; its last lines may find no room."""
        try:
            super().close()
        except OSError:
            return
