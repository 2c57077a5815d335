"""What tests start in order to kill it: a churn (``python -m``, with its folder), a run's end."""

from __future__ import annotations

import asyncio
import sys
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from iluvatar_bench.plans import ArrivalProcess, ChurnPlan, PooledFunction, churn
from iluvatar_bench.profiles import PRESETS
from iluvatar_bench.records import Death, Event, Outcome, Sample, Trial, Way
from iluvatar_bench.records.run_status import RunStatus
from iluvatar_bench.runs import RunFolder, run_churn
from iluvatar_bench.runs.execute import write_run
from tests.support.run_folders import MANIFEST

FUNCTIONS = tuple(PooledFunction(name, name, 128) for name in ("hello", "float_operation"))
TRIALS = 40


def churn_plan() -> ChurnPlan:
    """A closed loop with evictions."""
    return churn(
        arrivals=24,
        functions=FUNCTIONS,
        budget_mib=256,
        seed=5,
        process=ArrivalProcess(pattern="closed", clients=2),
    )


def a_trial(run_id: str, number: int) -> Trial:
    failed = number % 7 == 3
    return Trial(
        run_id=run_id,
        trial=number,
        container_id=f"c-{number}",
        profile="guarded",
        factors={"cgroup": "own"},
        function="hello",
        submitted_at="2026-01-01T00:00:00+00:00",
        outcome=Outcome.FAILED if failed else Outcome.OK,
        bug_class="process_died" if failed else None,
        error="x" * 2000,
    )


def journals(path: Path) -> tuple[RunFolder, dict[str, Any]]:
    """A run whose trials have all ended, with its journals only; and its manifest."""
    folder = RunFolder(path)
    manifest = {**MANIFEST, "run_id": folder.run_id}
    manifest["plan"] = {**MANIFEST["plan"], "trials": [{}] * TRIALS}
    folder.write_manifest({**manifest, "status": RunStatus.RUNNING})
    at = "2026-01-01T00:00:00+00:00"
    for number in range(TRIALS):
        name = f"c-{number}"
        folder.append(a_trial(folder.run_id, number))
        event = Event(run_id="r", timestamp=at, topic="/tasks/exit", container_id=name)
        folder.observations["events"].append(event.as_row())
        death = Death(
            run_id="r", container_id=name, pid=1, first_way=Way.WAIT, first_seen_at=at, wait_at=at
        )
        folder.observations["deaths"].append(death.as_row())
        sample = Sample(
            run_id="r", round=number, sampled_at=at, container_id=None, rss_bytes=1, diff_bytes=0
        )
        folder.observations["samples"].append(sample.as_row())
    return folder, manifest


def end(path: Path) -> None:
    """Write a run's tables and its manifest: its end."""
    folder, manifest = journals(path)
    write_run(folder, {**manifest, "status": RunStatus.FINISHED})


def end_for_ever(path: Path, begins: Connection) -> None:
    """End a run again and again, until killed; tells when it begins to."""
    folder, manifest = journals(path)
    begins.send("now")
    while True:
        write_run(folder, {**manifest, "status": RunStatus.FINISHED})
        folder.write_manifest({**manifest, "status": RunStatus.RUNNING})


if __name__ == "__main__":
    asyncio.run(run_churn(PRESETS["guarded"], churn_plan(), results=Path(sys.argv[1])))
