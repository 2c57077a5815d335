"""Runs in the machine, as root, once it has booted: each step, and what is left behind by it.

A step's result goes to the console as one line of JSON behind a mark.
"""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from tests.vm.machine import LAST, MARK
from tests.vm.residue import residue
from tests.vm.steps import Step, argument, asked_for, steps
from tests.vm.wanted import Said


def run(step: Step) -> dict[str, object]:
    began, late = time.monotonic(), ""
    try:
        done = subprocess.run(
            step.command, capture_output=True, text=True, check=False, timeout=step.seconds
        )
        said = Said(done.returncode, done.stdout, done.stderr)
    except subprocess.TimeoutExpired as error:
        printed, told = ((t or b"").decode(errors="replace") for t in (error.stdout, error.stderr))
        said, late = Said(-1, printed, told), f"longer than {step.seconds:g} s"
    seconds = time.monotonic() - began
    trials = list(trials_of(step))
    said.trials.update((row["outcome"], row["bug_class"], row["mechanism"]) for row in trials)
    try:
        wrong = late or step.wanted(said)
    except (ValueError, KeyError, LookupError) as error:
        wrong = f"cannot be read: {error!r}"
    left = residue()
    result: dict[str, object] = {
        "step": step.name,
        "ok": not wrong and not left,
        "wrong": wrong,
        "left": left,
        "seconds": round(seconds, 1),
        "trials": said.named(),
        "errors": errors_of(trials),
    }
    if wrong:
        result["stdout"], result["stderr"] = said.stdout[-step.kept :], said.stderr[-3000:]
    elif step.shown is not None:
        result["stdout"] = step.shown(said.stdout)[-step.kept :]
    else:
        result["said"] = said.stdout.strip()[-300:]
    return result


def errors_of(trials: list[dict[str, str]]) -> dict[str, str]:
    """An error of each kind, the last of it: what a runtime was doing comes before what failed."""
    found = {}
    for row in trials:
        if row["error"]:
            kind = f"{row['bug_class']} / {row['mechanism']}, status {row['exit_status'] or 'none'}"
            found[kind] = row["error"][-600:]
    return found


def trials_of(step: Step) -> Iterator[dict[str, str]]:
    """The trials that it kept, of however many runs."""
    if "--out" in step.command:
        out = Path(step.command[step.command.index("--out") + 1])
        for file in out.rglob("trials.csv"):
            with file.open(newline="") as rows:
                yield from csv.DictReader(rows)


def not_run(step: Step) -> dict[str, object]:
    return {"step": step.name, "ok": True, "skipped": step.skipped, "seconds": 0.0}


def main() -> int:
    tell({"step": "booted", "ok": True})
    all_of_them = not argument("steps")
    for step in steps():
        if all_of_them or asked_for(step.name):
            tell(run(step) if not step.skipped else not_run(step))
    tell({"step": LAST, "ok": True})
    return 0


def tell(result: dict[str, object]) -> None:
    print(f"\n{MARK}{json.dumps(result)}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
