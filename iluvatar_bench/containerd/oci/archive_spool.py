"""The outer tar of an image archive, read once from its beginning to its end.

Each file in it is written under a name of our own, so that no name in the archive can point
anywhere, and its digest is taken on the way. Nothing but one chunk of it is ever in memory.
"""

from __future__ import annotations

import bz2
import gzip
import hashlib
import lzma
import posixpath
import shutil
import tarfile
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from iluvatar_bench.containerd.oci.documents import D, parse_document, read_bounded
from iluvatar_bench.containerd.oci.media_types import GZIP_MAGIC, ZSTD_MAGIC
from iluvatar_bench.containerd.oci.tar_stream import Kind, TarBounds, TarEntry, TarStream
from iluvatar_bench.containerd.oci.xz_reader import open_xz
from iluvatar_bench.errors import ImageError, unreadable

MOST_LINKS = 16

LIMITS = TarBounds()

_Opener = Callable[[Path], IO[bytes]]


def _plain(path: Path) -> IO[bytes]:
    return path.open("rb")


def _gzip(path: Path) -> IO[bytes]:
    return gzip.GzipFile(path, "rb")  # type: ignore[return-value]


def _bzip2(path: Path) -> IO[bytes]:
    return bz2.BZ2File(path, "rb")


_OPENERS: dict[bytes, _Opener] = {GZIP_MAGIC: _gzip, b"BZh": _bzip2, b"\xfd7zXZ\x00": open_xz}
"""What ``docker load`` reads as well, by the first bytes."""


@dataclass(frozen=True, slots=True)
class Member:
    """A file of the archive: its name there, where it lies now, size in bytes, digest."""

    name: str
    path: Path
    size: int
    digest: str


@dataclass(slots=True)
class Spool:
    """The files of an archive by their names in it."""

    archive: Path
    members: dict[str, Member] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)

    def find(self, name: str) -> Member | None:
        """A file by its name, or by that of a link to it."""
        name = posixpath.normpath(name)
        for _ in range(MOST_LINKS):
            if name in self.members or name not in self.links:
                return self.members.get(name)
            name = self.links[name]
        raise ImageError(f"{self.archive}: the link {name!r} leads in a circle")

    def require(self, name: str) -> Member:
        """A file that has to be there.

        Raises:
            ImageError: it is not.
        """
        member = self.find(name)
        if member is None:
            raise ImageError(f"{self.archive} lacks {name}: it is cut off or incomplete")
        return member

    def document(self, kind: type[D], member: Member) -> D:
        """A file's content, checked.

        Raises:
            ImageError: it is no JSON, not of the shape, or too large to be a document.
        """
        return parse_document(kind, self.bytes_of(member), where=self.where(member))

    def bytes_of(self, member: Member) -> bytes:
        """A document's bytes as they are.

        Raises:
            ImageError: it is too large to be a document.
        """
        return read_bounded(member.path, where=self.where(member))

    def where(self, member: Member) -> str:
        """The file's name for messages."""
        return f"{self.archive}: {member.name}"


def unpack(archive: Path, folder: Path, *, limits: TarBounds = LIMITS) -> Spool:
    """Write every file of the archive into ``folder``, whose content is the caller's to remove.

    Raises:
        ImageError: it is no tar archive, cut off, has more than it may of something, or holds
            names that lead out of it.
    """
    spool = Spool(archive)
    try:
        with _opened(archive) as source:
            members = TarStream(archive, source, limits)
            for entry in members:
                _take(spool, members, entry, folder)
            members.finish()
    except (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile) as error:
        if not spool.members:
            raise ImageError(
                f"{archive} is no image archive ({error}): one is a tar as docker save, ctr image "
                "export or iluvatar-bench image export writes it"
            ) from error
        raise ImageError(f"{archive} is cut off or damaged: {error}") from error
    except OSError as error:
        if not archive.exists():
            raise unreadable(archive, error) from error
        if archive.is_dir():
            raise ImageError(f"{archive} is no image archive: it is a folder") from error
        raise ImageError(f"cannot unpack {archive}: {error}") from error
    return spool


def _opened(archive: Path) -> IO[bytes]:
    with archive.open("rb") as file:
        start = file.read(6)
    if start.startswith(ZSTD_MAGIC):
        raise ImageError(
            f"{archive} is compressed with zstd as a whole; unpack it first: zstd -d {archive}"
        )
    for magic, opener in _OPENERS.items():
        if start.startswith(magic):
            return opener(archive)
    return _plain(archive)


def _take(spool: Spool, members: TarStream, entry: TarEntry, folder: Path) -> None:
    name = _inside(spool.archive, entry.name, entry.name)
    match entry.kind:
        case Kind.FILE:
            free = shutil.disk_usage(folder).free
            if entry.size > free:
                raise ImageError(
                    f"{spool.archive}: {name!r} has {entry.size} bytes, but {folder.parent} has "
                    f"room for {free}"
                )
            target = folder / str(entry.number)
            digest = _write(members.content(), target)
            spool.members[name] = Member(name, target, entry.size, digest)
        case Kind.SYMBOLIC_LINK:
            aim = posixpath.join(posixpath.dirname(name), entry.link)
            spool.links[name] = _inside(spool.archive, entry.name, aim)
        case Kind.HARD_LINK:
            spool.links[name] = _inside(spool.archive, entry.name, entry.link)


def _inside(archive: Path, name: str, aim: str) -> str:
    """The normal form of a name, or of what a link of that name aims at."""
    normal = posixpath.normpath(aim)
    if posixpath.isabs(normal) or normal == ".." or normal.startswith("../"):
        raise ImageError(f"{archive}: {name!r} leads out of the archive; it is refused as a whole")
    return normal


def _write(chunks: Iterable[bytes], target: Path) -> str:
    """Write a new file; gives its digest."""
    digest = hashlib.sha256()
    with target.open("xb") as file:
        for chunk in chunks:
            digest.update(chunk)
            file.write(chunk)
    return f"sha256:{digest.hexdigest()}"
