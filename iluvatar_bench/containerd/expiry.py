"""The label by which leases and images expire, and the time in it."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta

EXPIRY_LABEL = "containerd.io/gc.expire"

_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:\d\d)", re.ASCII)
"""What Go takes for RFC 3339; Python's own reader takes other forms of ISO 8601 too."""


def rfc3339(text: str) -> datetime | None:
    """A label's time as containerd reads it; None where it would not, and ignores the label."""
    if not _RFC_3339.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def rfc3339_in(seconds: float) -> str:
    """The time in so many seconds, in milliseconds, as a label has it."""
    moment = datetime.now(UTC) + timedelta(seconds=seconds)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


async def expiry(at: datetime | None) -> None:
    """Wait until what expires then has: nothing tells of it, only the clock does."""
    if at is not None:
        # And a millisecond: the collector asks whether the time is past (metadata/gc.go, 1.6.20).
        left = (at - datetime.now(UTC)).total_seconds() + 0.001
        await asyncio.sleep(max(0.0, left))
