"""Run folders made without a daemon: real records, real files, counts that a test chooses."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

from iluvatar_bench.records import Outcome, Trial
from iluvatar_bench.records.frames import trials_frame
from iluvatar_bench.runs import RunResult, open_run
from iluvatar_bench.runs.recorded import RECORDED_HOME

MANIFEST = json.loads((RECORDED_HOME / "guarded" / "manifest.json").read_text())


def make_run(folder: Path, manifest: dict[str, Any] | None = None, **counts: int) -> RunResult:
    """A finished run with so many trials of each bug class; ``ok`` and ``unknown`` are outcomes.

    ``manifest`` is laid over that of a recorded run, one level deep: ``{"host": {"cpus": 4}}``.
    """
    folder.mkdir(parents=True)
    document = deepcopy(MANIFEST)
    for key, value in (manifest or {}).items():
        merged = {**document.get(key, {}), **value} if isinstance(value, dict) else value
        document[key] = merged
    total = sum(counts.values())
    planned = document["plan"]["trials"][0]
    document["plan"]["trials"] = [{**planned, "index": index} for index in range(total)]
    document["run_id"] = folder.name
    (folder / "manifest.json").write_text(json.dumps(document))
    names = [name for name, count in counts.items() for _ in range(count)]
    trials = [_trial(folder.name, document, number, name) for number, name in enumerate(names)]
    trials_frame(trials).to_parquet(folder / "trials.parquet", index=False)
    return open_run(folder)


def _trial(run_id: str, manifest: dict[str, Any], number: int, name: str) -> Trial:
    failed = name not in ("ok", "unknown")
    return Trial(
        run_id=run_id,
        trial=number,
        container_id=f"c-{number}",
        profile=manifest["profile"]["name"],
        factors={"cgroup": manifest["profile"]["cgroup"]},
        function="hello",
        submitted_at=f"2026-11-23T06:46:{number % 60:02d}+00:00",
        outcome=Outcome.FAILED if failed else Outcome(name),
        bug_class=name if failed else None,
        mechanism="unknown" if failed else None,
        error="it failed" if failed else None,
        steps={"create_ms": 2.0 + number, "start_ms": 10.0},
        total_ms=20.0 + number,
    )
