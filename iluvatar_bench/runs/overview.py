"""What there is of runs, a row each: made to be quick, so that manifests and counts suffice."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from iluvatar_bench.errors import UsageError
from iluvatar_bench.host.journal import Journal
from iluvatar_bench.records import Outcome
from iluvatar_bench.records.workload import workload_of
from iluvatar_bench.runs.recorded import RECORDED_HOME, recorded_names
from iluvatar_bench.runs.run_names import RESULTS, glance, run_folders


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """A run at a glance. ``call`` is what it can be called by (``@2``, or its recorded name)."""

    call: str
    run_id: str
    folder: Path
    profile: str
    workload: str
    function: str
    trials: int | None
    """How many trials ended; None where its tables cannot be read."""
    failed: int | None
    started_at: str
    """ISO 8601, in UTC."""
    host: str
    status: str
    recorded: bool

    def as_json(self) -> dict[str, Any]:
        """JSON-ready values."""
        return {**asdict(self), "folder": str(self.folder.resolve())}


def run_rows(results: Path = RESULTS) -> tuple[RunRow, ...]:
    """The runs below ``results``, begun last first, and then the recorded ones by name."""
    made = [(f"@{number}", path) for number, path in enumerate(run_folders(results), start=1)]
    kept = [(name, RECORDED_HOME / name) for name in recorded_names()]
    return tuple(
        row for call, path in (*made, *kept) if (row := _row(call, path, RECORDED_HOME)) is not None
    )


def _row(call: str, folder: Path, recorded_home: Path) -> RunRow | None:
    manifest = glance(folder)
    if manifest is None:
        return None
    trials, failed = _counts(folder)
    return RunRow(
        call=call,
        run_id=str(manifest["run_id"]),
        folder=folder,
        profile=str(_part(manifest, "profile").get("name", "?")),
        workload=workload_of(manifest),
        function=str(manifest.get("function") or "?"),
        trials=trials,
        failed=failed,
        started_at=str(manifest.get("started_at") or ""),
        host=_host(_part(manifest, "host")),
        status=str(manifest.get("status") or "?"),
        recorded=folder.parent == recorded_home,
    )


def _part(manifest: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = manifest.get(name)
    return part if isinstance(part, dict) else {}


def _host(facts: Mapping[str, Any]) -> str:
    named = (facts.get("hostname"), facts.get("kernel"))
    cpus = facts.get("cpus")
    return ", ".join([*filter(None, named), *([f"{cpus} cpus"] if cpus else [])]) or "?"


def _counts(folder: Path) -> tuple[int | None, int | None]:
    """How many trials ended, and failed: from the smallest file that says so."""
    try:
        with (folder / "failure_rates.csv").open(newline="") as file:
            rows = [row for row in csv.DictReader(file) if row["kind"] == "outcome"]
        counts = [(row["bug_class"], int(row["count"])) for row in rows]
        if counts:
            failed = sum(n for name, n in counts if name == Outcome.FAILED)
            return sum(n for _, n in counts), failed
    except (OSError, KeyError, ValueError):
        pass
    return _counts_of_trials(folder)


def _counts_of_trials(folder: Path) -> tuple[int | None, int | None]:
    try:
        if not (folder / "trials.parquet").exists():
            journal = Journal(folder / "journal.jsonl")
            outcomes = Counter(row.get("outcome") for row in journal.each_row())
            return outcomes.total(), outcomes[str(Outcome.FAILED)]
        # Late: pandas takes longer to load than a list of runs to print.
        from iluvatar_bench.runs.load_trials import load_trials

        _, trials = load_trials(folder)
        failed = (part["outcome"] == str(Outcome.FAILED) for part in trials.parts("outcome"))
        return len(trials), sum(int(part.sum()) for part in failed)
    except (UsageError, AttributeError):
        return None, None
