"""Runs to which something is done, each for a step of its own: ``python -m tests.vm.provoked``."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.vm.residue import commands
from tests.vm.steps import BY_SYSTEMD, cold_start

SCOPES = Path("/sys/fs/cgroup/iluvatar_bench.slice")


def killed_run(*more: str) -> int:
    """A run and its watchdogs are killed; ``clean`` is to find all of it."""
    run = subprocess.Popen(
        cold_start("killed", "guarded", *BY_SYSTEMD, *more, trials=8), start_new_session=True
    )
    if await_scope(run) is None:
        print("no container came")
        return 1
    dogs = [pid for pid, words in commands().items() if "watchdog_process" in words]
    for pid in [*dogs, run.pid]:
        os.kill(pid, signal.SIGKILL)
    run.wait()
    left = len(list(SCOPES.glob("*/*.scope")))
    done = subprocess.run(["iluvatar-bench", "clean"], check=False)
    print(f"{left} scopes were left to be cleaned away; clean ended with {done.returncode}")
    return done.returncode


def stopped_unit() -> int:
    """Systemd ends the scope of a run's container as its Python starts."""
    run = subprocess.Popen(cold_start("stopped", "guarded", *BY_SYSTEMD, trials=1))
    scope = await_scope(run, with_process="python")
    if scope is None:
        print("no container came")
        return 1
    # Of a stop the first signal is SIGTERM, which the first process of a PID namespace ignores.
    subprocess.run(["systemctl", "kill", "--signal=KILL", scope.name], check=True)
    return run.wait()


def await_scope(run: subprocess.Popen[bytes], *, with_process: str = "") -> Path | None:
    """The first scope of the run, once a process whose name begins so is in it."""
    deadline = time.monotonic() + 200
    while time.monotonic() < deadline and run.poll() is None:
        for scope in SCOPES.glob("*/*.scope"):
            try:
                pids = (scope / "cgroup.procs").read_text().split()
                names = [Path(f"/proc/{pid}/comm").read_text() for pid in pids]
            except OSError:
                continue
            if any(name.startswith(with_process) for name in names):
                return scope
        time.sleep(0.2)
    return None


if __name__ == "__main__":
    sys.exit(killed_run(*sys.argv[2:]) if sys.argv[1] == "killed" else stopped_unit())
