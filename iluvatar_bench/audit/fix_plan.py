"""What to do about an audit's findings: the calls to change, and what holds until then. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from iluvatar_bench.audit.audit import Audit
from iluvatar_bench.audit.fix_calls import CALLS, Calls
from iluvatar_bench.audit.read.state import HeldLease, SnapshotId
from iluvatar_bench.audit.rules.broken_rule import BrokenRule

HOLD_LABEL = "iluvatar-bench/hold"
"""On every lease that ``--apply`` makes: how they are found again, to list and to undo."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposed:
    """A snapshot that the next collection takes though a container needs it."""

    namespace: str
    snapshot: SnapshotId

    def __str__(self) -> str:
        return f"{self.namespace}/{self.snapshot}"

    @property
    def by_hand(self) -> str:
        """What holds it without this program; ctr cannot add anything to a lease."""
        return self._ctr(f"containerd.io/gc.root={self.namespace}")

    @property
    def undo_by_hand(self) -> str:
        """What ends that."""
        return self._ctr("containerd.io/gc.root=")

    def _ctr(self, label: str) -> str:
        where = f"ctr -n {self.namespace} snapshots --snapshotter {self.snapshot.snapshotter}"
        return f"{where} label {self.snapshot.name} {label}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FixStep:
    """A finding, and the calls that its client's author should change."""

    found: BrokenRule
    calls: Calls

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready values."""
        return {
            "rule": self.found.rule.name,
            "clients": list(self.found.clients),
            "calls": list(self.calls.calls),
            "ctr": list(self.calls.ctr),
            "meanwhile": self.calls.meanwhile,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class FixPlan:
    """The steps, what is exposed now, and the leases that an earlier plan has made."""

    steps: tuple[FixStep, ...]
    exposed: tuple[Exposed, ...]
    holds: tuple[tuple[str, HeldLease], ...]
    """By containerd namespace."""

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready values."""
        return {
            "steps": [step.as_dict() for step in self.steps],
            "exposed": [str(one) for one in self.exposed],
            "holds": [hold_text(namespace, lease) for namespace, lease in self.holds],
        }


def fix_plan(audit: Audit) -> FixPlan:
    """The plan for what an audit found."""
    return FixPlan(
        steps=tuple(FixStep(found=f, calls=CALLS[f.rule.name]) for f in audit.findings),
        exposed=tuple(_exposed(audit)),
        holds=tuple(
            (space.name, lease)
            for space in audit.state.namespaces
            for lease in space.leases
            if HOLD_LABEL in lease.info.labels
        ),
    )


def _exposed(audit: Audit) -> Iterator[Exposed]:
    """What a record leans on, or is mounted, and nothing holds; not what is only left behind."""
    for view in audit.context.views:
        leaned_on = {snapshot for snapshot in view.unnamed.values() if snapshot is not None}
        for snapshot in sorted(view.loose & (view.in_use | leaned_on)):
            yield Exposed(namespace=view.state.name, snapshot=snapshot)


def hold_text(namespace: str, lease: HeldLease) -> str:
    """A lease of an earlier plan, in words."""
    until = f", until {lease.info.expires_at:%Y-%m-%d %H:%M %Z}" if lease.info.expires_at else ""
    held = ", ".join(map(str, lease.snapshots())) or "nothing"
    return f"{namespace}: lease {lease.info.id}{until} holds {held}"
