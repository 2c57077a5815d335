"""Where a line of code lives: names with one meaning, modules with one subject, sizes that read."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import iluvatar_bench

PACKAGE = Path(iluvatar_bench.__file__).parent
MOST_LINES = 400

# Not ours to name: generated from containerd's definitions, or run inside a container.
APART = {"_api", "builtin", "server"}

# A reader of a log is one of these: the same function, a module a format.
ONE_INTERFACE = {("parse", "worker_logs/formats")}

SAME_SUBJECT = {
    "ab": "studies, commands: two profiles in shuffled blocks",
    "archive": "runs, commands: runs as one zip file",
    "arrivals": "plans, runs, report.figures: requests for functions",
    "audit": "audit, commands: the audit of a live daemon",
    "call_facts": "records, clients: what a client's calls say",
    "churn": "plans, runs: the workload of a keep-alive pool",
    "classify": "bugs, commands: texts and logs put into bug classes",
    "cold_start": "plans, runs: the workload of cold starts",
    "demo": "batch, commands: the main job in one call",
    "doctor": "host, commands: what this host has and lacks",
    "dose": "studies, commands, report.figures: one quantity at several doses",
    "false_alarms": "studies, commands: a profile against itself, many times",
    "fleet": "stats, commands: what measured rates mean on many workers",
    "ground_truth": "studies, commands: mechanisms caused on purpose",
    "host": "audit.read, monitor.evidence: what the host tells, now and at a failure",
    "hypothesis": "studies, commands: what preceded a failure, tested by intervention",
    "images": "containerd.services, functions, audit.read: container images",
    "live": "audit, explain: one container that exists now",
    "memory": "monitor, report.figures: the memory of containers",
    "monitor": "monitor, report.figures: what a monitor saw",
    "notebook": "batch, commands: one notebook through papermill",
    "observations": "records, runs: what a monitor saw, as values and on disk",
    "processes": "host.kernel, audit.rules: processes of the host",
    "profile": "profiles, commands: one set of lifecycle choices",
    "rates": "stats, report.figures: failure rates",
    "rejudge": "runs, commands: verdicts made anew",
    "repeat": "runs, commands: a run made again",
    "resume": "runs, commands: going on with a run",
    "root_cause": "studies, commands: the factorial experiment",
    "snapshots": "containerd.services, audit.rules: snapshots",
    "steps": "lifecycle, report.figures: the steps of a container's life",
    "survival": "stats, report.figures: how long containers lived",
    "trial": "records, runs: one container's life",
    "versions": "containerd.daemon, audit.rules: versions of containerd and runc",
}


def modules() -> Iterator[Path]:
    return (path for path in PACKAGE.rglob("*.py") if not APART & set(path.parts))


def public_names(path: Path) -> Iterator[str]:
    for node in ast.parse(path.read_text()).body:
        kinds = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
        if isinstance(node, kinds) and not node.name.startswith("_"):
            yield node.name


def test_no_public_class_or_function_name_has_two_meanings() -> None:
    homes: dict[str, list[Path]] = defaultdict(list)
    for path in modules():
        for name in public_names(path):
            homes[name].append(path.relative_to(PACKAGE))
    twice = {
        name: [str(path) for path in paths]
        for name, paths in homes.items()
        if len(paths) > 1 and {(name, str(path.parent)) for path in paths} - ONE_INTERFACE
    }
    assert twice == {}
    assert len(homes) > 400, "the package was read"


def test_a_module_name_stands_twice_only_for_one_subject_on_two_layers() -> None:
    homes: dict[str, list[Path]] = defaultdict(list)
    for path in modules():
        if path.stem != "__init__":
            homes[path.stem].append(path.relative_to(PACKAGE))
    twice = {name: paths for name, paths in homes.items() if len(paths) > 1}
    assert set(twice) == set(SAME_SUBJECT), "a name to change, or a subject to state here"
    for name, paths in twice.items():
        for one, other in combinations(paths, 2):
            assert one.parent != other.parent, name


def test_every_module_is_one_idea_by_its_length() -> None:
    lengths = {str(path.relative_to(PACKAGE)): path.read_text().count("\n") for path in modules()}
    assert {name: count for name, count in lengths.items() if count > MOST_LINES} == {}
