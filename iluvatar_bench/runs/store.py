"""Run folders: the journals first, everything derived from them later, each file whole."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iluvatar_bench.errors import UnusablePath, UsageError
from iluvatar_bench.host.first_error import all_tried
from iluvatar_bench.host.full_disk import full_disk_told
from iluvatar_bench.host.journal import Journal
from iluvatar_bench.host.whole_files import whole_file, write_whole
from iluvatar_bench.records import READABLE_VERSIONS, SCHEMA_VERSION, Trial
from iluvatar_bench.records.run_status import IN_JOURNALS_ONLY
from iluvatar_bench.runs.run_log import RUN_LOG

if TYPE_CHECKING:
    # Tables come after the last container: a run's first need not wait for pandas.
    import pandas as pd

OBSERVATIONS = ("events", "deaths", "samples")
"""What a monitor sees, by the names of the tables."""

RESERVE_BYTES = 64 * 1024
"""What a run holds of its disk for the last lines of its journals, beside room for its manifest."""


class RunFolder:
    """The folder of one run. The journals are the truth until the tables are written.

    ``session`` counts how often the run was begun: 1, and one more each time that it is resumed.
    """

    def __init__(self, path: Path, *, session: int = 1) -> None:
        self.path = path
        self.session = session
        self.trials = Journal(path / "journal.jsonl")
        self.arrivals = Journal(path / "arrivals.jsonl")
        self.pool = Journal(path / "pool.jsonl")
        self.collections = Journal(path / "collections.jsonl")
        self.beside = Journal(path / "beside.jsonl")
        self.observations = {name: Journal(path / f"{name}.jsonl") for name in OBSERVATIONS}

    @property
    def run_id(self) -> str:
        """The run's id: the folder's name."""
        return self.path.name

    @property
    def manifest_path(self) -> Path:
        """Profile, plan, versions and host facts."""
        return self.path / "manifest.json"

    @property
    def journal_path(self) -> Path:
        """One JSON document a line, appended as each trial ends."""
        return self.trials.path

    @property
    def journals(self) -> tuple[Journal, ...]:
        """Every journal of the run."""
        observed = self.observations.values()
        return (
            *(self.trials, self.arrivals, self.pool, self.collections, self.beside),
            *observed,
        )

    @property
    def _reserve(self) -> Path:
        return self.path / ".reserve"

    @classmethod
    def create(cls, results: Path, *, profile_name: str) -> RunFolder:
        """A new folder below ``results``, named by time and profile.

        Raises:
            DiskFull: there is no room for it.
            UnusablePath: the folder cannot be made or written to.
        """
        safe = "".join(c if c.isalnum() or c in "-_." else "-" for c in profile_name)[:60]
        # To the microsecond: its end is in the containers' names, which runc knows for the whole
        # host, and other runs may begin there in the same millisecond.
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
        folder = cls(results / f"{safe}-{stamp}")
        try:
            with full_disk_told(results):
                folder.path.mkdir(parents=True)
        except OSError as error:
            raise UnusablePath(
                f"cannot write results to {results}: {error.strerror}; choose another folder"
            ) from error
        return folder

    def claim(self) -> None:
        """Keep other processes from going on with this run, until :meth:`close`.

        Raises:
            UsageError: another process is at it.
        """
        self.trials.claim()

    def discard_if_empty(self) -> None:
        """Remove the folder of a run that never began; whatever but its log is in it keeps it."""
        try:
            if [path.name for path in self.path.iterdir()] == [RUN_LOG]:
                (self.path / RUN_LOG).unlink()
            self.path.rmdir()
        except OSError:
            return

    def write_manifest(self, manifest: Mapping[str, Any]) -> None:
        """Write or replace the manifest; it carries the schema version."""
        document = {"schema_version": SCHEMA_VERSION, "run_id": self.run_id, **manifest}
        write_whole(self.manifest_path, json.dumps(document, indent=2) + "\n")

    def append(self, trial: Trial) -> None:
        """Append the trial to the journal; it survives the end of this process, however it ends."""
        self.trials.append(trial.as_json())

    def reserve(self) -> None:
        """Hold room on the disk for how a run ends there: its last lines and its last manifest.

        Raises:
            DiskFull: there is none.
        """
        room = RESERVE_BYTES + 2 * self.manifest_path.stat().st_size
        with full_disk_told(self.path), self._reserve.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, room)

    def use_reserve(self) -> None:
        """Give the room free that was held, and write the lines that had found none.

        Raises:
            DiskFull: there is no room even so.
        """
        self._reserve.unlink(missing_ok=True)
        self.flush()

    def flush(self) -> None:
        """Write the lines that a full disk did not take.

        Raises:
            DiskFull: there still is no room for some.
        """
        all_tried(journal.flush for journal in self.journals)

    def close(self) -> None:
        """Close the journals, all that is in them is on the disk then; and give the reserve free.

        Raises:
            DiskFull: there was no room for some of it. They are closed.
        """
        self._reserve.unlink(missing_ok=True)
        all_tried(journal.close for journal in self.journals)

    def journal(self) -> list[Trial]:
        """Every trial of the journal, in the order of their ends.

        Raises:
            UsageError: the journal is damaged.
        """
        return [Trial.from_json(row) for row in self.trials.rows()]

    def write_table(self, name: str, frame: pd.DataFrame) -> None:
        """Write one table as Parquet."""
        with whole_file(self.path / f"{name}.parquet") as draft:
            frame.to_parquet(draft, index=False)

    def write_csv(self, name: str, frame: pd.DataFrame) -> None:
        """Write one table as CSV."""
        with whole_file(self.path / f"{name}.csv") as draft:
            frame.to_csv(draft, index=False)


def read_manifest(path: Path) -> dict[str, Any]:
    """The manifest of a run folder.

    Raises:
        UsageError: it is no run folder, or another schema's.
    """
    folder = RunFolder(path)
    try:
        manifest = json.loads(folder.manifest_path.read_text())
    except FileNotFoundError as error:
        raise UsageError(f"{path} is no run folder: it has no manifest.json") from error
    except (OSError, ValueError) as error:
        raise UsageError(f"{folder.manifest_path} cannot be read: {error}") from error
    version = manifest.get("schema_version") if isinstance(manifest, dict) else None
    if version not in READABLE_VERSIONS:
        *others, last = map(str, READABLE_VERSIONS)
        readable = f"{', '.join(others)} and {last}"
        raise UsageError(f"{path} has schema version {version}; this program reads {readable}")
    assert isinstance(manifest, dict)
    return manifest


AnyOf = Sequence[tuple[str, str, object]]
"""Conditions on columns, of which a row has to meet one: ``("container_id", "==", "c-1")``."""


def read_table(
    path: Path,
    name: str,
    journal: Journal,
    *,
    columns: Sequence[str] | None = None,
    any_of: AnyOf = (),
) -> pd.DataFrame | None:
    """A table of a run; None where its journal is to be read instead.

    That is where the run had not come to writing it (so that a table may be one of an earlier
    session) or had no room for it, or where it is missing or torn and there is a journal. Of a
    table no more is in memory than the ``columns`` that are named, and the rows of ``any_of``.

    Raises:
        UsageError: it is torn, and there is no journal.
    """
    table = path / f"{name}.parquet"
    if not has_table(path, name, journal):
        return None
    import pandas as pd

    filters = [[condition] for condition in any_of] or None
    try:
        known = None if columns is None else _known_columns(table, columns)
        return pd.read_parquet(table, columns=known, filters=filters)
    except (OSError, ValueError, KeyError, TypeError) as error:
        if journal.path.exists():
            return None
        raise _unreadable(path, name, error) from error


def require_table(path: Path, name: str, journal: Journal) -> None:
    """Refuse a table that is torn, without reading it: the end of its file tells.

    Raises:
        UsageError: it is, and there is no journal.
    """
    if journal.path.exists() or not has_table(path, name, journal):
        return
    try:
        _known_columns(path / f"{name}.parquet", ())
    except (OSError, ValueError) as error:
        raise _unreadable(path, name, error) from error


def has_table(path: Path, name: str, journal: Journal) -> bool:
    """Whether there is a table that the run has written last."""
    if journal.path.exists() and _unfinished(path):
        return False
    return (path / f"{name}.parquet").exists()


def _known_columns(table: Path, columns: Sequence[str]) -> list[str]:
    """Those of the columns that the table has."""
    import pyarrow.parquet as pq

    there = set(pq.read_schema(table).names)
    return [name for name in columns if name in there]


def _unreadable(path: Path, name: str, error: Exception) -> UsageError:
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return UsageError(f"the {name} in {path} cannot be read: {reason}")


def _unfinished(path: Path) -> bool:
    try:
        return read_manifest(path).get("status") in IN_JOURNALS_ONLY
    except UsageError:
        return False
