"""A tar archive, read once from its beginning to its end, with a limit for everything in it.

The format is read by the standard library's ``TarInfo.frombuf``. Its ``TarFile`` is not used: that
one reads a long name or a pax header of any length into memory, follows chains of them by calling
itself, and writes out the holes of a sparse member, all before its caller can look.
https://www.gnu.org/software/tar/manual/html_node/Standard.html and pax(1), "pax Header Block".
"""

from __future__ import annotations

import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import IO

from iluvatar_bench.containerd.oci.documents import shown
from iluvatar_bench.errors import ImageError

CHUNK_BYTES = 1 << 20

_BLOCK = tarfile.BLOCKSIZE
_NAMES = {tarfile.GNUTYPE_LONGNAME: "path", tarfile.GNUTYPE_LONGLINK: "linkpath"}
_PAX = frozenset({tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE})
_REGULAR = frozenset({tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE})
_USED = frozenset({"path", "linkpath", "size"})
_SPARSE = "GNU.sparse"
_RECORD = re.compile(rb"(\d{1,9}) ([^=\n]+)=")


@dataclass(frozen=True, slots=True)
class TarBounds:
    """How much of what an archive may hold; sizes in bytes.

    Far above what images are made of, and far below what harms the host.
    """

    header: int = 16 << 10
    """One long name or pax header: two paths of the longest (PATH_MAX), and other fields."""
    headers: int = 64 << 20
    """All of them together; they are read one after the other."""
    file: int = 32 << 30
    total: int = 128 << 30
    members: int = 50_000
    trailer: int = 64 << 20
    """What follows the archive's end: tapes were filled up to a whole record."""


class Kind(StrEnum):
    """What a member is."""

    FILE = "file"
    FOLDER = "folder"
    HARD_LINK = "hard link"
    SYMBOLIC_LINK = "symbolic link"


@dataclass(frozen=True, slots=True)
class TarEntry:
    """A member's header; ``link`` is what a link aims at, ``size`` a file's bytes."""

    number: int
    name: str
    kind: Kind
    link: str
    size: int


