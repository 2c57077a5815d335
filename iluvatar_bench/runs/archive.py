"""Archives of runs: everything of them in one zip file, and its way back into a folder.

::

    README.txt                      what this is, and how it is opened
    ro-crate-metadata.json          the same for programs (RO-Crate 1.1)
    SHA256SUMS                      of every file but itself
    CITATION.cff                    how this program is cited (from a source checkout)
    environment/host.json           facts about the host that archived, beside those of each run
    environment/installed.txt       every Python package there, pinned
    environment/requirements.lock   what this program was locked to (from a source checkout)
    runs/<folder>/...               each run's folder, whole
    notebooks/<folder>/...          executed notebooks that made several of the runs
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from itertools import chain, count
from pathlib import Path

from iluvatar_bench.errors import UsageError
from iluvatar_bench.host.facts import host_facts
from iluvatar_bench.host.zip_files import (
    SUMS,
    Content,
    checked_parts,
    opened_zip,
    read_sums,
    sha256_of,
    sums_text,
    unpack_zip,
    write_zip,
)
from iluvatar_bench.runs.executed_notebooks import notebook_files
from iluvatar_bench.runs.result import open_run
from iluvatar_bench.runs.ro_crate import METADATA, CrateFile, crate_document
from iluvatar_bench.shipped import IN_CHECKOUT, NOTEBOOKS

RUNS, OF_NOTEBOOKS = "runs", "notebooks"

MOST_GIB = 20.0
"""So much is unpacked of an archive unless more is allowed."""

_README = """\
{title}

Runs of containers on containerd, kept by iluvatar-bench {version} on {day}:

{runs}

To check and unpack it, and to make its tables again:

    iluvatar-bench open {name}

