"""What is wrong with what holds one container's snapshot, by the sets of the audit's rules."""

from __future__ import annotations

from collections.abc import Iterator

from iluvatar_bench.audit.rules.broken_rule import Rule
from iluvatar_bench.audit.rules.context import NamespaceView
from iluvatar_bench.audit.rules.references import (
    HELD_BY_LEASE_ALONE,
    PARENT_NOT_HELD,
    held_by_lease_alone,
    on_unheld_parents,
)
from iluvatar_bench.audit.rules.snapshots import NOT_NAMED


def broken_by_snapshot_of(view: NamespaceView, container_id: str) -> Iterator[Rule]:
    """The rules that one record breaks by what holds its snapshot and its parent."""
    if container_id in view.unnamed:
        yield NOT_NAMED
    elif container_id in held_by_lease_alone(view):
        yield HELD_BY_LEASE_ALONE
    if container_id in on_unheld_parents(view):
        yield PARENT_NOT_HELD