@dataclass(slots=True)
class TarStream:
    """The members of an archive that is read from ``source``; ``archive`` names it in messages.

    Iterating gives each member once; :meth:`content` is that of the member given last.
    """

    archive: Path
    source: IO[bytes]
    limits: TarBounds
    _members: int = 0
    _headers: int = 0
    _total: int = 0
    _left: int = 0
    """What of the present member's blocks has not been read."""
    _size: int = 0
    _common: dict[str, str] = field(default_factory=dict)
    """What a global pax header says of all members."""

    def __iter__(self) -> Iterator[TarEntry]:
        """The members in the archive's order.

        Raises:
            ImageError: something is beyond a limit, sparse, or neither file, folder nor link.
            tarfile.TarError, EOFError: the archive is cut off or damaged.
        """
        own: dict[str, str] = {}
        awaited = False
        while (info := self._next_header()) is not None:
            if info.type in _NAMES:
                own[_NAMES[info.type]] = (
                    self._extension(info).split(b"\0")[0].decode(errors="surrogateescape")
                )
            elif info.type in _PAX:
                own |= self._records(self._extension(info))
            elif info.type == tarfile.XGLTYPE:
                self._common |= self._records(self._extension(info))
            else:
                yield self._entry(info, {**self._common, **own})
                self._skip()
                own, awaited = {}, False
                continue
            awaited = True
        if awaited:
            raise tarfile.ReadError("it ends after the header of a member")

    def content(self) -> Iterator[bytes]:
        """The bytes of the file that was given last, in chunks.

        Raises:
            EOFError: the archive ends before the file does.
        """
        while self._size:
            chunk = self.source.read(min(CHUNK_BYTES, self._size))
            if not chunk:
                raise EOFError("it ends within a file")
            self._size -= len(chunk)
            self._left -= len(chunk)
            yield chunk

    def finish(self) -> None:
        """Read what follows the end: the checksum of a compressed archive stands behind it.

        Raises:
            ImageError: it is too much.
        """
        read = 0
        while chunk := self.source.read(CHUNK_BYTES):
            read += len(chunk)
            if read > self.limits.trailer:
                raise self._refusal(f"more than {self.limits.trailer} bytes follow its end")

    def _next_header(self) -> tarfile.TarInfo | None:
        block = self.source.read(_BLOCK)
        if not block.strip(b"\0") and len(block) in (0, _BLOCK):
            if not block and not self._members and not self._headers:
                raise tarfile.ReadError("it is empty")
            return None
        info = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        if info.size < 0:
            raise tarfile.ReadError("a member's size is negative")
        return info

    def _entry(self, info: tarfile.TarInfo, fields: dict[str, str]) -> TarEntry:
        name = fields.get("path") or info.name
        self._require_name(name)
        if info.type == tarfile.GNUTYPE_SPARSE or _SPARSE in fields:
            raise self._refusal(f"{name!r} is a sparse file, which no image holds")
        kind = self._kind(info, name)
        link = (fields.get("linkpath") or info.linkname) if kind in _LINKS else ""
        self._require_name(link)
        size = _size_of(fields, info) if kind is Kind.FILE else 0
        self._members += 1
        self._total += size
        self._require(self._members, self.limits.members, "members")
        self._require(size, self.limits.file, f"bytes in {name!r}")
        self._require(self._total, self.limits.total, "bytes in its files")
        self._size, self._left = size, _padded(size)
        return TarEntry(self._members, name, kind, link, size)

    def _kind(self, info: tarfile.TarInfo, name: str) -> Kind:
        if info.type in _REGULAR:
            return Kind.FILE
        if info.type not in _KINDS:
            raise self._refusal(f"{name!r} is neither file, folder nor link")
        return _KINDS[info.type]

    def _extension(self, info: tarfile.TarInfo) -> bytes:
        """The content of a header that says more about the next one."""
        self._headers += _BLOCK + info.size
        self._require(info.size, self.limits.header, "bytes in a long name or pax header")
        self._require(self._headers, self.limits.headers, "bytes in long names and pax headers")
        content = self.source.read(_padded(info.size))
        if len(content) < info.size:
            raise EOFError("it ends within a header")
        return content[: info.size]

    def _records(self, content: bytes) -> dict[str, str]:
        """What a pax header says, as far as it is used."""
        found: dict[str, str] = {}
        position = 0
        while position < len(content):
            record = _RECORD.match(content, position)
            end = position + int(record[1]) if record else 0
            if record is None or not record.end() < end <= len(content):
                raise tarfile.ReadError("a pax header is damaged")
            if content[end - 1 : end] != b"\n":
                raise tarfile.ReadError("a pax header is damaged")
            key = record[2].decode(errors="replace")
            if key.startswith(_SPARSE):
                found[_SPARSE] = "yes"
            elif key in _USED:
                value = content[record.end() : end - 1]
                found[key] = value.decode(errors="surrogateescape")
            position = end
        return found

    def _skip(self) -> None:
        while self._left:
            chunk = self.source.read(min(CHUNK_BYTES, self._left))
            if not chunk:
                raise EOFError("it ends within a file")
            self._left -= len(chunk)
        self._size = 0

    def _require_name(self, name: str) -> None:
        if not name.isprintable():
            raise self._refusal(f"the name {shown(name)!r} cannot be printed")

    def _require(self, found: int, limit: int, what: str) -> None:
        if found > limit:
            raise self._refusal(f"it has {found} {what}; {limit} are the most")

    def _refusal(self, why: str) -> ImageError:
        return ImageError(f"{self.archive}: {why}; it is refused as a whole")


_KINDS = {
    tarfile.DIRTYPE: Kind.FOLDER,
    tarfile.LNKTYPE: Kind.HARD_LINK,
    tarfile.SYMTYPE: Kind.SYMBOLIC_LINK,
}
_LINKS = (Kind.HARD_LINK, Kind.SYMBOLIC_LINK)


def _padded(size: int) -> int:
    return -(-size // _BLOCK) * _BLOCK


def _size_of(fields: dict[str, str], info: tarfile.TarInfo) -> int:
    stated = fields.get("size")
    if stated is None:
        return info.size
    if not re.fullmatch(r"[0-9]{1,19}", stated):
        raise tarfile.ReadError("a pax header states no proper size")
    return int(stated)
