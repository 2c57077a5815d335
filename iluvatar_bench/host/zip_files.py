"""Zip archives of files: written the same from the same files, and unpacked as if by an enemy.

What is unpacked is bounded before anything is written: names that leave the folder, links, devices,
encrypted parts and sums of sizes are refused by the archive's directory alone. A part that is
larger than its directory says is cut off there by ``zipfile``, and its checksum fails.
"""

from __future__ import annotations

import hashlib
import stat
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from iluvatar_bench.errors import UnusablePath, UsageError
from iluvatar_bench.host.full_disk import free_bytes
from iluvatar_bench.host.whole_files import whole_file, whole_folder

MOST_FILES = 100_000

_CHUNK_BYTES = 1 << 20
_LONGEST_NAME, _LONGEST_PART, _DEEPEST = 1024, 255, 16
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The first time that a zip archive can say: the same files give the same archive."""

_ENCRYPTED = 0x1
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)

Content = Path | bytes
"""A file of this host, or what is to be in one."""


def content_chunks(content: Content) -> Iterator[bytes]:
    """What is in it, piece by piece.

    Raises:
        UnusablePath: it cannot be read.
    """
    if isinstance(content, bytes):
        yield content
        return
    try:
        with content.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                yield chunk
    except OSError as error:
        raise UnusablePath(f"cannot read {content}: {error.strerror or error}") from error


def sha256_of(content: Content) -> str:
    """Its SHA-256, in hexadecimal digits.

    Raises:
        UnusablePath: it cannot be read.
    """
    digest = hashlib.sha256()
    for chunk in content_chunks(content):
        digest.update(chunk)
    return digest.hexdigest()


def write_zip(target: Path, files: Mapping[str, Content], *, digests: Mapping[str, str]) -> None:
    """Write the files by their names, whole or not at all; ``digests`` says what must be in them.

    Raises:
        UsageError: a file is no longer what its digest says.
        DiskFull: there is no room for it.
        UnusablePath: a file cannot be read, or the archive cannot be written.
    """
    try:
        with (
            whole_file(target) as draft,
            zipfile.ZipFile(draft, "x", zipfile.ZIP_DEFLATED) as archive,
        ):
            for name, content in files.items():
                _add(archive, name, content, digests.get(name))
    except OSError as error:
        raise UnusablePath(f"cannot write {target}: {error.strerror or error}") from error


def _add(archive: zipfile.ZipFile, name: str, content: Content, expected: str | None) -> None:
    info = zipfile.ZipInfo(name, date_time=_EPOCH)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = (stat.S_IFREG | 0o644) << 16
    digest = hashlib.sha256()
    with archive.open(info, "w", force_zip64=True) as part:
        for chunk in content_chunks(content):
            digest.update(chunk)
            part.write(chunk)
    if expected is not None and digest.hexdigest() != expected:
        raise UsageError(f"{name} changed while it was being archived: is its run under way?")


@contextmanager
def opened_zip(path: Path) -> Iterator[zipfile.ZipFile]:
    """An archive to be read.

    Raises:
        UsageError: there is none, or it is damaged; also for what the block finds damaged.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except FileNotFoundError as error:
        raise UsageError(f"there is no archive {path}") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError) as error:
        raise UsageError(f"{path} is no whole zip archive: {error}") from error


def checked_parts(path: Path, archive: zipfile.ZipFile, *, most_bytes: int) -> list[str]:
    """The names of the archive's files, none of which harms anything by its name, kind or size.

    Raises:
        UsageError: one does, or all together do; the message names it.
    """
    parts = [info for info in archive.infolist() if not _is_folder(info)]
    if len(parts) > MOST_FILES:
        raise UsageError(f"{path} holds {len(parts)} files: at most {MOST_FILES} are unpacked")
    total = sum(info.file_size for info in parts)
    if total > most_bytes:
        raise UsageError(
            f"{path} holds {_amount(total)}: at most {_amount(most_bytes)} are unpacked"
        )
    names = [info.filename for info in parts]
    if len(set(names)) < len(names):
        raise UsageError(f"{path} holds files of the same name")
    for info in archive.infolist():
        why = _harm(info)
        if why:
            raise UsageError(f"{path} is refused: {info.orig_filename[:120]!r} {why}")
    return names