Without that program: unzip it, and `sha256sum --check --quiet SHA256SUMS` in its folder. Every
table is Parquet or CSV; manifest.json of each run has its plan, seed, versions and host;
ro-crate-metadata.json says what each file is (https://w3id.org/ro/crate/1.1).
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Archived:
    """An archive that was written: its path, its runs' names in it, how many files and bytes."""

    path: Path
    runs: tuple[str, ...]
    files: int
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedArchive:
    """An archive that was unpacked: its folder, its runs' folders, how many files were checked."""

    folder: Path
    runs: tuple[Path, ...]
    files: int


def archive_runs(
    folders: Sequence[Path], target: Path, *, title: str = "", license_text: str = ""
) -> Archived:
    """Write runs, their executed notebooks and what they were made with into one zip file.

    The same runs on the same day and host give the same file. ``license_text`` is an SPDX
    identifier, an address, or words.

    Raises:
        UsageError: a folder is no whole run or is under way, or ``target`` exists.
        DiskFull, UnusablePath: a file cannot be read, or the archive cannot be written.
    """
    if target.exists():
        raise UsageError(f"{target} exists: nothing is written over; choose another --out")
    places = _places(folders)
    for folder in places.values():
        _require_ended(folder)
    opened = {f"{RUNS}/{name}": open_run(folder) for name, folder in places.items()}
    version, day = metadata.version("iluvatar-bench"), f"{datetime.now(UTC):%Y-%m-%d}"
    title = title or f"iluvatar-bench: {', '.join(places)}"
    files: dict[str, Content] = dict(_gathered(places))
    listed = "\n".join(f"    {name}" for name in opened)
    files["README.txt"] = _README.format(
        title=title, version=version, day=day, runs=listed, name=target.name
    ).encode()
    digests = {name: sha256_of(content) for name, content in sorted(files.items())}
    sizes = {name: _size_of(files[name]) for name in digests}
    document = crate_document(
        opened,
        [CrateFile(name=n, size_bytes=sizes[n], sha256=d) for n, d in digests.items()],
        title=title,
        license_text=license_text,
        published=day,
        version=version,
    )
    files[METADATA] = (json.dumps(document, indent=1) + "\n").encode()
    digests[METADATA] = sha256_of(files[METADATA])
    files[SUMS] = sums_text(digests).encode()
    write_zip(target, files, digests=digests)
    return Archived(
        path=target,
        runs=tuple(places),
        files=len(files),
        size_bytes=target.stat().st_size,
    )


def open_archive(path: Path, into: Path, *, most_gib: float = MOST_GIB) -> OpenedArchive:
    """Check an archive as if an enemy had made it, and unpack it into a new folder ``into``.

    Nothing is there afterwards unless every file is what its checksum says.

    Raises:
        UsageError: it is no archive of runs, it is damaged, or refused; or ``into`` exists.
        UnusablePath: it cannot be unpacked there.
    """
    if into.exists():
        raise UsageError(f"{into} exists: nothing is written over; choose another --into")
    if not most_gib > 0:
        raise UsageError(f"at most {most_gib:g} GiB are to be unpacked: it must be above 0")
    with opened_zip(path) as archive:
        names = checked_parts(path, archive, most_bytes=int(most_gib * 2**30))
        digests = read_sums(path, archive, names)
        own = {SUMS: sha256_of(archive.read(SUMS))}
        if METADATA not in digests or not any(n.startswith(f"{RUNS}/") for n in digests):
            raise UsageError(f"{path} is no archive of runs: it has no {METADATA} or no {RUNS}/")
        unpack_zip(path, archive, into, {**digests, **own})
    manifests = sorted((into / RUNS).glob("*/manifest.json"))
    return OpenedArchive(
        folder=into, runs=tuple(path.parent for path in manifests), files=len(digests)
    )


def _places(folders: Sequence[Path]) -> dict[str, Path]:
    """Each run's folder by its name in the archive; a run that was named twice is there once."""
    places: dict[str, Path] = {}
    for folder in dict.fromkeys(folder.resolve() for folder in folders):
        places[_unused(folder.name, places)] = folder
    return places


def _require_ended(folder: Path) -> None:
    """Refuse a run whose process still writes: it holds its journal's lock.

    Raises:
        UsageError: it does.
    """
    try:
        journal = (folder / "journal.jsonl").open("rb")
    except OSError:
        return
    with journal:
        try:
            fcntl.flock(journal, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UsageError(f"{folder} is a run that is under way: archive it later") from error


def _gathered(places: Mapping[str, Path]) -> Iterator[tuple[str, Content]]:
    """Every file of the archive but those that say what is in it."""
    for name, folder in places.items():
        for path in sorted(folder.rglob("*")):
            inside = path.relative_to(folder)
            hidden = any(part.startswith(".") for part in inside.parts)
            if path.is_file() and not path.is_symlink() and not hidden:
                yield f"{RUNS}/{name}/{inside.as_posix()}", path
    yield from _notebooks(places.values())
    facts = json.dumps(host_facts(), indent=2) + "\n"
    yield "environment/host.json", facts.encode()
    yield "environment/installed.txt", _installed().encode()
    root = NOTEBOOKS.parent
    for source, name in (
        ("requirements.lock", "environment/requirements.lock"),
        ("CITATION.cff", "CITATION.cff"),
    ):
        if IN_CHECKOUT and (root / source).is_file():
            yield name, root / source


def _notebooks(folders: Iterable[Path]) -> Iterator[tuple[str, Path]]:
    files = dict.fromkeys(path for folder in folders for path in notebook_files(folder))
    homes: dict[str, Path] = {}
    for home in dict.fromkeys(path.parent for path in files):
        homes[_unused(home.name, homes)] = home
    for name, home in homes.items():
        for path in files:
            if path.parent == home:
                yield f"{OF_NOTEBOOKS}/{name}/{path.name}", path


def _unused(name: str, taken: Container[str]) -> str:
    """The name, or it with a number behind that nobody has."""
    numbered = (f"{name}-{number}" for number in count(2))
    return next(one for one in chain([name], numbered) if one not in taken)


def _installed() -> str:
    """Every Python package of this environment, pinned."""
    pins = {f"{one.metadata['Name']}=={one.version}" for one in metadata.distributions()}
    return "".join(f"{pin}\n" for pin in sorted(pins, key=str.lower))


def _size_of(content: Content) -> int:
    return len(content) if isinstance(content, bytes) else content.stat().st_size
