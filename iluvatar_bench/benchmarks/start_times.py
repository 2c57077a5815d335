"""How long people wait: for help, for the answer to a wrong request, for a run's first container.

Each is measured from outside, as a process of its own: from its start to its end, or to the moment
at which the run handed its first container to containerd.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from iluvatar_bench.errors import EnvironmentProblem

PROGRAM = (sys.executable, "-c", "from iluvatar_bench.commands.app import main; main()")

ANSWERS: tuple[tuple[str, ...], ...] = (
    ("--help",),
    ("run", "cold-start", "--help"),
    ("figure", "--help"),
    ("comapre",),
    ("run", "cold-start", "--trails", "3"),
    ("run", "cold-start", "--trials", "three"),
    ("run", "cold-start", "--profile", "nobody"),
    ("run", "cold-start", "--set", "cgroup=nowhere"),
    ("compare", "no-such-run", "guarded"),
    ("explain", "no-such-run"),
    ("figure", "guarded", "--width", "85"),
    ("classify", "/no/such/file"),
    ("notebook", "nobody"),
    ("dose", "start_delay_ms", "5", "5"),
)
"""Help and wrong requests: what is to be answered at once."""

_STAGES = {
    "images are built": "images found or built",
    "containerd answers": "containerd started",
    "images are imported": "images imported",
    "the run begins": "monitor and witness opened",
}
"""What a run's log says at the end of each stage, and what the stage is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """``seconds`` and ``cpu_seconds`` (user and system, of all its processes): medians."""

    what: str
    seconds: float
    cpu_seconds: float
    repeats: int


def answer_times(*, repeats: int) -> Iterator[Wait]:
    """How long each of :data:`ANSWERS` takes, as it is measured."""
    with tempfile.TemporaryDirectory(prefix="iluvatar-bench-") as folder:
        for words in ANSWERS:
            taken = [_timed((*PROGRAM, *words), folder)[:2] for _ in range(repeats)]
            yield _median(" ".join(words), taken)


def first_container_times(*, repeats: int) -> list[Wait]:
    """How long ``run cold-start`` takes to its first container: by stage, and ``all``.

    The first repetition, which may have an image to build, is not counted. The last row is of the
    whole command with its one container.

    Raises:
        EnvironmentProblem: the run failed; its last line is in the message.
    """
    found: dict[str, list[tuple[float, float]]] = {}
    with tempfile.TemporaryDirectory(prefix="iluvatar-bench-") as folder:
        for number in range(repeats + 1):
            out = Path(folder) / str(number)
            stages = _one_run(out)
            if number:
                for name, seconds in stages.items():
                    found.setdefault(name, []).append(seconds)
    return [_median(name, taken) for name, taken in found.items()]


def _one_run(out: Path) -> dict[str, tuple[float, float]]:
    words = ("run", "cold-start", "--profile", "guarded", "--trials", "1", "--out", str(out))
    began = datetime.now(UTC).timestamp()
    seconds, cpu, status, last = _timed((*PROGRAM, *words), str(out.parent))
    if status != 0:
        raise EnvironmentProblem(f"the run that was to be measured failed: {last}")
    (folder,) = out.iterdir()
    stages: dict[str, tuple[float, float]] = {}
    before = began
    for line in (folder / "run.log").read_text().splitlines():
        for text, name in _STAGES.items():
            if text in line and name not in stages:
                at = _moment(line.partition(" ")[0])
                stages[name] = (at - before, float("nan"))
                before = at
    journal = (folder / "journal.jsonl").read_text().splitlines()
    first = _moment(json.loads(journal[0])["submitted_at"])
    stages["inventory, first container"] = (first - before, float("nan"))
    stages["all: from the command to its first container"] = (first - began, float("nan"))
    stages["the whole command, tables and figures too"] = (seconds, cpu)
    return stages


def _moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def _timed(words: Sequence[str], folder: str) -> tuple[float, float, int, str]:
    """Seconds on the clock and of processor time, the exit status, the last line on stderr."""
    before = os.times()
    began = time.monotonic()
    done = subprocess.run(
        words, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    seconds, after = time.monotonic() - began, os.times()
    cpu = after.children_user + after.children_system
    cpu -= before.children_user + before.children_system
    return seconds, cpu, done.returncode, (done.stderr.strip().splitlines() or [""])[-1]


def _median(what: str, taken: Sequence[tuple[float, float]]) -> Wait:
    return Wait(
        what=what,
        seconds=statistics.median(seconds for seconds, _ in taken),
        cpu_seconds=statistics.median(cpu for _, cpu in taken),
        repeats=len(taken),
    )
