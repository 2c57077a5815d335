"""What a trial costs to keep, by how many there are: time, bytes, memory; and a failure's look-ups.

No container is started: trials like those of the recorded runs go through the real store, as a run
hands them to it. Each number of trials is measured in a process of its own, whose memory is that of
nothing else.
"""

from __future__ import annotations

import multiprocessing
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from iluvatar_bench.benchmarks.made_trials import (
    BEGAN,
    TOPICS,
    keep_trial,
    trials_like_recorded,
)
from iluvatar_bench.benchmarks.repeated_run import write_repeated
from iluvatar_bench.containerd.services.events import DaemonEvent
from iluvatar_bench.lifecycle import KillLog
from iluvatar_bench.monitor import event_facts
from iluvatar_bench.monitor.kept_events import KeptEvents
from iluvatar_bench.plans import KeepAlivePool
from iluvatar_bench.runs.store import RunFolder

_LOOK_UPS = 200
NEIGHBOURS = 50
"""So many Kills are as recent as the failure that asks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordCost:
    """What ``trials`` trials took.

    ``journal_us`` and ``tables_us`` are microseconds of a trial, to be written down as it ends and
    to become rows of tables; ``journal_bytes`` and ``table_bytes`` what it takes on the disk;
    ``peak_bytes`` the most memory that the process had, to the end of the tables. ``open_seconds``
    and ``open_peak_bytes`` are of another process that opens the run, which counts its trials and
    computes the rate of each class. ``copied_…`` are of a run made of copies of its tables.
    """

    trials: int
    journal_us: float
    tables_us: float
    journal_bytes: float
    table_bytes: float
    peak_bytes: int
    open_seconds: float
    open_peak_bytes: int
    report_seconds: float | None = None
    report_bytes: int | None = None
    report_peak_bytes: int | None = None
    copied_trials: int | None = None
    copied_open_seconds: float | None = None
    copied_open_peak_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LookUpCost:
    """What a failure looks up in our own logs after ``trials`` trials, and a pool's decision.

    Medians in microseconds; the decision is one with ``trials`` arrivals that wait for memory.
    """

    trials: int
    failure_us: float
    decision_us: float


def record_costs(
    counts: list[int],
    *,
    home: Path | None = None,
    report: Callable[[Path], int] | None = None,
    copies: int = 0,
) -> Iterator[RecordCost]:
    """The cost of each number of trials, as it is measured.

    ``home`` is where the runs are written, a temporary folder by default; they are removed.
    ``report`` makes the report of a run, from its folder, and gives the report's bytes; it is a
    function of a module, because a process of its own calls it. With ``copies`` a run of so many
    times the trials is opened too (:mod:`repeated_run`).

    Raises:
        DiskFull, OSError: there is no room there.
    """
    for trials in counts:
        with tempfile.TemporaryDirectory(prefix="iluvatar-bench-", dir=home) as folder:
            recorded = _alone(_record, trials, folder)
            opened = _alone(_open, folder)
            told = {} if report is None else _alone(_report, report, folder)
            if copies:
                _alone(_copy, folder, copies)
                told |= {f"copied_{k}": v for k, v in _alone(_open, folder, "copies").items()}
                told["copied_trials"] = copies * trials
        yield RecordCost(trials=trials, **recorded, **opened, **told)


def look_up_costs(counts: list[int]) -> Iterator[LookUpCost]:
    """The cost of a failure's look-ups and of a pool's decision after so many trials."""
    for trials in counts:
        yield LookUpCost(
            trials=trials, failure_us=_failure_us(trials), decision_us=_decision_us(trials)
        )


def _alone(work: Callable[..., dict[str, Any]], *arguments: Any) -> dict[str, Any]:
    """Its result in a process of its own."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(work, *arguments).result()


def _record(trials: int, home: str) -> dict[str, Any]:
    from iluvatar_bench.runs.run_tables import write_tables

    folder = RunFolder(Path(home) / "run")
    folder.path.mkdir()
    folder.write_manifest({"status": "running", "plan": {"trials": []}, "profile": {"name": "p"}})
    # The templates are read before the clock runs.
    waiting = trials_like_recorded(trials)
    first = next(waiting)
    began = time.monotonic()
    keep_trial(folder, first)
    for trial in waiting:
        keep_trial(folder, trial)
    folder.flush()
    journaled, journal_bytes = time.monotonic(), _bytes(folder.path)
    write_tables(folder)
    ended = time.monotonic()
    folder.write_manifest({"status": "finished", "plan": {"trials": []}, "profile": {"name": "p"}})
    folder.close()
    return {
        "journal_us": 1e6 * (journaled - began) / trials,
        "tables_us": 1e6 * (ended - journaled) / trials,
        "journal_bytes": journal_bytes / trials,
        "table_bytes": (_bytes(folder.path) - journal_bytes) / trials,
        "peak_bytes": _peak_bytes(),
    }


def _copy(home: str, copies: int) -> dict[str, Any]:
    write_repeated(Path(home) / "run", copies, Path(home) / "copies")
    return {}


def _open(home: str, name: str = "run") -> dict[str, Any]:
    from iluvatar_bench.runs.result import open_run

    began = time.monotonic()
    open_run(Path(home) / name)
    return {"open_seconds": time.monotonic() - began, "open_peak_bytes": _peak_bytes()}


def _report(make: Callable[[Path], int], home: str) -> dict[str, Any]:
    began = time.monotonic()
    written = make(Path(home) / "run")
    return {
        "report_seconds": time.monotonic() - began,
        "report_bytes": written,
        "report_peak_bytes": _peak_bytes(),
    }


def _failure_us(trials: int) -> float:
    """Our own Kills and events of a container, after all others have had theirs.

    :data:`NEIGHBOURS` Kills are as recent as it, which is how many it is asked about.
    """
    kills, events = KillLog(), KeptEvents()
    since = 0.0
    for number in range(trials):
        if number == trials - NEIGHBOURS:
            since = time.time()
        name = f"c{number}"
        for topic in TOPICS:
            events.append(DaemonEvent(BEGAN, "n", topic, container_id=name, snapshot_key=name))
        with kills.record(name, cgroup=f"/n/{name}", all_processes=True, signal=9):
            pass
    taken = []
    for number in range(_LOOK_UPS):
        name = f"c{trials - 1 - number % trials}"
        began = time.perf_counter()
        kills.of(name)
        kills.of_neighbours(name, cgroup=f"/n/{name}", since=since)
        kills.reaping_seconds()
        event_facts(events.of(name))
        taken.append(time.perf_counter() - began)
    return 1e6 * statistics.median(taken)


def _decision_us(waiting: int) -> float:
    pool = KeepAlivePool(budget_mib=512, memory_mib={"a": 64, "b": 128})
    for arrival in range(waiting):
        pool.arrive(arrival, "ab"[arrival % 2])
    taken = []
    for arrival in range(waiting, waiting + _LOOK_UPS):
        began = time.perf_counter()
        pool.arrive(arrival, "a")
        taken.append(time.perf_counter() - began)
    return 1e6 * statistics.median(taken)


def _peak_bytes() -> int:
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())
