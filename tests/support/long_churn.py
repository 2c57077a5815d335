"""A churn that goes on for a stated time and says every second what its process holds.

``python -m tests.support.long_churn SECONDS RESULTS`` prints a JSON document a line, the last one
of them the run's.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path

from iluvatar_bench.plans import ArrivalProcess, PooledFunction, churn
from iluvatar_bench.records import Trial
from iluvatar_bench.runs import run_churn
from tests.support.own_resources import held
from tests.support.quick_profiles import quick

FUNCTIONS = tuple(PooledFunction(n, n, 128) for n in ("hello", "float_operation", "chameleon"))
PERIOD_SECONDS = 1.0


def say(document: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(document) + "\n")
    sys.stdout.flush()


async def main(seconds: float, results: Path) -> None:
    stop = asyncio.Event()
    ended = 0

    def count(_: Trial) -> None:
        nonlocal ended
        ended += 1

    async def watch() -> None:
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            await asyncio.sleep(PERIOD_SECONDS)
            at = time.monotonic() - began
            say({"seconds": at, "trials": ended, **asdict(held())})
        stop.set()

    plan = churn(
        # More than any machine serves in that time.
        arrivals=int(seconds * 60),
        functions=FUNCTIONS,
        budget_mib=512,
        seed=7,
        process=ArrivalProcess(pattern="closed", clients=4),
    )
    profile = quick("guarded")
    watching = asyncio.create_task(watch())
    run = await run_churn(profile, plan, results=results, on_trial=count, stop=stop)
    await watching
    say({"run": str(run.folder), "status": run.manifest["status"], "leaked": run.leaked})


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1]), Path(sys.argv[2])))
