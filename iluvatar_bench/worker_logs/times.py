"""Time stamps of logs, turned into UTC; the zone in which they were written is kept."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from iluvatar_bench.errors import UsageError

_ISO = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:[.,](\d{1,9}))?\s?(Z|[+-]\d\d:?\d\d)?(?![\d:])"
)
_KLOG = re.compile(r"[IWEF](\d\d)(\d\d) (\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?")
_SYSLOG = re.compile(r"([A-Z][a-z]{2}) ([ \d]\d) (\d\d:\d\d:\d\d)")
# Seconds since 1970 (zap), milliseconds (pino), microseconds (journald): the whole stamp.
_EPOCH = re.compile(r"(\d{10})(?:\.(\d{1,9})\d{0,9}|(\d{3}|\d{6}|\d{9}))?\Z")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_HOUR = re.compile(rb"(\d{4}-\d\d-\d\d[T ]\d\d):(\d\d):\d\d(?:[.,]\d{1,9})?\s?(Z|[+-]\d\d:?\d\d)?")

# A damaged stamp must not stretch a time line over a thousand years, nor a pandas date over its
# range.
_PLAUSIBLE_YEARS = range(1971, 2100)


class Clock:
    """Reads the time stamps of one file.

    ``zone`` is the name of the time zone of stamps that carry none (the worker of today, klog);
    ``written_at`` the file's last change, which supplies the year where a stamp has none.
    """

    def __init__(self, *, zone: str = "UTC", written_at: datetime | None = None) -> None:
        self.zone = zone
        self._tzinfo = _zone(zone)
        self._written_at = written_at

    def read(self, text: str) -> tuple[datetime | None, str]:
        """The first time stamp in ``text`` as UTC, and its zone as written.

        The zone is an offset ("-04:00", "Z"), or this clock's zone where the stamp has none.
        ``(None, "")`` if there is no stamp, or an impossible one.
        """
        found = _ISO.search(text)
        if found:
            date, time, fraction, offset = found.groups()
            return self._utc(f"{date} {time}", fraction, offset)
        klog = _KLOG.match(text)
        if klog:
            month, day, time, fraction = klog.groups()
            return self._yearless(int(month), f"{day} {time}", fraction)
        syslog = _SYSLOG.match(text)
        if syslog and syslog.group(1) in _MONTHS:
            month_number = _MONTHS.index(syslog.group(1)) + 1
            return self._yearless(month_number, f"{syslog.group(2).strip():0>2} {syslog.group(3)}")
        epoch = _EPOCH.match(text)
        if epoch:
            when = datetime.fromtimestamp(int(epoch.group(1)), UTC)
            return self._utc(f"{when:%Y-%m-%d %H:%M:%S}", epoch.group(2) or epoch.group(3), "Z")
        return None, ""

    def hour(self, line: bytes) -> str:
        """The UTC hour of a line, ``YYYY-MM-DD HH:00``, or the empty string."""
        found = _HOUR.search(line, 0, 200)
        if found is None:
            return ""
        return self.utc_hour(found.group(1), found.group(2), found.group(3))

    def utc_hour(self, hour: bytes, minute: bytes, offset: bytes | None) -> str:
        """The UTC hour of a stamp taken apart: ``YYYY-MM-DD HH``, minute, offset or None."""
        whole_hours = self.zone == "UTC" if offset is None else offset.endswith((b"00", b"Z"))
        # Only in a zone of half an hour does the minute decide which hour of UTC it is.
        return _utc_hour(hour, b"00" if whole_hours else minute, offset, self.zone)

    def _yearless(
        self, month: int, rest: str, fraction: str | None = None
    ) -> tuple[datetime | None, str]:
        if self._written_at is None:
            return None, ""
        # A line cannot be younger than its file; a day of grace for a clock in another zone.
        latest = self._written_at + timedelta(days=1)
        for year in (latest.year, latest.year - 1):
            when, zone = self._utc(f"{year:04}-{month:02}-{rest}", fraction, None)
            if when is not None and when <= latest:
                return when, zone
        return None, ""

    def _utc(
        self, stamp: str, fraction: str | None, offset: str | None
    ) -> tuple[datetime | None, str]:
        try:
            # Digits behind the sixth are cut off: a datetime ends at microseconds.
            when = datetime.fromisoformat(f"{stamp}.{(fraction or '0')[:6]:0<6}{offset or ''}")
            if offset is None:
                when = when.replace(tzinfo=self._tzinfo)
            if when.year not in _PLAUSIBLE_YEARS:
                return None, ""
            return when.astimezone(UTC), offset or self.zone
        except (ValueError, OverflowError):
            return None, ""


@lru_cache(maxsize=8192)
def _utc_hour(hour: bytes, minute: bytes, offset: bytes | None, zone: str) -> str:
    when, _ = Clock(zone=zone).read((b"%b:%b:00%b" % (hour, minute, offset or b"")).decode())
    return f"{when:%Y-%m-%d %H:00}" if when else ""


def _zone(name: str) -> tzinfo:
    try:
        return UTC if name in {"UTC", "Z"} else ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise UsageError(
            f"no time zone {name!r}: use a name of the IANA database, such as Europe/Berlin"
        ) from error
