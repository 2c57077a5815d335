"""What a run knows of a container whose failure is to be examined."""

from __future__ import annotations

import time
from dataclasses import dataclass

from iluvatar_bench.bugs import DaemonFact
from iluvatar_bench.containerd.values import ExitStatus
from iluvatar_bench.lifecycle import Container, KillLog
from iluvatar_bench.monitor import EventLog, FailingContainer, Monitor, event_facts

_NEIGHBOUR_WINDOW_SECONDS = 5.0
"""How far before the failed step neighbours' Kills are kept as evidence: the rules of attribution
say how much of the time since then such Kills cover."""


@dataclass(frozen=True, slots=True)
class Before:
    """What was there when the container's life began: what is different later, changed meanwhile.

    ``oom_kills`` is the counter of its cgroup (None: it did not exist), ``daemon`` who was
    containerd (None: not known), ``at`` when that was, in seconds since the epoch, ``cgroup`` the
    kernel's number of the cgroup (None: it did not exist).
    """

    oom_kills: int | None = None
    daemon: DaemonFact | None = None
    at: float | None = None
    cgroup: int | None = None


def failing_container(
    container: Container,
    *,
    kills: KillLog,
    monitor: Monitor | None,
    daemon_answers: bool,
    before: Before,
    error: str,
    exit_status: ExitStatus | None,
) -> FailingContainer:
    """The container as it is known now; call it before anything of it is removed."""
    progress = container.progress
    ended_at = time.time()
    events = None if monitor is None else monitor.events
    kills_since = kills.known_since(progress.step_started_at - _NEIGHBOUR_WINDOW_SECONDS)
    error = error or f"the trial did not end in its time, in step {progress.step}"
    return FailingContainer(
        container_id=container.id,
        step=progress.step,
        step_started_at=progress.step_started_at,
        step_ended_at=ended_at,
        snapshotter=container.profile.snapshotter,
        snapshot_key=container.snapshot_key,
        snapshot_prepared=progress.snapshot_prepared,
        snapshot_removed_by_us=progress.snapshot_removed,
        chain_id=container.image.chain_id,
        parent=container.reference.parent,
        task_created=progress.task_created,
        mounts=container.mounts,
        cgroup=container.cgroup,
        oom_kills_before=before.oom_kills,
        exit_status=exit_status,
        error=error,
        own_kills=kills.of(container.id),
        neighbour_kills=kills.of_neighbours(
            container.id, cgroup=container.cgroup, since=kills_since
        ),
        own_changes=kills.cgroups.of(container.id),
        neighbour_changes=kills.cgroups.of_neighbours(
            container.id, cgroup=container.cgroup, since=kills_since
        ),
        memory_limit_made_bytes=container.memory_limit_bytes,
        kills_known_since=kills_since,
        reaping_seconds=kills.reaping_seconds(),
        cgroup_shared=container.profile.cgroup != "own",
        cgroup_identity_before=before.cgroup,
        joined=container.joined,
        began_at=before.at,
        witness=None if monitor is None else monitor.witness,
        stdout=container.stdout,
        stderr=container.stderr,
        pid=container.pid,
        shim_pid=container.shim_pid,
        daemon_before=before.daemon,
        events=None if events is None else event_facts(events.events.of(container.id)),
        daemon_answers=daemon_answers,
        events_broken=None if events is None else _why_incomplete(events),
        cwd=container.image.cwd,
        env=container.image.env,
    )


def _why_incomplete(events: EventLog) -> str | None:
    return events.broken or (events.gaps[-1].reason if events.gaps else None)
