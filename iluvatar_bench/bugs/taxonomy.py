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
    EVICTED = "evicted"
    """The node, or the orchestrator, ended the container to make room."""
    CGROUP_SETUP = "cgroup_setup"
    """The container's cgroup could not be made, entered or configured."""
    REMOVAL_FAILED = "removal_failed"
    """The container, its mount or its cgroup could not be taken away."""
    PIDS_LIMIT = "pids_limit"
    """No further process or thread was allowed."""
    OPEN_FILES_LIMIT = "open_files_limit"
    """No further file could be opened."""
    INOTIFY_LIMIT = "inotify_limit"
    """No further file could be watched."""
    DISK_FULL = "disk_full"
    """No bytes, inodes or quota were left."""
    READ_ONLY_FILESYSTEM = "read_only_filesystem"
    """What was to be written is mounted read-only."""
    SECURITY_DENIED = "security_denied"
    """AppArmor, SELinux, seccomp or a security context refused it."""
    SNAPSHOTTER_UNAVAILABLE = "snapshotter_unavailable"
    """The snapshotter is not loaded, or does not answer."""
    DAEMON_CRASHED = "daemon_crashed"
    """The daemon itself ended though nobody asked it to."""
    UNCLASSIFIED = "unclassified"
    """A failure that no rule recognises: never dropped, never counted as ok."""


class Certainty(StrEnum):
    """How far the words of a text decide its class."""

    CERTAIN = "certain"
    """Only this class is reported in these words."""
    LIKELY = "likely"
    """Most often this class; what else it can be is named with it."""
    POSSIBLE = "possible"
    """The words fit several classes about equally well."""


CLASSES_OF_2022 = (
    BugClass.SNAPSHOT_OVERLAY,
    BugClass.MISSING_PACKAGES,
    BugClass.PROCESS_DIED,
    BugClass.SILENT_STARTUP,
)
"""The three bugs of the worker's 2022 notes, and the silent start found with them."""


class Mechanism(StrEnum):
    """A cause; the verdict says whether it is proven or the facts are merely consistent with it."""

    SNAPSHOT_COLLECTED = "snapshot_collected"
    """Containerd's garbage collector removed the snapshot while it was needed."""
    COLLATERAL_KILL = "collateral_kill"
    """A Kill meant for another container in the same cgroup, or one above it, hit this one."""
    LEASE_GONE = "lease_gone"
    """The lease that was to hold the snapshot had expired, or another client had deleted it."""
    OWN_KILL = "own_kill"
    """This client itself killed the process: by Tasks.Kill, or by a signal from outside."""
    FOREIGN_KILL = "foreign_kill"
    """Somebody else killed the process: another program, or another client of containerd."""
    UNIT_STOPPED = "unit_stopped"
    """Systemd ended the scope that the container was in."""
    RESTART_MONITOR = "restart_monitor"
    """Containerd's restart monitor ended the task, as a label of the container told it to."""
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
    CGROUP_NOT_JOINED = "cgroup_not_joined"
    """The container's process is in another cgroup than its spec says: no limit of it holds."""
    CONTROLLER_MISSING = "controller_missing"
    """A limit asks for a controller that the host does not give to the cgroup."""
    BRIDGE_FULL = "bridge_full"
    IPAM_EXHAUSTED = "ipam_exhausted"
    DISK_FULL = "disk_full"
    OWN_ERROR = "own_error"
    """The function's own fault."""
    UNKNOWN = "unknown"
    """The evidence does not suffice for any of the others."""
