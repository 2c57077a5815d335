"""What a sweep keeps, below a URL of fsspec: one dataset of trials, a record a cell, a table.

::

    <out>/sweep-<grid>/
      sweep.json            how it was begun, and the facts of its hosts
      trials/profile=…/snapshotter=…/concurrency=…/function=…/seed=…/<cell>.parquet
      cells/<cell>.json     written last: where it says so, the cell is finished
      cells.csv             all of them, when the sweep ends

Only the process of the sweep writes here. Whatever it writes is written beside its place and moved
there, so that a reader never sees half of it.
"""

from __future__ import annotations

import csv
import io
import json
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

import fsspec
from fsspec.implementations.local import LocalFileSystem
from pydantic import TypeAdapter

from iluvatar_bench.batch.sweep.job_outcome import JobEnd
from iluvatar_bench.errors import EnvironmentProblem, MissingExtra, UnusablePath, UsageError
from iluvatar_bench.host.whole_files import DRAFT_SUFFIX, whole_file

TRIALS_FOLDER = "trials"
_RECORDS = "cells"
_SWEEP_FILE = "sweep.json"

Kind = TypeVar("Kind")


@dataclass(frozen=True, slots=True, kw_only=True)
class CellRecord:
    """One cell that ended. ``run`` is its folder on ``hostname``; ``lost`` counts the workers that
    were lost with it; ``classes`` are the failed containers of each bug class."""

    cell: str
    profile: str
    snapshotter: str
    concurrency: int
    function: str
    seed: int
    end: JobEnd
    host: str
    hostname: str
    run: str | None = None
    error: str | None = None
    lost: int = 0
    seconds: float | None = None
    trials: int = 0
    ok: int = 0
    failed: int = 0
    unknown: int = 0
    classes: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepRecord:
    """How a sweep was begun. ``runs`` is the name of its folder on other hosts, which no other
    sweep has: a cell that was run for another one is none of this. ``hosts`` are the facts of those
    that were given cells, by address."""

    runs: str
    versions: dict[str, str]
    hosts: dict[str, dict[str, Any]] = field(default_factory=dict)


CELL_COLUMNS = tuple(one.name for one in fields(CellRecord))
"""Of ``cells.csv``; ``classes`` as JSON."""

_RECORD = TypeAdapter(CellRecord)
_SWEEP = TypeAdapter(SweepRecord)


class SweepStore:
    """The folder of one sweep, wherever that is.

    Raises:
        UsageError: it is no URL that fsspec knows.
        MissingExtra: it takes a package that is not installed.
    """

    def __init__(self, out: str, *, name: str) -> None:
        try:
            self._files, root = fsspec.core.url_to_fs(out)
        except ImportError as error:
            # fsspec says which package, and how to get it.
            raise MissingExtra(f"--out {out}: {' '.join(str(error).split())}") from error
        except ValueError as error:
            raise UsageError(f"--out {out}: {error}") from error
        self._name = f"sweep-{name}"
        self._root = f"{str(root).rstrip('/')}/{self._name}"
        self.url = self._files.unstrip_protocol(self._root)

    @property
    def folder(self) -> Path | None:
        """The folder, where it is one of this host's; None elsewhere."""
        return Path(self._root) if isinstance(self._files, LocalFileSystem) else None

    @property
    def shown(self) -> str:
        """What to call it: a path where it is one."""
        return self.url if self.folder is None else str(self.folder)

    def finished(self, *, resume: bool) -> dict[str, CellRecord]:
        """The cells that are finished already, by id. Nothing is written.

        Raises:
            UsageError: cells of it have ended before, and ``resume`` is not set.
            UnusablePath: it cannot be read.
        """
        with self._usable():
            files = self._files.find(f"{self._root}/{_RECORDS}")
        paths = [path for path in files if path.endswith(".json")]
        if paths and not resume:
            raise UsageError(f"this sweep was begun before: --resume goes on in {self.shown}")
        found = [self._read(path, _RECORD) for path in paths]
        return {one.cell: one for one in found if one and one.end is JobEnd.FINISHED}

    def begun(self, *, versions: dict[str, str]) -> SweepRecord:
        """How the sweep was begun, which is now where it was not before.

        Raises:
            UnusablePath: it cannot be read or written.
        """
        path = f"{self._root}/{_SWEEP_FILE}"
        with self._usable():
            there = self._files.exists(path)
        found = self._read(path, _SWEEP) if there else None
        if found is None:
            found = SweepRecord(runs=f"{self._name}-{secrets.token_hex(4)}", versions=versions)
            self.keep_sweep(found)
        return found

    def keep_sweep(self, record: SweepRecord) -> None:
        """Write how the sweep was begun.

        Raises:
            UnusablePath: it cannot be written.
        """
        self._write(_SWEEP_FILE, (json.dumps(asdict(record), indent=2) + "\n").encode())

    def keep_part(self, path: str, part: bytes) -> None:
        """Write a part of the dataset; one of the same cell that was there is replaced.

        Raises:
            UnusablePath: it cannot be written.
        """
        self._write(f"{TRIALS_FOLDER}/{path}", part)

    def keep_record(self, record: CellRecord) -> None:
        """Write a cell's record, after its part.

        Raises:
            UnusablePath: it cannot be written.
        """
        text = json.dumps(asdict(record), indent=2) + "\n"
        self._write(f"{_RECORDS}/{record.cell}.json", text.encode())

    def keep_table(self, records: Iterable[CellRecord]) -> None:
        """Write ``cells.csv``, a row a cell.

        Raises:
            UnusablePath: it cannot be written.
        """
        text = io.StringIO(newline="")
        table = csv.DictWriter(text, CELL_COLUMNS, lineterminator="\n")
        table.writeheader()
        table.writerows({**asdict(one), "classes": json.dumps(one.classes)} for one in records)
        self._write("cells.csv", text.getvalue().encode())

    def _read(self, path: str, kind: TypeAdapter[Kind]) -> Kind | None:
        with self._usable():
            content = self._files.cat_file(path)
        try:
            return kind.validate_json(content)
        except ValueError:
            # Not of this version, or damaged since: as if it had not been written.
            return None

    def _write(self, below: str, content: bytes) -> None:
        path = PurePosixPath(self._root, below)
        with self._usable():
            self._files.makedirs(str(path.parent), exist_ok=True)
            if self.folder is not None:
                with whole_file(Path(path)) as draft:
                    draft.write_bytes(content)
                return
            draft_path = str(path.parent / f".{path.name}.{secrets.token_hex(4)}{DRAFT_SUFFIX}")
            self._files.pipe_file(draft_path, content)
            self._files.mv(draft_path, str(path))

    @contextmanager
    def _usable(self) -> Iterator[None]:
        """Every file system of fsspec has errors of its own; here they are one."""
        try:
            yield
        except EnvironmentProblem:
            raise
        except Exception as error:
            told: Any = getattr(error, "strerror", None) or str(error) or type(error).__name__
            told = " ".join(str(told).split())
            raise UnusablePath(f"cannot use {self.shown}: {told}") from error
