"""The folder of an observation while it goes on: journals, and who is being followed."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from iluvatar_bench.errors import DiskFull, UnusablePath, UsageError
from iluvatar_bench.host.first_error import all_tried
from iluvatar_bench.host.full_disk import full_disk_told
from iluvatar_bench.host.journal import Journal
from iluvatar_bench.host.segments import SegmentedJournal
from iluvatar_bench.host.whole_files import write_whole
from iluvatar_bench.observe.settings import MOST_SEGMENTS
from iluvatar_bench.records import SCHEMA_VERSION, Death, Event, Sample, Trial
from iluvatar_bench.records.run_status import OBSERVED, RunStatus

log = logging.getLogger(__name__)

SEEN = (
    "events",
    "deaths",
    "samples",
    "counters",
    "alarms",
    "leases",
    "collections",
    "health",
    "logs",
)
"""What is only seen: the oldest of it goes where a limit is reached."""

_MOST_FOLLOWED_LINES = 20_000
"""After so many lines the list of those that are followed is written anew."""


class ObservedFolder:
    """The folder of one observation; :func:`open_folder` opens it.

    The journal of trials is the truth, as in every run. ``followed.jsonl`` says which containers
    were followed: those that are gone when this program comes back have ended unseen.
    """

    def __init__(self, path: Path, *, segment_bytes: int) -> None:
        self.path = path
        self.broken: str | None = None
        self._trials = SegmentedJournal(path / "journal.jsonl", segment_bytes=segment_bytes)
        self._seen = {
            name: SegmentedJournal(
                path / f"{name}.jsonl", segment_bytes=segment_bytes, most_segments=MOST_SEGMENTS
            )
            for name in SEEN
        }
        self._lock = Journal(path / "lock.jsonl")
        self._followed = Journal(path / "followed.jsonl")
        self._followed_lines = 0
        self.manifest: dict[str, Any] = {}

    @property
    def run_id(self) -> str:
        """The run's id: the folder's name."""
        return self.path.name

    @property
    def lock_path(self) -> Path:
        """What keeps other processes away."""
        return self._lock.path

    def discard_if_unbegun(self) -> None:
        """Remove the folder of an observation that never began; whatever is in it keeps it."""
        if (self.path / "manifest.json").exists():
            return
        self._lock.path.unlink(missing_ok=True)
        with suppress(OSError):
            self.path.rmdir()

    @property
    def journals(self) -> tuple[Journal, ...]:
        """Every journal, to be synced."""
        return (self._trials, self._followed, *self._seen.values())

    @property
    def dropped_segments(self) -> dict[str, int]:
        """How many segments of what is only seen had to go."""
        return {name: journal.dropped for name, journal in self._seen.items() if journal.dropped}

    def write_manifest(self, **changes: Any) -> None:
        """Write or replace the manifest with these changes."""
        self.manifest |= changes
        document = {"schema_version": SCHEMA_VERSION, "run_id": self.run_id, **self.manifest}
        write_whole(self.path / "manifest.json", json.dumps(document, indent=2) + "\n")

    def trial(self, trial: Trial) -> None:
        """Keep a trial; it survives the end of this process, however it ends.

        Raises:
            DiskFull: there is no room for it.
        """
        self._trials.append(trial.as_json())

    def follow(self, key: Mapping[str, Any]) -> None:
        """A container is followed from here on."""
        self._followed.append({"follow": dict(key)})
        self._followed_lines += 1

    def leave(self, key: Mapping[str, Any]) -> None:
        """It is followed no more: its trial is in the journal."""
        self._followed.append({"leave": dict(key)})
        self._followed_lines += 1

    def shorten_followed(self, keys: Iterable[Mapping[str, Any]]) -> None:
        """Write the list of those that are followed anew, once it has become long."""
        if self._followed_lines < _MOST_FOLLOWED_LINES:
            return
        lines = [json.dumps({"follow": dict(key)}) + "\n" for key in keys]
        self._followed.close()
        write_whole(self._followed.path, "".join(lines))
        self._followed_lines = len(lines)

    def event(self, event: Event) -> None:
        """An event of containerd."""
        self._note("events", event.as_row())

    def death(self, death: Death) -> None:
        """A death: all that is known of it in the end."""
        self._note("deaths", death.as_row())

    def samples(self, samples: Iterable[Sample], *, first_round: int = 0) -> None:
        """A round of the memory poller; rounds are numbered on from ``first_round``."""
        for sample in samples:
            self._note("samples", {**sample.as_row(), "round": sample.round + first_round})

    def counters(self, row: Mapping[str, Any]) -> None:
        """What one container's cgroup has used."""
        self._note("counters", row)

    def alarm(self, row: Mapping[str, Any]) -> None:
        """Damage that nobody has noticed yet."""
        self._note("alarms", row)

    def seen(self, name: str, row: Mapping[str, Any]) -> None:
        """A row of the journals ``leases``, ``collections``, ``health`` or ``logs``."""
        self._note(name, row)

    def last_round(self) -> int:
        """The number of the last round that an earlier session has kept; -1 for none."""
        late = self._seen["samples"].each_row(newest=1)
        return max((row["round"] for row in late), default=-1)

    def last_trial(self) -> int:
        """The number of the last trial that an earlier session has kept; -1 for none.

        Raises:
            UsageError: the journal is damaged.
        """
        return max((int(row["trial"]) for row in self._trials.each_row(newest=1)), default=-1)

    def left_open(self) -> list[Mapping[str, Any]]:
        """Those that were followed when this program ended, and have no trial.

        Raises:
            UsageError: a journal is damaged.
        """
        open_: dict[str, dict[str, Any]] = {}
        for row in self._followed.each_row():
            key = row.get("follow") or row.get("leave") or {}
            if "follow" in row:
                open_[_text(key)] = key
            else:
                open_.pop(_text(key), None)
        if open_:
            # Killed between the trial and its leaving the list, or what left it was not yet on the
            # disk when the host went: the trials of some seconds.
            for row in self._trials.each_row(newest=2):
                open_.pop(_text((row.get("evidence") or {}).get("key") or {}), None)
        return list(open_.values())

    def flush_and_close(self) -> None:
        """Close every journal: all that is in them is on the disk then.

        Raises:
            DiskFull: there was no room for some of it. They are closed.
        """
        all_tried(journal.close for journal in (*self.journals, self._lock))

    def claim(self) -> None:
        """Keep every other process from this folder.

        Raises:
            UsageError: another process is at it.
        """
        self._lock.claim()

    def _note(self, name: str, row: Mapping[str, Any]) -> None:
        """What is only seen must not end the observation."""
        if self.broken is not None:
            return
        try:
            self._seen[name].append(row)
        except (DiskFull, OSError) as error:
            self.broken = f"{self._seen[name].path}: {error}"
            log.warning("what is seen cannot be written down any more: %s", self.broken)


