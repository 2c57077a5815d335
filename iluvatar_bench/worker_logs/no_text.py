"""Files that are no logs: told as such, in place of a scan that found nothing in them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from iluvatar_bench.errors import UsageError
from iluvatar_bench.worker_logs.log_report import LogReport

_KINDS = (
    (b"%PDF-", "a PDF document"),
    (b"\x89PNG\r\n", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF8", "a picture"),
    (b"PK\x03\x04", "a zip archive: unpack it first"),
    (b"\xfd7zXZ\x00", "compressed with xz: unpack it first"),
    (b"(\xb5/\xfd", "compressed with zstd: unpack it first"),
    (b"BZh", "compressed with bzip2: unpack it first"),
    (b"\x7fELF", "a program"),
    (b"PAR1", "a Parquet table"),
    (b"SQLite format 3\x00", "a database"),
)
"""What files begin with, and what they are (file(1)'s magic). Gzip is read as it is."""

_SHOWN = 3


def require_text(report: LogReport) -> None:
    """Refuse a scan that found nothing because none of its files is a text.

    A log with some junk in it is one: a file is no text where that is most of its lines, or where
    it begins as other kinds of files do.

    Raises:
        UsageError: nothing was found, and none of the files is a text.
    """
    found = len(report.failures) + len(report.unclassified) + report.samples_seen
    if found or int(report.activity["containers"].sum()) or report.files.empty:
        return
    # Of each file the first: they come in the order of its lines.
    why = dict(zip(report.unreadable["file"][::-1], report.unreadable["reason"][::-1], strict=True))
    kinds = [
        _kind(str(row["file"]), why, lines=int(row["lines"]), unreadable=int(row["unreadable"]))
        for _, row in report.files.iterrows()
    ]
    if not all(kinds):
        return
    named = [f"{name} is {kind}" for name, kind in zip(report.files["file"], kinds, strict=True)]
    more = f"; and {len(named) - _SHOWN} more" if len(named) > _SHOWN else ""
    raise UsageError(f"nothing there is a log: {'; '.join(named[:_SHOWN])}{more}")


def _kind(name: str, why: Mapping[str, str], *, lines: int, unreadable: int) -> str | None:
    """What a file is that is no text; None for a text."""
    if not unreadable:
        return None
    for head, kind in _KINDS:
        if _head(name).startswith(head):
            return kind
    return f"no text ({why.get(name, 'not UTF-8')})" if 2 * unreadable > lines else None


def _head(name: str) -> bytes:
    """The beginning of a file; nothing of a pipe, which cannot be read again."""
    path = Path(name)
    try:
        if not path.is_file():
            return b""
        with path.open("rb") as file:
            return file.read(max(len(head) for head, _ in _KINDS))
    except OSError:
        return b""
