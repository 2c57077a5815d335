"""Runs in the machine, as root, once it has booted: each step, and what is left behind by it.

A step's result goes to the console as one line of JSON behind a mark. Nothing here is imported
from the project: it is a user of its commands.
"""

from __future__ import annotations

import csv
import json
import os
import re
import resource
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

MARK = "@@STEP@@ "
LAST = "ended"
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
    shown: bool = False
    """Whether what it prints is to be seen also where it is well."""


@dataclass
class Said:
    """What came of a command; ``trials`` counts outcome, class and mechanism."""

    status: int
    stdout: str
    stderr: str
    trials: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    def named(self) -> dict[str, int]:
        """The trials, as a table of words."""
        return {" / ".join(filter(None, key)): n for key, n in sorted(self.trials.items())}


def cold_start(name: str, profile: str, *more: str, trials: int) -> list[str]:
    return [
        *("iluvatar-bench", "run", "cold-start", "--profile", profile, "--trials", str(trials)),
        *("--concurrency", "4", "--out", str(OUT / name), *READY, *more),
    ]


def settings(*words: str) -> list[str]:
    return [part for word in words for part in ("--set", word)]


def all_ok(said: Said) -> str:
    wrong = {key: n for key, n in said.trials.items() if key[0] != "ok"}
    return f"not all are ok: {wrong}" if wrong or not said.trials else ""


def all_explained(said: Said) -> str:
    """Failures, each with its mechanism; without a witness some deaths are left open."""
    failed = {key: n for key, n in said.trials.items() if key[0] != "ok"}
    unknown = {
        key: n
        for key, n in failed.items()
        if key[2] in ("", "unknown") and (WITNESSED or key[1] not in DEATHS)
    }
    if not failed:
        return "none failed"
    return f"without a mechanism: {unknown}" if unknown else ""


def only(*mechanisms: str) -> Callable[[Said], str]:
    """Failures of these mechanisms and of no other, and some of each."""

    def wanted(said: Said) -> str:
        found = {key[2] for key in said.trials if key[0] != "ok"}
        return "" if found == set(mechanisms) else f"mechanisms: {sorted(found)}"

    return wanted


def explained_with(mechanism: str) -> Callable[[Said], str]:
    """Failures, each with its mechanism, and this one among them."""

    def wanted(said: Said) -> str:
        found = {key[2] for key in said.trials}
        return all_explained(said) or ("" if mechanism in found else f"mechanisms: {found}")

    return wanted


def succeeded(said: Said) -> str:
    return "" if said.status == 0 else f"status {said.status}"


def both_tables(said: Said) -> str:
    """Of both workloads, failures of the one profile, each explained, and none of the other."""
    rows = re.findall(r"^failed +(\d+)/\d+ .*? {2,}(\d+)/\d+ ", said.stdout, re.MULTILINE)
    if said.status != 0 or len(rows) != 2:
        return f"status {said.status}, {len(rows)} tables"
    clear = all(int(worker) and not int(guarded) for worker, guarded in rows)
    return all_explained(said) if clear else f"failures of both profiles: {rows}"


def has_everything(said: Said) -> str:
    checks = {check["name"]: check for check in json.loads(said.stdout)}
    lacking = [c["name"] for c in checks.values() if c["required"] and not c["ok"]]
    if lacking:
        return f"lacks {lacking}"
    said_ok = {name: checks[name]["ok"] for name in ("cgroup controllers", "cgroup driver")}
    mode = checks["cgroups"]["found"]
    right = (
        said_ok == {"cgroup controllers": memory_limits(), "cgroup driver": True} and mode == "v2"
    )
    return "" if right else f"{said_ok}, cgroups {mode}"


def refused_without_memory(said: Said) -> str:
    """What a limit comes to where no cgroup has the controller for it."""
    refused = said.status == 1 and "needs the cgroup controller memory" in said.stderr
    return "" if refused and not said.trials else f"status {said.status}, not refused"


WITNESSED = "CGROUP2_ALONE" not in os.environ
"""The kernel's witness is blind in a PID namespace: then a Kill is told by its time alone."""
DEATHS = ("process_died", "silent_startup")


def memory_limits() -> bool:
    """Whether there can be any: on a hybrid host's kernel the controllers are version 1's."""
    return "memory" in Path("/sys/fs/cgroup/cgroup.controllers").read_text().split()


CAP_SYS_RESOURCE = 24
"""Its bit in a set of capabilities (include/uapi/linux/capability.h)."""


def may_lock_memory() -> bool:
    """Whether crun may: with cgroup version 2 it does, for its program of devices."""
    unlimited = resource.getrlimit(resource.RLIMIT_MEMLOCK)[1] == resource.RLIM_INFINITY
    status = Path("/proc/self/status").read_text()
    (effective,) = re.findall(r"^CapEff:\s*(\w+)", status, re.MULTILINE)
    return unlimited or bool(int(effective, 16) >> CAP_SYS_RESOURCE & 1)


COMPILED = settings("byte_code=shipped")
"""What a starting Python compiles is not the subject here: emulated, it takes 20 s."""
BY_SYSTEMD = [*settings("cgroup_driver=systemd"), *COMPILED]
HELD = settings("snapshot_reference=lease")
PYTEST = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not slow"]