def open_folder(path: Path, *, segment_bytes: int) -> ObservedFolder:
    """A new folder, or that of an observation which is gone on with.

    Raises:
        UsageError: it is something else, or another process is at it.
        UnusablePath: it cannot be made.
    """
    try:
        with full_disk_told(path):
            path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UnusablePath(
            f"cannot write to {path}: {error.strerror}; choose another folder"
        ) from error
    folder = ObservedFolder(path, segment_bytes=segment_bytes)
    before = _manifest(path)
    if before is None and any(there.name != folder.lock_path.name for there in path.iterdir()):
        raise UsageError(f"{path} holds something else: choose a folder that is empty or new")
    folder.claim()
    folder.manifest = before or {}
    return folder


def _manifest(path: Path) -> dict[str, Any] | None:
    """That of the sessions before; None for a new folder."""
    try:
        manifest = json.loads((path / "manifest.json").read_text())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise UsageError(f"{path / 'manifest.json'} cannot be read: {error}") from error
    if not isinstance(manifest, dict) or (manifest.get("plan") or {}).get("kind") != OBSERVED:
        raise UsageError(f"{path} is no observation's folder: choose another one")
    return manifest


def earlier_session(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """What is kept of the session before."""
    names = ("started_at", "ended_at", "status", "event_gaps", "witness", "counts")
    return {
        "status": RunStatus.RUNNING,
        **{name: manifest[name] for name in names if name in manifest},
    }


def _text(key: Mapping[str, Any]) -> str:
    return json.dumps(key, sort_keys=True)
