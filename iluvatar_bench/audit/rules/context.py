"""What several rules need to know, worked out once from the state."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from iluvatar_bench.audit.read.state import DaemonState
from iluvatar_bench.audit.rules.cgroup_groups import CgroupGroups, group_cgroups
from iluvatar_bench.audit.rules.namespace_view import NamespaceView, namespace_view

__all__ = ["Context", "NamespaceView", "age_seconds", "age_text", "make_context"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The state, and the views of its namespaces.

    ``grace_seconds`` is how long something may lie about before it counts as left behind.
    """

    state: DaemonState
    views: tuple[NamespaceView, ...]
    grace_seconds: float
    cgroups: CgroupGroups

    @property
    def now(self) -> datetime:
        """When the state was taken."""
        return self.state.taken_at

    def older_than_grace(self, since: datetime | None) -> bool:
        """Whether that moment is longer ago than the grace; unknown moments are."""
        return since is None or age_seconds(since, self.now) > self.grace_seconds

    def known_records(self) -> set[tuple[str, str]]:
        """Namespace and id of every record, those that came or went included."""
        return {
            (view.state.name, id)
            for view in self.views
            for id in (*view.state.records, *(r.id for r in view.state.passing_records))
        }

    def known_containers(self) -> set[tuple[str, str]]:
        """The same with those that have only a task."""
        tasks = {(view.state.name, id) for view in self.views for id in view.state.tasks}
        return self.known_records() | tasks


def make_context(state: DaemonState, *, grace_seconds: float) -> Context:
    """The context of a state. Pure."""
    views = tuple(namespace_view(space, state.host, state.taken_at) for space in state.namespaces)
    return Context(
        state=state, views=views, grace_seconds=grace_seconds, cgroups=group_cgroups(views)
    )


def age_seconds(since: datetime, now: datetime) -> float:
    """How long ago, in seconds."""
    return (now - since).total_seconds()


def age_text(seconds: float) -> str:
    """An age for people: ``40 s``, ``12 min``, ``5 h``, ``3 days``."""
    for size, name in ((86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {name}"
    return f"{max(0.0, seconds):.0f} s"