def _amount(size_bytes: int) -> str:
    gib = size_bytes / 2**30
    return f"{gib:.1f} GiB" if gib >= 1 else f"{1024 * gib:.0f} MiB"


def _is_folder(info: zipfile.ZipInfo) -> bool:
    return info.filename.endswith("/")


def _harm(info: zipfile.ZipInfo) -> str:
    """What is wrong with one part; empty if nothing is."""
    name = info.filename.removesuffix("/")
    pieces = name.split("/")
    kind = stat.S_IFMT(info.external_attr >> 16)
    if info.orig_filename != info.filename or not name.isprintable() or "\\" in name:
        return "has a name that is no file's"
    if any(piece in ("", ".", "..") for piece in pieces):
        return "would be outside of the folder"
    if len(name.encode()) > _LONGEST_NAME or any(len(p.encode()) > _LONGEST_PART for p in pieces):
        return "has a name that is too long"
    if len(pieces) > _DEEPEST:
        return "is in too many folders"
    if kind not in (0, stat.S_IFDIR if _is_folder(info) else stat.S_IFREG):
        return "is neither a file nor a folder"
    if _is_folder(info) and info.file_size:
        return "is a folder with something in it"
    if info.flag_bits & _ENCRYPTED:
        return "is encrypted"
    return "" if info.compress_type in _METHODS else "is compressed in another way than deflate"


def unpack_zip(
    path: Path, archive: zipfile.ZipFile, target: Path, digests: Mapping[str, str]
) -> None:
    """Unpack the files that ``digests`` names, each as its SHA-256 says, all or none of them.

    Raises:
        UsageError: one is not what its digest says, or takes the place of a folder.
        UnusablePath: they cannot be written there, or there is no room.
    """
    parent = target.parent
    try:
        parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UnusablePath(f"cannot write {target}: {error.strerror or error}") from error
    total = sum(archive.getinfo(name).file_size for name in digests)
    if total > free_bytes(parent):
        raise UnusablePath(f"no room for {_amount(total)} on the disk of {parent}")
    with whole_folder(target) as draft:
        for name, expected in digests.items():
            _unpack(path, archive, name, draft, expected)


def _unpack(path: Path, archive: zipfile.ZipFile, name: str, folder: Path, expected: str) -> None:
    place = folder / PurePosixPath(name)
    digest = hashlib.sha256()
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        output = place.open("xb")
    except (FileExistsError, NotADirectoryError) as error:
        raise UsageError(f"{path} is refused: two of its files are at {name!r}") from error
    with archive.open(name) as part, output:
        while chunk := part.read(_CHUNK_BYTES):
            digest.update(chunk)
            output.write(chunk)
    if digest.hexdigest() != expected:
        raise UsageError(f"{path} is damaged: {name} is not what its checksum says")


SUMS = "SHA256SUMS"
"""As ``sha256sum --check`` reads it."""

_LONGEST_SUMS_BYTES = 32 << 20


def sums_text(digests: Mapping[str, str]) -> str:
    """The list of checksums, a line a file."""
    return "".join(f"{digest}  {name}\n" for name, digest in digests.items())


def read_sums(path: Path, archive: zipfile.ZipFile, names: Iterable[str]) -> dict[str, str]:
    """The checksums of an archive's files: of each of ``names`` but the list itself.

    Raises:
        UsageError: there is no list, or it names other files than there are.
    """
    others = set(names) - {SUMS}
    try:
        info = archive.getinfo(SUMS)
    except KeyError as error:
        raise UsageError(
            f"{path} is no archive of runs: it has no {SUMS} (iluvatar-bench archive makes one)"
        ) from error
    if info.file_size > _LONGEST_SUMS_BYTES:
        raise UsageError(f"{path} is refused: its {SUMS} is too long")
    digests: dict[str, str] = {}
    for line in archive.read(info).decode("utf-8", "replace").splitlines():
        digest, separator, name = line.partition("  ")
        if not separator or len(digest) != 64 or name in digests:
            raise UsageError(f"{path} is damaged: its {SUMS} cannot be read")
        digests[name] = digest
    missing, more = sorted(set(digests) - others), sorted(others - set(digests))
    if missing:
        raise UsageError(f"{path} is damaged: it lacks {', '.join(missing[:3])}")
    if more:
        raise UsageError(f"{path} is refused: {', '.join(more[:3])} has no checksum")
    return digests
