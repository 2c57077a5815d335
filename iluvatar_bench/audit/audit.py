"""The result of an audit: findings, what the next collection takes, whose habits these are."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from iluvatar_bench.audit.clients import ClientHabits, client_of, id_pattern, observed_clients
from iluvatar_bench.audit.read.state import DaemonState, SnapshotId
from iluvatar_bench.audit.rules.broken_rule import BrokenRule, Severity
from iluvatar_bench.audit.rules.cgroup_paths import broken_by_cgroups
from iluvatar_bench.audit.rules.context import Context, age_seconds, make_context
from iluvatar_bench.audit.rules.keepers import keeper_notes
from iluvatar_bench.audit.rules.leftovers import broken_by_leftovers
from iluvatar_bench.audit.rules.processes import broken_by_processes, pid_notes
from iluvatar_bench.audit.rules.references import broken_by_references
from iluvatar_bench.audit.rules.restarts import broken_by_restarts
from iluvatar_bench.audit.rules.snapshots import broken_by_snapshots
from iluvatar_bench.audit.rules.unheld_content import broken_by_image_content
from iluvatar_bench.audit.rules.versions import version_notes
from iluvatar_bench.count_words import count_of

if TYPE_CHECKING:
    # Loading it takes longer than an audit does: only what gives a frame does so.
    import pandas as pd

GRACE_SECONDS = 60.0
"""How long something may lie about before it counts as left behind."""

_GROUPS = (
    broken_by_snapshots,
    broken_by_cgroups,
    broken_by_processes,
    broken_by_references,
    broken_by_image_content,
    broken_by_restarts,
    broken_by_leftovers,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Losing:
    """An active snapshot or view that the next collection removes.

    ``age_seconds`` is None where containerd does not say when it was made.
    """

    namespace: str
    snapshot: SnapshotId
    age_seconds: float | None
    in_use: bool


@dataclass(frozen=True, slots=True, repr=False)
class Audit:
    """What was found on one containerd at one moment.

    In a notebook it shows itself as a table; ``frame`` is the same as data.
    """

    state: DaemonState
    findings: tuple[BrokenRule, ...]
    clients: tuple[ClientHabits, ...]
    context: Context

    @property
    def frame(self) -> pd.DataFrame:
        """One row a finding, the worst first.

        Columns: severity, rule, count, objects (the first three), bug_classes, what, details, fix,
        source; all text but count.
        """
        import pandas as pd

        rows = [
            {
                "severity": str(found.severity),
                "rule": found.rule.name,
                "count": found.count,
                "objects": found.first_three,
                "bug_classes": ", ".join(found.bug_classes),
                "what": found.rule.what,
                "details": "; ".join(found.details),
                "fix": found.rule.fix,
                "source": found.rule.source,
            }
            for found in self.findings
        ]
        columns = ["severity", "rule", "count", "objects", "bug_classes", "what", "details"]
        return pd.DataFrame(rows, columns=[*columns, "fix", "source"])

    @property
    def losing(self) -> tuple[Losing, ...]:
        """What the next collection removes of active snapshots and views, by name."""
        return tuple(
            Losing(
                namespace=view.state.name,
                snapshot=snapshot,
                age_seconds=age_seconds(created_at, view.now) if created_at else None,
                in_use=snapshot in view.in_use,
            )
            for view in self.context.views
            for snapshot in sorted(view.loose)
            for created_at in (view.state.snapshots[snapshot].created_at,)
        )

    @property
    def next_collection(self) -> pd.DataFrame:
        """The same as data, oldest first.

        Columns: namespace, snapshotter, snapshot, age_seconds (NaN where not known), in_use.
        """
        import pandas as pd

        rows = [
            {
                "namespace": one.namespace,
                "snapshotter": one.snapshot.snapshotter,
                "snapshot": one.snapshot.name,
                "age_seconds": one.age_seconds,
                "in_use": one.in_use,
            }
            for one in self.losing
        ]
        columns = ["namespace", "snapshotter", "snapshot", "age_seconds", "in_use"]
        frame = pd.DataFrame(rows, columns=columns)
        frame["age_seconds"] = frame["age_seconds"].astype("float64")
        return frame.sort_values("age_seconds", ascending=False, ignore_index=True)

    @property
    def counts(self) -> dict[str, int]:
        """How much was looked at."""
        namespaces = self.state.namespaces
        return {
            "namespaces": len(namespaces),
            "containers": sum(len(n.records) for n in namespaces),
            "tasks": sum(len(n.tasks) for n in namespaces),
            "active_snapshots": sum(len(n.active()) for n in namespaces),
            "leases": sum(len(n.leases) for n in namespaces),
            "images": sum(len(n.images) for n in namespaces),
        }

    @property
    def notes(self) -> tuple[str, ...]:
        """What is unusual and harms nobody."""
        return (*pid_notes(self.context), *keeper_notes(self.context))

    @property
    def version_notes(self) -> tuple[str, ...]:
        """What the versions found do that others do not; of runtimes where it matters."""
        shared = self.context.cgroups.neighbours()
        return version_notes(
            self.state.version, self.state.host.runtimes.values() if shared else ()
        )

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready values."""
        losing = self.losing
        collector = self.state.collector
        return {
            "address": str(self.state.address),
            "containerd": self.state.version,
            "runtimes": dict(self.state.host.runtimes),
            "taken_at": self.state.taken_at.isoformat(),
            "looked_at": self.counts,
            "collector": None if collector is None else asdict(collector),
            "findings": [found.as_dict() for found in self.findings],
            "next_collection": {
                "active_snapshots": len(losing),
                "in_use": sum(one.in_use for one in losing),
            },
            "clients": [client.as_dict() for client in self.clients],
            "connected": [asdict(peer) for peer in self.state.host.peers],
            "notes": list(self.notes),
            "version_notes": list(self.version_notes),
            "remarks": list(self.state.remarks),
        }

    def __repr__(self) -> str:
        return f"<Audit: {self.headline}>"

    def _repr_html_(self) -> str:
        """For notebooks: the findings as a table, everything shown as text."""
        if not self.findings:
            return f"<p><b>{html.escape(self.headline)}</b></p>"
        table = self.frame[["severity", "count", "what", "objects", "bug_classes", "fix"]]
        return f"<p><b>{html.escape(self.headline)}</b></p>{table.to_html(index=False)}"

    @property
    def headline(self) -> str:
        """One line: what was looked at, and how many findings there are."""
        numbers = ", ".join(f"{name.replace('_', ' ')} {n}" for name, n in self.counts.items())
        verdict = count_of(len(self.findings), "finding") if self.findings else "nothing found"
        if not self.counts["containers"]:
            alone = "no container was there to look at"
            verdict = f"{verdict}; {alone}" if self.findings else alone
        return f"containerd {self.state.version} at {self.state.address} ({numbers}): {verdict}"


