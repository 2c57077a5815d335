"""What runs with which containerd and runtime on this host: the rows of the table in docs/hosts.md.

``python -m tests.support.version_matrix FOLDER [RUNTIME...]`` runs the default path of ``run`` on
the installed containerd and on those that ILUVATAR_BENCH_CONTAINERDS names, under each runtime (a
name or path; default: runc), and prints a row for each. ``tests/cgroup2_alone`` in front of it
gives the rows of cgroup version 2. The runs are kept in the folder.
"""

from __future__ import annotations

import csv
import os
import sys
from collections import Counter
from pathlib import Path

from iluvatar_bench.host.facts import program_version
from iluvatar_bench.host.kernel import cgroups
from tests.support.command import own_process

SECONDS = 240.0
RUNS = (
    ("guarded", ("--profile", "guarded", "--set", "byte_code=shipped", "--trials", "12")),
    ("iluvatar-2022-07", ("--profile", "iluvatar-2022-07", "--trials", "24")),
)


def main(folder: Path, runtimes: list[str]) -> int:
    homes = ["", *(f for f in os.environ.get("ILUVATAR_BENCH_CONTAINERDS", "").split(":") if f)]
    row("containerd", "runtime", "cgroups", *(name for name, _ in RUNS))
    row(*["---"] * (3 + len(RUNS)))
    failed = 0
    for number, home in enumerate(homes):
        path = ":".join(filter(None, [home, os.environ["PATH"]]))
        daemon = program_version(str(Path(home, "containerd")) if home else "containerd", "-v")
        for runtime in runtimes:
            out = folder / f"{cgroups.mode()}-{number}-{Path(runtime).name}"
            cells = [outcomes(out / name, path, runtime, options) for name, options in RUNS]
            failed += sum(cell.startswith("status") for cell in cells)
            named = program_version(runtime, "--version")
            row(daemon, named, cgroups.mode(), *cells)
    return 1 if failed else 0


def row(*cells: str | None) -> None:
    print(f"| {' | '.join(map(str, cells))} |", flush=True)  # noqa: T201


def outcomes(out: Path, path: str, runtime: str, options: tuple[str, ...]) -> str:
    """What became of a run's containers, with class and mechanism; or how the command ended."""
    command = ["run", "cold-start", *options, "--runtime", runtime, "--out", str(out)]
    done = own_process(*command, env={**os.environ, "PATH": path}, timeout=SECONDS)
    if done.returncode != 0:
        return f"status {done.returncode}: {done.stderr.strip()[-300:]}"
    counted: Counter[str] = Counter()
    for file in out.glob("*/trials.csv"):
        with file.open(newline="") as rows:
            for row in csv.DictReader(rows):
                found = filter(None, (row["bug_class"], row["mechanism"]))
                counted[" / ".join(found) or row["outcome"]] += 1
    return ", ".join(f"{number} {name}" for name, number in sorted(counted.items()))


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:] or ["runc"]))
