"""From a class to the next step: what it means, its likely causes, and the command to run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from iluvatar_bench.bugs.taxonomy import BugClass


@dataclass(frozen=True, slots=True)
class NextStep:
    """One line each: what the class means, what usually causes it, and what to run next."""

    meaning: str
    causes: str
    command: str


_AUDIT = "iluvatar-bench audit"
_DOCTOR = "iluvatar-bench doctor"
_EXPLAIN = "iluvatar-bench explain --live CONTAINER"

NEXT_STEPS: Mapping[BugClass, NextStep] = {
    BugClass.SNAPSHOT_OVERLAY: NextStep(
        "the container's root file system could not be mounted",
        "no lease held the snapshot until its container existed, and it was collected",
        _AUDIT,
    ),
    BugClass.MISSING_PACKAGES: NextStep(
        "a file that the image ships was not there for the process",
        "a layer of the mount was collected while in use; or the image never had the file",
        _AUDIT,
    ),
    BugClass.PROCESS_DIED: NextStep(
        "a running process ended though nobody asked it to",
        "a Kill of a neighbour in the same cgroup, the memory limit, a crash of its own",
        _AUDIT,
    ),
    BugClass.SILENT_STARTUP: NextStep(
        "the process never became ready and left no error text",
        "killed by a neighbour's Kill before it could write, too little memory or CPU, a full disk",
        _AUDIT,
    ),
    BugClass.CREATE_REJECTED: NextStep(
        "the runtime refused to create the container",
        "a cgroup or a name that is still in use, or a setting that the runtime does not take",
        _AUDIT,
    ),
    BugClass.SNAPSHOT_NOT_FOUND: NextStep(
        "containerd no longer knows the snapshot that a request names",
        "no lease held it: it was collected between two requests",
        _AUDIT,
    ),
    BugClass.OOM_KILLED: NextStep(
        "the kernel ended the process at its memory limit",
        "a limit below what the function needs, or a leak",
        _EXPLAIN,
    ),
    BugClass.SHIM_LOST: NextStep(
        "the container's shim went away, or could not be started",
        "the shim was killed (memory, systemd's KillMode), or containerd was restarted",
        _AUDIT,
    ),
    BugClass.STARTUP_ERROR: NextStep(
        "the process ended before it was ready and said why",
        "the function's own fault: its words stand in the row",
        _EXPLAIN,
    ),
    BugClass.INVOKE_FAILED: NextStep(
        "a ready function did not answer",
        "a time limit, a crash while it worked, a connection that was refused",
        _EXPLAIN,
    ),
    BugClass.NETWORK: NextStep(
        "the network, an address or a port could not be set up or taken down",
        "a full bridge or address range, a CNI plugin or its configuration that is missing",
        _AUDIT,
    ),
    BugClass.IMAGE: NextStep(
        "the image is missing, damaged or for another platform",
        "a wrong name or tag, the registry's answer, content that was collected",
        _DOCTOR,
    ),
    BugClass.DEADLINE: NextStep(
        "a step did not end in its time",
        "a host under load, a lock in the runtime, a disk that is slow",
        _DOCTOR,
    ),
    BugClass.DAEMON_UNAVAILABLE: NextStep(
        "containerd could not be reached: nothing was asked of it",
        "it is not running, is being restarted, or its socket is not where it was looked for",
        _DOCTOR,
    ),
    BugClass.EVICTED: NextStep(
        "the node made room and ended the container",
        "memory or disk of the node ran low, or a pod of higher priority came",
        _DOCTOR,
    ),
    BugClass.CGROUP_SETUP: NextStep(
        "the container's cgroup could not be made, entered or configured",
        "a controller that is not delegated, systemd's refusal, a left-over unit of that name",
        _DOCTOR,
    ),
    BugClass.REMOVAL_FAILED: NextStep(
        "a container, its mount or its cgroup could not be taken away",
        "a mount that leaked into another namespace, a process that still lives",
        _AUDIT,
    ),
    BugClass.PIDS_LIMIT: NextStep(
        "no further process or thread was allowed",
        "pids.max of the cgroup, the user's limit of processes, kernel.pid_max",
        _DOCTOR,
    ),
    BugClass.OPEN_FILES_LIMIT: NextStep(
        "no further file could be opened",
        "the process's limit of open files (LimitNOFILE), or fs.file-max",
        _DOCTOR,
    ),
    BugClass.INOTIFY_LIMIT: NextStep(
        "no further file could be watched",
        "fs.inotify.max_user_instances or max_user_watches: not the disk, not open files",
        _DOCTOR,
    ),
    BugClass.DISK_FULL: NextStep(
        "no bytes, inodes or quota were left",
        "images, snapshots or logs that nobody removes",
        _DOCTOR,
    ),
    BugClass.READ_ONLY_FILESYSTEM: NextStep(
        "what was to be written is mounted read-only",
        "a read-only root file system, or a disk that the kernel gave up on",
        _DOCTOR,
    ),
    BugClass.SECURITY_DENIED: NextStep(
        "AppArmor, SELinux, seccomp or a security context refused it",
        "a profile that is missing or too strict for this program",
        _DOCTOR,
    ),
    BugClass.SNAPSHOTTER_UNAVAILABLE: NextStep(
        "the snapshotter is not loaded, or does not answer",
        "its process is not running, or the file system below it does not suit it",
        _DOCTOR,
    ),
    BugClass.DAEMON_CRASHED: NextStep(
        "the daemon itself ended though nobody asked it to",
        "a panic, the memory limit of its unit, a failing disk",
        _DOCTOR,
    ),
    BugClass.UNCLASSIFIED: NextStep(
        "a failure in words that no signature knows",
        "see the groups of errors below, and teach a signature",
        "iluvatar-bench classify --teach FILE",
    ),
}