def apply_rules(state: DaemonState, *, grace_seconds: float = GRACE_SECONDS) -> Audit:
    """Apply every rule to a state. Pure: the same state always gives the same findings."""
    context = make_context(state, grace_seconds=grace_seconds)
    findings = [found for group in _GROUPS for found in group(context)]
    order = list(Severity)
    # Stable: within a severity the groups' own order, which is that of importance.
    findings.sort(key=lambda found: order.index(found.severity))
    owners = _owners(context)
    named = tuple(replace(found, clients=_clients(found, owners)) for found in findings)
    return Audit(state, named, observed_clients(context), context)


def _owners(context: Context) -> dict[str, str]:
    """The client of each container, and of the snapshots that go by a container's name."""
    return {
        name: f"{view.state.name}: {client_of(record)}"
        for view in context.views
        for record in (*view.state.passing_records, *view.state.records.values())
        for name in (view.title(record.id), view.title(f"{record.snapshotter}:{record.id}"))
    }


def _clients(found: BrokenRule, owners: Mapping[str, str]) -> tuple[str, ...]:
    """Whose the objects are; of what belongs to no container, by the form of its name."""
    told = dict.fromkeys(owners.get(name) or _by_form(name) for name in found.objects)
    return tuple(sorted(client for client in told if client))


def _by_form(name: str) -> str:
    namespace, separator, rest = name.partition("/")
    plain = rest.partition(":")[2] or rest
    return f"{namespace}: {id_pattern(plain)}" if separator and namespace else ""
