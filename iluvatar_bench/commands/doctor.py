"""``doctor``: what this host has and lacks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from iluvatar_bench.commands.options import AsJson, Concurrency
from iluvatar_bench.commands.output import print_json, print_rows
from iluvatar_bench.errors import EnvironmentProblem

if TYPE_CHECKING:
    from iluvatar_bench.host.doctor import Check


def doctor_command(
    concurrency: Concurrency = 4,
    as_json: AsJson = False,
) -> None:
    """What this host has and lacks, each with its fix; exit 1 if a run cannot work.

    Limits are compared with what so many containers at a time need.
    """
    from iluvatar_bench.host.doctor import check_host

    checks = (*check_host(concurrency), *_known_bugs())
    if as_json:
        print_json([asdict(check) for check in checks])
    else:
        marks = ["ok" if c.ok else ("MISSING" if c.required else "limited") for c in checks]
        rows = [(m, c.name, c.found, c.remedy) for m, c in zip(marks, checks, strict=True)]
        print_rows(("", "what", "found", "what to do"), rows)
    if any(check.required and not check.ok for check in checks):
        raise typer.Exit(1)


def _known_bugs() -> Iterator[Check]:
    """What containerd, runc and crun are known to do wrong here in the versions installed."""
    from iluvatar_bench.containerd.daemon.known_bugs import containerd_bugs, runtime_bugs
    from iluvatar_bench.host.doctor import Check
    from iluvatar_bench.host.facts import program_version
    from iluvatar_bench.host.kernel import cgroups

    known = (("containerd", containerd_bugs), ("runc", runtime_bugs), ("crun", runtime_bugs))
    for program, bugs_of in known:
        version = program_version(program, "--version")
        if version is None:
            continue
        for bug in bugs_of(version):
            if bug.cgroups not in ("", cgroups.mode()):
                continue
            name = f"{program}: {bug.name}"
            yield Check(name, False, f"{bug.what} ({bug.source})", bug.remedy, required=False)


def require_working_host() -> None:
    """Refuse, with every remedy, a host on which no run can work.

    Raises:
        EnvironmentProblem: something that a run needs is missing.
    """
    from iluvatar_bench.host.doctor import check_host

    missing = [check for check in check_host() if check.required and not check.ok]
    if missing:
        remedies = "; ".join(f"{c.name}: {c.found} -> {c.remedy}" for c in missing)
        raise EnvironmentProblem(f"this host cannot run containers: {remedies}")
