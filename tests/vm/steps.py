"""What is tried in the machine, and what each of it is to come to.

Nothing here is imported from the project: it is a user of its commands.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.vm.machine_has import (
    devmapper_lacks,
    erofs_lacks,
    may_lock_memory,
    memory_limits,
    runc_refuses_units,
)
from tests.vm.wanted import (
    WITNESSED,
    Said,
    all_explained,
    all_ok,
    both_tables,
    explained_with,
    has_everything,
    only,
    refused_without_memory,
    succeeded,
)

NAMES = (
    *("doctor", "guarded", "worker of 2022", "own cgroups by systemd", "shared cgroup by systemd"),
    *("unit stopped", "killed", "memory hog", "crun", "erofs", "erofs, collected"),
    *("devmapper", "devmapper, collected", "devmapper, killed"),
    *("demo", "ground truth", "tests of cgroups", "suite"),
)
"""Of the steps, in their order: what may be asked for before there is a machine."""


def word_of(name: str) -> str:
    """A step's name as it is asked for: the kernel's command line has words, commas between."""
    return name.strip().replace(",", "").replace(" ", "_")


OUT = Path("/root/out")
DEMO = ("--trials", "60", "--arrivals", "40")
READY = ("--ready-seconds", "300")
"""Emulated, a Python takes 5 to 20 s to start."""


@dataclass
class Step:
    """``wanted`` says of what a command printed, and of the trials it kept, what is wrong."""

    name: str
    command: list[str]
    wanted: Callable[[Said], str] = lambda _: ""
    seconds: float = 900.0
    skipped: str = ""
    """Why it cannot be done in here."""
    shown: Callable[[str], str] | None = None
    """What of its output is to be seen also where it is well."""
    kept: int = 6000
    """How much of the end of its output, where it is not."""


def cold_start(name: str, profile: str, *more: str, trials: int) -> list[str]:
    return [
        *("iluvatar-bench", "run", "cold-start", "--profile", profile, "--trials", str(trials)),
        *("--concurrency", "4", "--out", str(OUT / name), *READY, *more),
    ]


def settings(*words: str) -> list[str]:
    return [part for word in words for part in ("--set", word)]


COMPILED = settings("byte_code=shipped")
"""What a starting Python compiles is not the subject here: emulated, it takes 20 s."""
BY_SYSTEMD = [*settings("cgroup_driver=systemd"), *COMPILED]
HELD = settings("snapshot_reference=lease")
PROVOKED = [sys.executable, "-m", "tests.vm.provoked"]
PYTEST = [
    *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not slow"),
    *("--numprocesses=2", "--dist=loadscope"),
]
TESTS_OF_CGROUPS = [
    "tests/host/kernel",
    "tests/lifecycle/test_systemd_cgroup.py",
    "tests/lifecycle/test_cgroup_levels.py",
    "tests/lifecycle/test_shared_cgroup.py",
    "tests/lifecycle/test_running_container.py",
    "tests/runs/test_resources.py",
]


def steps() -> Iterator[Step]:
    yield Step("doctor", ["iluvatar-bench", "doctor", "--json"], has_everything)
    yield from workloads()
    yield from deaths()
    yield from runtimes_and_snapshotters()
    yield from long_ones()


def workloads() -> Iterator[Step]:
    """Cold starts whose cgroups the runtime makes, and such whose cgroups systemd makes."""
    yield Step("guarded", cold_start("guarded", "guarded", *COMPILED, trials=12), all_ok)
    yield Step(
        "worker of 2022", cold_start("worker", "iluvatar-2022-07", trials=24), all_explained, 900
    )
    yield Step(
        "own cgroups by systemd",
        cold_start("systemd-own", "guarded", *BY_SYSTEMD, trials=4),
        all_ok,
    )
    shared = "cgroup_occupied" if runc_refuses_units() else "cgroup_not_joined"
    yield Step(
        "shared cgroup by systemd",
        cold_start("systemd-shared", "iluvatar-2022-07", *BY_SYSTEMD, *HELD, trials=4),
        explained_with(shared),
    )


def deaths() -> Iterator[Step]:
    """A scope that systemd ends, a run that is killed, a function that wants too much memory."""
    yield Step(
        "unit stopped",
        [*PROVOKED, "stopped", "--out", str(OUT / "stopped")],
        only("unit_stopped"),
        900,
        skipped="" if WITNESSED else "the witness, who names systemd, is blind in a PID namespace",
    )
    yield Step("killed", [*PROVOKED, "killed"], succeeded, 300)
    yield Step(
        "memory hog",
        cold_start(
            "hog",
            "guarded",
            *("--function", "memory_hog", *settings("memory_limit_mib=96"), *COMPILED),
            trials=2,
        ),
        only("oom") if memory_limits() else refused_without_memory,
    )


def runtimes_and_snapshotters() -> Iterator[Step]:
    """Those that not every host has."""
    yield Step(
        "crun",
        cold_start("crun", "guarded", "--runtime", "crun", *COMPILED, trials=4),
        all_ok,
        skipped="" if may_lock_memory() else "it raises RLIMIT_MEMLOCK, which CAP_SYS_RESOURCE may",
    )
    erofs = ("--set", "snapshotter=erofs")
    yield Step(
        "erofs",
        cold_start("erofs", "guarded", *erofs, *COMPILED, trials=4),
        all_ok,
        skipped=erofs_lacks(),
    )
    unheld = settings("snapshot_reference=none", "collection=during_startup")
    yield Step(
        "erofs, collected",
        cold_start("erofs-collected", "guarded", *erofs, *unheld, trials=4),
        all_explained,
        skipped=erofs_lacks(),
    )
    yield from on_a_thin_pool()


def on_a_thin_pool() -> Iterator[Step]:
    """Of the snapshotter that takes devices, which have to be gone as well.

    A collection of what is mounted is not asked for: it waits for the container's end.
    """
    chosen = settings("snapshotter=devmapper")
    lacks = devmapper_lacks()
    yield Step(
        "devmapper",
        cold_start("devmapper", "guarded", *chosen, *COMPILED, trials=4),
        all_ok,
        skipped=lacks,
    )
    unheld = settings("snapshot_reference=none", "collection=before_mount")
    yield Step(
        "devmapper, collected",
        cold_start("devmapper-collected", "guarded", *chosen, *unheld, *COMPILED, trials=4),
        only("snapshot_collected"),
        skipped=lacks,
    )
    yield Step("devmapper, killed", [*PROVOKED, "killed", *chosen], succeeded, 400, skipped=lacks)


def long_ones() -> Iterator[Step]:
    """Studies and the project's own tests: what is slow here is left out unless it is named."""
    yield Step(
        "demo",
        ["iluvatar-bench", "demo", *DEMO, *READY, "--out", str(OUT / "demo")],
        both_tables,
        5400,
        skipped=left_out("demo"),
        shown=str,
    )
    truth = ["iluvatar-bench", "ground-truth", "--repeats", *(argument("repeats") or ["1"])]
    truth += ["--concurrency", "2", *READY] if WITNESSED else ["--no-witness"]
    yield Step("ground truth", truth, succeeded, 9000, skipped=left_out("ground truth"), shown=str)
    yield Step(
        "tests of cgroups",
        [*PYTEST, *(argument("tests") or TESTS_OF_CGROUPS)],
        succeeded,
        1200,
        kept=100_000,
    )
    yield Step(
        "suite",
        ["sh", "-ec", SUITE, "sh", *argument("tests")],
        succeeded,
        2400,
        skipped=suite_left_out(),
        shown=summary,
        kept=100_000,
    )


SUITE = """
printf '%s\\n' "$(cat requirements.lock pyproject.toml | cksum) $PWD" >.venv/.bench-stamp
exec ./bench test "$@"
"""
"""``./bench test`` on a host where its environment is there already: it is the disk's."""


def left_out(name: str) -> str:
    slow = WITNESSED and not asked_for(name)
    return f"emulated it is slow: --steps {word_of(name)}" if slow else ""


def suite_left_out() -> str:
    if not asked_for("suite"):
        return "it takes ten minutes: --steps suite"
    return "emulated it takes hours: --namespaces" if WITNESSED else ""


def summary(printed: str) -> str:
    """What pytest left out, by name and with its reason, and how many tests passed."""
    return printed[max(printed.find("= short test summary info ="), 0) :]


def argument(name: str) -> list[str]:
    """What the kernel's command line says of it, as ``bench.steps=killed,own_cgroups``."""
    found = re.search(rf"bench\.{name}=(\S*)", Path("/proc/cmdline").read_text())
    return [word for word in (found.group(1) if found else "").split(",") if word]


def asked_for(name: str) -> bool:
    """Whether this step was named, by its beginning, and not only all of them wanted."""
    return any(word_of(name).startswith(word) for word in argument("steps"))
