"""Where runs were measured, and what they left behind."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from iluvatar_bench.records.planned import planned_trials
from iluvatar_bench.records.run_result import RunResult
from iluvatar_bench.report.page_parts import Document, Part, Text, table_part

_NAMES_SHOWN = 3


def residue_parts(runs: Sequence[RunResult]) -> list[Part]:
    """The leaks side by side: what each run left on its node, by kind."""
    kinds = list(dict.fromkeys(kind for run in runs for kind in _kinds(run)))
    if not kinds:
        return [Text("No inventory was kept: the run was cut off, or is of an older version.")]
    table = pd.DataFrame(
        {run.label: [_left(run, kind) for kind in kinds] for run in runs},
        index=pd.Index([kind.replace("_", " ") for kind in kinds], name="left behind"),
    )
    return [
        table_part(table),
        Text(
            "What was on the node after the last trial and not before the first; the node itself "
            "was removed afterwards. Under removal=worker_2022 snapshots wait for the collector."
        ),
    ]


def _kinds(run: RunResult) -> list[str]:
    return list((run.manifest.get("ledger") or {}).get("before") or {})


def _left(run: RunResult, kind: str) -> str:
    ledger = run.manifest.get("ledger") or {}
    if ledger.get("leaked") is None:
        return "not known"
    names = ledger["leaked"].get(kind, [])
    if not names:
        return "0"
    more = ", …" if len(names) > _NAMES_SHOWN else ""
    return f"{len(names)}: {', '.join(map(str, names[:_NAMES_SHOWN]))}{more}"


def provenance_parts(runs: Sequence[RunResult]) -> list[Part]:
    """What the results depend on, and the manifests."""
    facts = {f"{run.label} · {run.manifest['run_id']}": _facts(run.manifest) for run in runs}
    table = pd.DataFrame(facts).rename_axis("fact").dropna(how="all")
    documents = [
        Document(f"Manifest of {run.manifest['run_id']}", _manifest_text(run.manifest))
        for run in runs
    ]
    return [table_part(table), *documents]


def _facts(manifest: Mapping[str, Any]) -> dict[str, Any]:
    host, plan = manifest.get("host") or {}, manifest.get("plan") or {}
    memory = host.get("memory_bytes")
    factors = manifest.get("profile") or {}
    return {
        "started (UTC)": str(manifest.get("started_at"))[:19].replace("T", " "),
        "status": manifest.get("status"),
        "containerd": (manifest.get("containerd") or {}).get("version"),
        **{name: host.get(name) for name in ("shim", "runc", "kernel", "machine", "cgroup_mode")},
        "processors": host.get("cpus"),
        "memory": f"{memory / 2**30:.1f} GiB" if memory else None,
        "python": host.get("python"),
        "revision": host.get("git_revision"),
        "who killed whom": witness_text(manifest),
        "function": manifest.get("function"),
        "planned trials": planned_trials(plan) or None,
        "planned arrivals": len(plan.get("arrivals") or ()) or None,
        **{name: value for name, value in plan.items() if isinstance(value, int | float | str)},
        "factors": "; ".join(
            f"{name}={value}" for name, value in factors.items() if name != "name"
        ),
    }


def witness_text(manifest: Mapping[str, Any]) -> str | None:
    """What the run may say of kills; None for runs of versions without the kernel's witness."""
    witness = manifest.get("witness")
    if witness is None:
        return None
    if not witness["sees"]:
        return f"consistent with the times, not proven: {witness['remark']}"
    lost = f", {witness['lost']} were lost" if witness["lost"] else ""
    return f"proven by the kernel's record of {witness['signals']} signals{lost}"


def _manifest_text(manifest: Mapping[str, Any]) -> str:
    """The manifest without the long lists of its plan, which the run's folder has."""
    plan = manifest.get("plan") or {}
    counts = {"trials": planned_trials(plan), "arrivals": len(plan.get("arrivals") or ())}
    long = {name: f"{counts[name]} (see manifest.json)" for name in counts if name in plan}
    short = {**plan, **long}
    return json.dumps({**manifest, "plan": short}, indent=2)
