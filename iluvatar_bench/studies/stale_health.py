"""A cause of arrivals' failures, made on purpose: a dead container that stays in the pool.

A worker with ``health=invoke`` learns in rounds that a container has ended. Until then it is given
requests, and each of them fails: the first of them marks it, or a round does, and the next round
removes it.

``python -m iluvatar_bench.studies.stale_health OUT.csv`` makes it five times.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
from pathlib import Path

import pandas as pd

from iluvatar_bench.bugs import Mechanism
from iluvatar_bench.host.kernel import cgroups
from iluvatar_bench.plans import Arrival, ChurnPlan, PooledFunction
from iluvatar_bench.profiles import resolve_profile
from iluvatar_bench.records import ArrivalRecord
from iluvatar_bench.runs.churn import run_churn

STALE_HEALTH_COLUMNS = ("repeat", "expected", "attributed", "bug_class", "arrivals", "until_ms")

_EVERY_MS = 200.0
_ARRIVALS = 20
_KILLED_AFTER = 2
_MEMORY_MIB = 128


async def stale_health(*, repeats: int = 5, results: Path) -> pd.DataFrame:
    """Kill the only container of a pool behind its back, ``repeats`` times; what failed and why.

    Returns:
        The columns :data:`STALE_HEALTH_COLUMNS`: for each repeat and each answer how many arrivals
        got it (``expected`` is the mechanism of all that failed), and how long after the death the
        last of them was submitted.
    """
    rows = []
    for number in range(repeats):
        plan = ChurnPlan(
            kind="trace",
            arrivals=tuple(Arrival(at, "hello", _EVERY_MS * at) for at in range(_ARRIVALS)),
            functions=(PooledFunction("hello", "hello", _MEMORY_MIB),),
            # One at a time: nobody else can be given what the dead one gets.
            budget_mib=_MEMORY_MIB,
            keep_alive_ms=None,
            seed=number,
        )
        profile = resolve_profile("guarded", ["health=invoke", "prewarm=1", "byte_code=shipped"])
        result = await run_churn(profile, plan, results=results, on_arrival=_kill_once)
        arrivals = result.arrivals
        assert arrivals is not None
        killed_at = arrivals.loc[arrivals["arrival"] == _KILLED_AFTER, "submitted_at_ms"].item()
        failed = arrivals[arrivals["outcome"] == "failed"]
        for (mechanism, bug_class), same in failed.groupby(["mechanism", "bug_class"]):
            until_ms = round(float(same["submitted_at_ms"].max() - killed_at), 1)
            rows.append(
                (number, str(Mechanism.STALE_HEALTH), mechanism, bug_class, len(same), until_ms)
            )
    return pd.DataFrame(rows, columns=list(STALE_HEALTH_COLUMNS))


def _kill_once(record: ArrivalRecord) -> None:
    """End the container of one arrival, once that is served."""
    if record.arrival != _KILLED_AFTER:
        return
    for mount in cgroups.hierarchies():
        home = mount / cgroups.PARENT.lstrip("/")
        for directory, _, _ in os.walk(home):
            if Path(directory).name != record.container_id:
                continue
            for pid in Path(directory, "cgroup.procs").read_text().split():
                os.kill(int(pid), signal.SIGKILL)
            return


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="iluvatar-bench-") as folder:
        table = asyncio.run(stale_health(results=Path(folder)))
    table.to_csv(sys.argv[1], index=False)
    sys.stdout.write(table.to_string(index=False) + "\n")
