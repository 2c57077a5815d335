"""Run folders: the journal first, everything derived from it later."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import pandas as pd

from iluvatar_bench.errors import UnusablePath, UsageError
from iluvatar_bench.records import READABLE_VERSIONS, SCHEMA_VERSION, Trial
from iluvatar_bench.records.frames import Observations, trials_frame


class RunFolder:
    """The folder of one run. ``journal.jsonl`` is the truth until the tables are written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._journal: IO[str] | None = None

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
        return self.path / "journal.jsonl"

    @classmethod
    def create(cls, results: Path, *, profile_name: str) -> RunFolder:
        """A new folder below ``results``, named by time and profile.

        Raises:
            UnusablePath: the folder cannot be made or written to.
        """
        safe = "".join(c if c.isalnum() or c in "-_." else "-" for c in profile_name)[:60]
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")[:-3]
        folder = cls(results / f"{safe}-{stamp}")
        try:
            folder.path.mkdir(parents=True)
        except OSError as error:
            raise UnusablePath(
                f"cannot write results to {results}: {error.strerror}; choose another folder"
            ) from error
        return folder

    def discard_if_empty(self) -> None:
        """Remove the folder of a run that never began; whatever is in it keeps it."""
        try:
            self.path.rmdir()
        except OSError:
            return

    def write_manifest(self, manifest: Mapping[str, Any]) -> None:
        """Write or replace the manifest; it carries the schema version."""
        document = {"schema_version": SCHEMA_VERSION, "run_id": self.run_id, **manifest}
        self.manifest_path.write_text(json.dumps(document, indent=2) + "\n")

    def append(self, trial: Trial) -> None:
        """Append the trial to the journal; it survives the end of this process, however it ends."""
        if self._journal is None:
            self._journal = self.journal_path.open("a")
        self._journal.write(json.dumps(trial.as_json()) + "\n")
        self._journal.flush()

    def close(self) -> None:
        """Close the journal."""
        if self._journal is not None:
            self._journal.close()
            self._journal = None

    def journal(self) -> list[Trial]:
        """Every trial of the journal, in the order of their ends.

        A last line without its end is one that a killed process could not finish: passed over.
        """
        if not self.journal_path.exists():
            return []
        lines = self.journal_path.read_text().split("\n")[:-1]
        return [Trial.from_json(json.loads(line)) for line in lines]

    def write_tables(
        self, trials: pd.DataFrame, seen: Observations, invocations: pd.DataFrame
    ) -> None:
        """Write the trials, what the monitor saw and the invocations; ``trials`` as CSV too."""
        trials.to_parquet(self.path / "trials.parquet", index=False)
        trials.to_csv(self.path / "trials.csv", index=False)
        invocations.to_parquet(self.path / "invocations.parquet", index=False)
        for name, frame in seen.frames().items():
            frame.to_parquet(self.path / f"{name}.parquet", index=False)


def load_observations(path: Path) -> dict[str, pd.DataFrame]:
    """What was seen over a run: ``events``, ``deaths`` and ``samples``; empty where there are none.

    The columns are those of ``records.Event``, ``Death`` and ``Sample``.
    """
    return {
        name: pd.read_parquet(table) if (table := path / f"{name}.parquet").exists() else empty
        for name, empty in Observations().frames().items()
    }


def load_run(path: Path) -> tuple[dict[str, Any], pd.DataFrame]:
    """The manifest and the trials of a run folder; the journal serves where a run was cut off.

    Raises:
        UsageError: it is no run folder, it is empty, or another schema's.
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
        readable = " and ".join(map(str, READABLE_VERSIONS))
        raise UsageError(f"{path} has schema version {version}; this program reads {readable}")
    table = path / "trials.parquet"
    try:
        frame = pd.read_parquet(table) if table.exists() else trials_frame(folder.journal())
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UsageError(f"the trials in {path} cannot be read: {reason}") from error
    if frame.empty:
        raise UsageError(f"{path} holds no trial")
    return manifest, frame
