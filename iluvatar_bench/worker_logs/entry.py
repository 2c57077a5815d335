"""One entry of a log, whatever its format."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

ERROR_LEVELS = frozenset({"ERROR", "FATAL", "CRITICAL", "PANIC"})


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEntry:
    """What an entry says about itself.

    ``time`` is UTC, ``zone`` as written (see :class:`~.times.Clock`). ``text`` is for a reader:
    the message with what belongs to it. ``from_worker``: an error here is an error of the worker,
    a failure even if no signature knows its words. ``reports_failure``: the entry exists only
    because something failed (the client's error documents). ``damage`` says why the entry could
    not be read as its format wants, or is empty.
    """

    format: str
    text: str
    time: datetime | None = None
    zone: str = ""
    level: str = ""
    transaction_id: str | None = None
    container_id: str | None = None
    function: str | None = None
    version: str | None = None
    from_worker: bool = False
    reports_failure: bool = False
    damage: str = ""