def runc_refuses_units() -> bool:
    """Whether this runc refuses a unit that exists, as 1.1.6 and later do."""
    said = subprocess.run(["runc", "--version"], capture_output=True, text=True, check=True)
    found = re.search(r"(\d+)\.(\d+)\.(\d+)", said.stdout)
    return found is not None and tuple(map(int, found.groups())) >= (1, 1, 6)


def erofs_lacks() -> str:
    """What the snapshotter of that name takes and is not here."""
    made_by = subprocess.run(["mkfs.erofs", "--help"], capture_output=True, text=True, check=False)
    if "--tar" not in made_by.stdout + made_by.stderr:
        return "its mkfs.erofs takes no archive"
    said = subprocess.run(["containerd", "-v"], capture_output=True, text=True, check=True).stdout
    found = re.search(r" v?(\d+)\.(\d+)\.", said)
    if found is None or (int(found[1]), int(found[2])) < (2, 1):
        return "its containerd has no such snapshotter"
    return ""


def steps() -> Iterator[Step]:
    yield Step("doctor", ["iluvatar-bench", "doctor", "--json"], has_everything)
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
    if WITNESSED:
        ended = [sys.executable, __file__, "stopped", "--out", str(OUT / "stopped")]
        yield Step("unit stopped", ended, only("unit_stopped"), 900)
    yield Step("killed", [sys.executable, __file__, "killed"], succeeded, 300)
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
    yield Step(
        "demo",
        [
            "iluvatar-bench",
            "demo",
            "--trials",
            "60",
            "--arrivals",
            "40",
            "--out",
            str(OUT / "demo"),
        ],
        both_tables,
        5400,
        skipped="" if not WITNESSED or "demo" in chosen() else "emulated it is slow: --steps demo",
        shown=True,
    )
    truth = ["iluvatar-bench", "ground-truth", "--repeats", "1"]
    truth += [] if WITNESSED else ["--no-witness"]
    yield Step("ground truth", truth, succeeded, 1500)
    yield Step(
        "tests of cgroups",
        [
            *PYTEST,
            "tests/host/kernel",
            "tests/lifecycle/test_systemd_cgroup.py",
            "tests/lifecycle/test_cgroup_levels.py",
            "tests/lifecycle/test_shared_cgroup.py",
            "tests/lifecycle/test_running_container.py",
            "tests/runs/test_resources.py",
        ],
        succeeded,
        1200,
    )


SCOPES = Path("/sys/fs/cgroup/iluvatar_bench.slice")


def killed_run() -> int:
    """A run and its watchdogs are killed; ``clean`` is to find all of it."""
    run = subprocess.Popen(
        cold_start("killed", "guarded", *BY_SYSTEMD, trials=8), start_new_session=True
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


def commands() -> dict[int, str]:
    """What each process was started as; the kernel's own threads were not."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
            except OSError:
                continue
            if words:
                found[int(entry.name)] = words
    return found


def residue() -> dict[str, list[str]]:
    """Units, cgroups, processes, mounts and folders of ours."""
    units = subprocess.run(
        ["systemctl", "list-units", "--all", "--plain", "--no-legend", "iluvatar*"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    cgroups = [str(p) for p in Path("/sys/fs/cgroup").rglob("*iluvatar*") if p.is_dir()]
    ours = re.compile(r"containerd|/functions/|server\.py|iluvatar-bench")
    alive = [words for words in commands().values() if ours.search(words)]
    mounts = [line for line in Path("/proc/self/mounts").read_text().splitlines() if "iluv" in line]
    folders = [str(p) for h in ("/run", "/var/lib") for p in Path(h).glob("iluvatar-bench/*")]
    found = {
        "units": [line.split()[0] for line in units.splitlines() if line.split()],
        "cgroups": cgroups,
        "processes": alive,
        "mounts": mounts,
        "folders": folders,
    }
    return {kind: names for kind, names in found.items() if names}


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
        "errors": [row["error"][:600] for row in trials if row["error"]][:6],
    }
    if wrong or step.shown:
        result["stdout"], result["stderr"] = said.stdout[-6000:], said.stderr[-3000:]
    else:
        result["said"] = said.stdout.strip()[-300:]
    return result


def trials_of(step: Step) -> Iterator[dict[str, str]]:
    """The trials that it kept, of however many runs."""
    if "--out" in step.command:
        out = Path(step.command[step.command.index("--out") + 1])
        for file in out.rglob("trials.csv"):
            with file.open(newline="") as rows:
                yield from csv.DictReader(rows)


def not_run(step: Step) -> dict[str, object]:
    return {"step": step.name, "ok": True, "skipped": step.skipped, "seconds": 0.0}


def chosen() -> set[str]:
    """The steps that the kernel's command line names; none: all."""
    found = re.search(r"bench\.steps=(\S*)", Path("/proc/cmdline").read_text())
    return {word.replace("_", " ") for word in (found.group(1) if found else "").split(",") if word}


def main() -> int:
    if sys.argv[1:]:
        return {"killed": killed_run, "stopped": stopped_unit}[sys.argv[1]]()
    # Beside the environment of the unit, so that what is found is this checkout's.
    os.environ.setdefault("HOME", "/root")
    tell({"step": "booted", "ok": True})
    names = chosen()
    for step in steps():
        if not names or any(step.name.startswith(name) for name in names):
            tell(run(step) if not step.skipped else not_run(step))
    tell({"step": LAST, "ok": True})
    return 0


def tell(result: dict[str, object]) -> None:
    print(f"\n{MARK}{json.dumps(result)}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
