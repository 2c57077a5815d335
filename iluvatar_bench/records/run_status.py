"""How far a run has come. Light to import."""

from __future__ import annotations

from enum import StrEnum


class RunStatus(StrEnum):
    """How far a run has come, as its manifest says."""

    RUNNING = "running"
    """Under way, or cut off by a kill that let it write nothing more."""
    FINISHED = "finished"
    STOPPED = "stopped"
    """Ended early by request, with every trial that had begun lived to its end."""
    INTERRUPTED = "interrupted"
    """Cancelled, with the trials in flight lost."""
    DAEMON_LOST = "daemon_lost"
    """Ended because containerd went away and did not come back in time; what nobody had begun by
    then was not run."""
    DISK_FULL = "disk_full"
    """Ended because there was no room for what it keeps, or for what its containerd makes."""


IN_JOURNALS_ONLY = frozenset({RunStatus.RUNNING, RunStatus.DISK_FULL})
"""Such a run may have tables that are missing, or older than its journals."""


OBSERVED = "observed"
"""The kind of plan, and the profile, of containers that other clients made: nobody planned them."""
