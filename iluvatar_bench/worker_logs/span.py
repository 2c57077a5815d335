"""The span of time that a reading is about."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from iluvatar_bench.errors import UsageError
from iluvatar_bench.worker_logs.times import Clock


@dataclass(frozen=True, slots=True)
class TimeSpan:
    """From ``since`` up to, and without, ``until``; None for no bound. What has no time is in."""

    since: datetime | None = None
    until: datetime | None = None

    @property
    def is_set(self) -> bool:
        """Whether there is any bound."""
        return self.since is not None or self.until is not None

    def holds(self, time: datetime | None) -> bool:
        """Whether a time lies in the span."""
        if time is None:
            return True
        after = self.since is None or time >= self.since
        return after and (self.until is None or time < self.until)

    def holds_line(self, line: bytes, clock: Clock) -> bool:
        """Whether the first time stamp of a line lies in the span."""
        return self.holds(clock.read(line[:200].decode(errors="replace"))[0])


def time_of(text: str, *, zone: str = "UTC") -> datetime:
    """A time as given on the command line: ``2026-11-28``, or with ``10:15`` or ``T10:15:30Z``.

    Raises:
        UsageError: it is none.
    """
    try:
        when = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise UsageError(f"no time {text!r}: write it as 2026-11-28 or 2026-11-28T10:15") from error
    if when.tzinfo is not None:
        return when.astimezone(UTC)
    local, _ = Clock(zone=zone).read(f"{when:%Y-%m-%d %H:%M:%S}")
    if local is None:
        raise UsageError(f"no log is of {text!r}")
    return local
