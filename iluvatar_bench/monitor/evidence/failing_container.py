"""Whose failure is examined: what the one who made the container knows of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from iluvatar_bench.bugs import CgroupFact, DaemonFact, EventFact, KillFact
from iluvatar_bench.containerd.values import ExitStatus, Mount
from iluvatar_bench.host.kernel.joined_cgroup import JoinedCgroup
from iluvatar_bench.monitor.witness import Witness


@dataclass(frozen=True, slots=True, kw_only=True)
class FailingContainer:
    """What is known of the container whose failure is examined.

    Times are seconds since the epoch. ``oom_kills_before`` is the cgroup's counter when the
    container was created (None: the cgroup did not exist), ``cgroup_identity_before`` the kernel's
    number of it. ``shim_pid`` is the shim that was seen
    when the task was created; ``daemon_before`` is who was containerd then. ``events`` are the
    container's last ones (None: nobody listened), and ``events_broken`` says why some are missing.
    ``parent`` is what the container's snapshot stands on (empty: the image's topmost layer).
    ``joined`` is the cgroup that its process was in once the task was made (None: not known).
    Where containerd is known not to answer (``daemon_answers``) it is not asked. ``began_at`` is
    when its life began, from when on the ``witness`` is asked about it.
    """

    container_id: str
    step: str
    step_started_at: float
    step_ended_at: float
    snapshotter: str
    snapshot_key: str
    snapshot_prepared: bool
    snapshot_removed_by_us: bool
    chain_id: str
    task_created: bool
    mounts: Sequence[Mount]
    cgroup: str
    oom_kills_before: int | None
    exit_status: ExitStatus | None
    error: str
    own_kills: tuple[KillFact, ...]
    neighbour_kills: tuple[KillFact, ...]
    stdout: Path
    stderr: Path
    pid: int | None = None
    shim_pid: int | None = None
    daemon_before: DaemonFact | None = None
    events: tuple[EventFact, ...] | None = None
    events_broken: str | None = None
    own_changes: tuple[CgroupFact, ...] = ()
    neighbour_changes: tuple[CgroupFact, ...] = ()
    memory_limit_made_bytes: int | None = None
    cgroup_shared: bool | None = None
    cgroup_identity_before: int | None = None
    joined: JoinedCgroup | None = None
    kills_known_since: float | None = None
    reaping_seconds: float | None = None
    began_at: float | None = None
    witness: Witness | None = None
    daemon_answers: bool = True
    parent: str = ""
    cwd: str = "/"
    env: Mapping[str, str] = field(default_factory=dict)
