"""The names of what can go wrong: symptoms (bug classes) and causes (mechanisms)."""

from __future__ import annotations

from enum import StrEnum


class BugClass(StrEnum):
    """A symptom, as a user of the worker sees it. The order is that of reports."""

    SNAPSHOT_OVERLAY = "snapshot_overlay"
    """The container's root file system could not be mounted."""
    MISSING_PACKAGES = "missing_packages"
    """A file that the image ships is not there for the process (modules, packages)."""
    PROCESS_DIED = "process_died"
    """A ready process ended though nobody asked it to."""
    SILENT_STARTUP = "silent_startup"
    """The process never became ready and left no error text."""
    CREATE_REJECTED = "create_rejected"
    """The runtime refused to create the container."""
    SNAPSHOT_NOT_FOUND = "snapshot_not_found"
    """Containerd itself no longer knows the snapshot that a request names, or the lease over it."""
    OOM_KILLED = "oom_killed"
    """The kernel ended the process at its memory limit."""
    SHIM_LOST = "shim_lost"
    """The shim of the container went away."""
    STARTUP_ERROR = "startup_error"
    """The process ended before it was ready and said why."""
    INVOKE_FAILED = "invoke_failed"
    """A ready function did not answer an invocation."""
    NETWORK = "network"
    """The network namespace or the address could not be set up."""
    IMAGE = "image"
    """The image is missing, damaged or for another platform."""
    DEADLINE = "deadline"
    """A step or the whole trial did not end in its time."""
    DAEMON_UNAVAILABLE = "daemon_unavailable"
    """Containerd could not be reached; nothing was asked of it."""
    UNCLASSIFIED = "unclassified"
    """A failure that no rule recognises: never dropped, never counted as ok."""


CLASSES_OF_2022 = (
    BugClass.SNAPSHOT_OVERLAY,
    BugClass.MISSING_PACKAGES,
    BugClass.PROCESS_DIED,
    BugClass.SILENT_STARTUP,
)
"""The three bugs of the worker's 2022 notes, and the silent start found with them."""


class Mechanism(StrEnum):
    """A proven cause."""

    SNAPSHOT_COLLECTED = "snapshot_collected"
    """Containerd's garbage collector removed the snapshot while it was needed."""
    COLLATERAL_KILL = "collateral_kill"
    """A Kill meant for another container in the same cgroup, or one above it, hit this one."""
    LEASE_GONE = "lease_gone"
    """The lease that was to hold the snapshot had expired, or another client had deleted it."""
    OWN_KILL = "own_kill"
    """This client itself killed the process: by Tasks.Kill, or by a signal from outside."""
    OOM = "oom"
    """The kernel killed the process at its cgroup's memory limit."""
    SHIM_DEATH = "shim_death"
    """The shim went away, and containerd ended the container that it served."""
    DAEMON_RESTART = "daemon_restart"
    """Containerd was restarted, or is gone, within the container's life."""
    CGROUP_OCCUPIED = "cgroup_occupied"
    """The runtime or the kernel refuses a cgroup that other containers live in, or below."""
    CGROUP_REMOVED = "cgroup_removed"
    """The cgroup went away while the container was to join it: a neighbour's, if it is shared."""
    BRIDGE_FULL = "bridge_full"
    IPAM_EXHAUSTED = "ipam_exhausted"
    DISK_FULL = "disk_full"
    OWN_ERROR = "own_error"
    """The function's own fault."""
    UNKNOWN = "unknown"
    """The evidence does not suffice for any of the others."""
