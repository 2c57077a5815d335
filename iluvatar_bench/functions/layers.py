"""Deterministic layer archives: the same files give the same bytes, so the same digest.

They are plain tar: the layers never travel, and unpacking is on the way of every first start.
"""

from __future__ import annotations

import hashlib
import io
import os
import secrets
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, cast


@dataclass(frozen=True, slots=True)
class LayerEntry:
    """One file, link or folder of a layer. Exactly one of the three sources is given."""

    path: str
    source: Path | None = None
    content: bytes | None = None
    link_to: str | None = None
    mode: int = 0o644


def folder(path: str, mode: int = 0o755) -> LayerEntry:
    """An empty folder."""
    return LayerEntry(path=path, mode=mode)


@dataclass(frozen=True, slots=True)
class Blob:
    """A blob that was written: its digest and size in bytes."""

    digest: str
    size: int


def write_blob(blobs: Path, data: bytes) -> Blob:
    """Store bytes under their digest in ``blobs`` (an OCI layout's ``blobs/sha256``)."""
    value = hashlib.sha256(data).hexdigest()
    (blobs / value).write_bytes(data)
    return Blob(digest=f"sha256:{value}", size=len(data))


def write_layer(blobs: Path, entries: Iterable[LayerEntry]) -> Blob:
    """Store the entries as a tar archive: sorted, owned by root, without times.

    Folders above an entry are added. A later entry of the same path replaces an earlier one.
    """
    chosen = {_inside(entry.path): entry for entry in entries}
    for path in list(chosen):
        for parent in PurePosixPath(path).parents:
            if str(parent) != ".":
                chosen.setdefault(str(parent), folder(str(parent)))
    draft = blobs / f".layer-{secrets.token_hex(6)}"
    try:
        with draft.open("wb") as file:
            hashing = _HashingWriter(file)
            with tarfile.open(
                fileobj=cast(IO[bytes], hashing), mode="w|", format=tarfile.GNU_FORMAT
            ) as archive:
                for path in sorted(chosen):
                    _add(archive, path, chosen[path])
        value = hashing.digest.hexdigest()
        draft.rename(blobs / value)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    return Blob(digest=f"sha256:{value}", size=hashing.size)


class _HashingWriter:
    """A file that knows the digest of what was written: no layer is held in memory."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.digest = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes) -> int:
        self.digest.update(data)
        self.size += len(data)
        return self._file.write(data)


def _inside(path: str) -> str:
    return str(PurePosixPath(path.lstrip("/")))


def _add(archive: tarfile.TarFile, path: str, entry: LayerEntry) -> None:
    info = tarfile.TarInfo(path)
    info.mode = entry.mode
    if entry.link_to is not None:
        info.type = tarfile.SYMTYPE
        info.linkname = entry.link_to
        archive.addfile(info)
    elif entry.content is not None:
        info.size = len(entry.content)
        archive.addfile(info, io.BytesIO(entry.content))
    elif entry.source is not None:
        with entry.source.open("rb") as file:
            info.size = os.fstat(file.fileno()).st_size
            archive.addfile(info, file)
    else:
        info.type = tarfile.DIRTYPE
        archive.addfile(info)
