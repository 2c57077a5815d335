"""What a step in the machine is to come to: of what it said, what is wrong."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.vm.machine_has import memory_limits

WITNESSED = "CGROUP2_ALONE" not in os.environ
"""The kernel's witness is blind in a PID namespace: then a Kill is told by its time alone."""
DEATHS = ("process_died", "silent_startup", "create_rejected", "startup_error")
"""What a Kill can come to: that of a runtime's init is a rejected container, and that of a process
which was telling of its lost snapshot an error that breaks off."""


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
