"""The outer tar of an image archive, read once from its beginning to its end.

Each file in it is written under a name of our own, so that no name in the archive can point
anywhere, and its digest is taken on the way. Nothing but one chunk of it is ever in memory.
"""

from __future__ import annotations

import bz2
import gzip
import hashlib
import json
import lzma
import posixpath
import tarfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from iluvatar_bench.containerd.oci.media_types import GZIP_MAGIC, ZSTD_MAGIC
from iluvatar_bench.errors import ImageError

CHUNK_BYTES = 1 << 20

DOCUMENT_BYTES = 8 << 20
"""No manifest or configuration is larger; containerd's own limit for one is 8 MiB."""

MOST_LINKS = 16

_Opener = Callable[[Path], IO[bytes]]


def _plain(path: Path) -> IO[bytes]:
    return path.open("rb")


def _gzip(path: Path) -> IO[bytes]:
    return gzip.GzipFile(path, "rb")  # type: ignore[return-value]


def _bzip2(path: Path) -> IO[bytes]:
    return bz2.BZ2File(path, "rb")


def _xz(path: Path) -> IO[bytes]:
    return lzma.LZMAFile(path, "rb")


_OPENERS: dict[bytes, _Opener] = {GZIP_MAGIC: _gzip, b"BZh": _bzip2, b"\xfd7zXZ\x00": _xz}
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

    def document(self, member: Member) -> Any:
        """A file's content as JSON.

        Raises:
            ImageError: it is no JSON, or too large to be a manifest or a configuration.
        """
        if member.size > DOCUMENT_BYTES:
            raise ImageError(
                f"{self.archive}: {member.name} has {member.size} bytes, too many for a document"
            )
        try:
            return json.loads(member.path.read_bytes())
        except (ValueError, RecursionError) as error:
            raise ImageError(f"{self.archive}: {member.name} is no JSON: {error}") from error


def unpack(archive: Path, folder: Path) -> Spool:
    """Write every file of the archive into ``folder``, whose content is the caller's to remove.

    Raises:
        ImageError: it is no tar archive, cut off, or holds names that lead out of it.
    """
    spool = Spool(archive)
    try:
        with _opened(archive) as stream, tarfile.open(fileobj=stream, mode="r|") as outer:
            for info in outer:
                _take(spool, outer, info, folder / str(len(spool.members)))
            # The checksum of a compressed archive stands at its very end.
            while stream.read(CHUNK_BYTES):
                pass
    except (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile) as error:
        what = "is cut off or damaged" if spool.members else "is no image archive"
        raise ImageError(f"{archive} {what}: {error}") from error
    except OSError as error:
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


def _take(spool: Spool, outer: tarfile.TarFile, info: tarfile.TarInfo, target: Path) -> None:
    name = _inside(spool.archive, info.name, info.name)
    if info.isreg():
        content = outer.extractfile(info)
        assert content is not None
        digest, size = _copy(content, target)
        spool.members[name] = Member(name, target, size, digest)
    elif info.issym():
        aim = posixpath.join(posixpath.dirname(name), info.linkname)
        spool.links[name] = _inside(spool.archive, info.name, aim)
    elif info.islnk():
        spool.links[name] = _inside(spool.archive, info.name, info.linkname)
    elif not info.isdir():
        raise ImageError(f"{spool.archive}: {info.name!r} is neither file, folder nor link")


def _inside(archive: Path, name: str, aim: str) -> str:
    """The normal form of a name, or of what a link of that name aims at."""
    normal = posixpath.normpath(aim)
    if posixpath.isabs(normal) or normal == ".." or normal.startswith("../"):
        raise ImageError(f"{archive}: {name!r} leads out of the archive; it is refused as a whole")
    return normal


def _copy(source: IO[bytes], target: Path) -> tuple[str, int]:
    digest = hashlib.sha256()
    size = 0
    with target.open("xb") as file:
        while chunk := source.read(CHUNK_BYTES):
            digest.update(chunk)
            file.write(chunk)
            size += len(chunk)
    return f"sha256:{digest.hexdigest()}", size
