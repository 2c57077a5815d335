"""What each bug class is to people: one table for the terminal, ``classify``, reports and docs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from iluvatar_bench.bugs.taxonomy import BugClass, Mechanism


@dataclass(frozen=True, slots=True)
class ClassGuide:
    """One line each: what one sees, what usually causes it, what to run next, what mends it.

    ``example`` is a text of the class (None: no program writes one, and evidence alone tells it);
    ``mechanisms`` are those that can be behind it where a run's evidence says which
    (:mod:`.mechanism_guide`), the most frequent first.
    """

    meaning: str
    causes: str
    command: str
    fix: str
    example: str | None
    mechanisms: tuple[Mechanism, ...]


_AUDIT = "iluvatar-bench audit"
_DOCTOR = "iluvatar-bench doctor"
_EXPLAIN = "iluvatar-bench explain --live CONTAINER"

CLASS_GUIDES: Mapping[BugClass, ClassGuide] = {
    BugClass.SNAPSHOT_OVERLAY: ClassGuide(
        "the container's root file system could not be mounted",
        "no lease held the snapshot until its container existed, and it was collected",
        _AUDIT,
        fix="hold the snapshot by a lease until the container's record names it",
        example="failed to mount rootfs component: mount overlay: no such file or directory",
        mechanisms=(Mechanism.SNAPSHOT_COLLECTED, Mechanism.LEASE_GONE),
    ),
    BugClass.MISSING_PACKAGES: ClassGuide(
        "a file that the image ships was not there for the process",
        "a layer of the mount was collected while in use; or the image never had the file",
        _AUDIT,
        fix="hold the snapshot; where the image never had the file, build it with its requirements",
        example="ModuleNotFoundError: No module named 'flask'",
        mechanisms=(Mechanism.SNAPSHOT_COLLECTED,),
    ),
    BugClass.PROCESS_DIED: ClassGuide(
        "a running process ended though nobody asked it to",
        "a Kill of a neighbour in the same cgroup, the memory limit, a crash of its own",
        _AUDIT,
        fix="a cgroup of its own for each container; explain says who killed it",
        example="worker-1 exited with code 137",
        mechanisms=(
            Mechanism.COLLATERAL_KILL,
            Mechanism.OWN_KILL,
            Mechanism.FOREIGN_KILL,
            Mechanism.UNIT_STOPPED,
            Mechanism.RESTART_MONITOR,
            Mechanism.STALE_HEALTH,
        ),
    ),
    BugClass.SILENT_STARTUP: ClassGuide(
        "the process never became ready and left no error text",
        "killed by a neighbour's Kill before it could write, too little memory or CPU, a full disk",
        _AUDIT,
        fix="a cgroup of its own for each container; room for its output",
        example="Timed out waiting for function readiness",
        mechanisms=(
            Mechanism.COLLATERAL_KILL,
            Mechanism.OWN_KILL,
            Mechanism.FOREIGN_KILL,
            Mechanism.UNIT_STOPPED,
            Mechanism.RESTART_RACE,
            Mechanism.DISK_FULL,
            Mechanism.CPU_STARVED,
            Mechanism.CPU_THROTTLED,
        ),
    ),
    BugClass.CREATE_REJECTED: ClassGuide(
        "the runtime refused to create the container",
        "a cgroup or a name that is still in use, or a setting that the runtime does not take",
        _AUDIT,
        fix="a cgroup and a name of its own for each container",
        example="container with id exists: encode-9",
        mechanisms=(
            Mechanism.CGROUP_OCCUPIED,
            Mechanism.CGROUP_REMOVED,
            Mechanism.COLLATERAL_KILL,
            Mechanism.UNIT_STOPPED,
        ),
    ),
    BugClass.SNAPSHOT_NOT_FOUND: ClassGuide(
        "containerd no longer knows the snapshot that a request names",
        "no lease held it, or no label the image's layer below it: it was collected between two "
        "requests",
        _AUDIT,
        fix="hold the snapshot by a lease until the container's record names it, and the image's "
        "layers by a label",
        example="snapshot encode-9-snap does not exist: not found",
        mechanisms=(Mechanism.SNAPSHOT_COLLECTED, Mechanism.PARENT_COLLECTED, Mechanism.LEASE_GONE),
    ),
    BugClass.OOM_KILLED: ClassGuide(
        "the kernel ended the process at its memory limit",
        "a limit below what the function needs, or a leak",
        _EXPLAIN,
        fix="more memory for the container, or less to do for the function",
        example="faasd-fn.service: Failed with result 'oom-kill'.",
        mechanisms=(Mechanism.OOM,),
    ),
    BugClass.SHIM_LOST: ClassGuide(
        "the container's shim went away, or could not be started",
        "the shim was killed (memory, systemd's KillMode), or containerd was restarted",
        _AUDIT,
        fix="containerd.service with KillMode=process; find out what ended the shim",
        example="ttrpc: closed: unknown",
        mechanisms=(Mechanism.SHIM_DEATH, Mechanism.DAEMON_RESTART),
    ),
    BugClass.STARTUP_ERROR: ClassGuide(
        "the process ended before it was ready and said why",
        "the function's own fault: its words stand in the row",
        _EXPLAIN,
        fix="mend the function",
        example="Segmentation fault (core dumped)",
        mechanisms=(Mechanism.OWN_ERROR,),
    ),
    BugClass.INVOKE_FAILED: ClassGuide(
        "a ready function did not answer",
        "a time limit, a crash while it worked, a connection that was refused",
        _EXPLAIN,
        fix="mend the function, or give it longer",
        example="2025/02/11 10:15:11 Can't reach service for: resizer.",
        mechanisms=(Mechanism.OWN_ERROR,),
    ),
    BugClass.NETWORK: ClassGuide(
        "the network, an address or a port could not be set up or taken down",
        "a full bridge or address range, a CNI plugin or its configuration that is missing",
        _AUDIT,
        fix="give addresses and namespaces back (CNI DEL) when containers go",
        example="container veth name provided (eth0) already exists",
        mechanisms=(Mechanism.BRIDGE_FULL, Mechanism.IPAM_EXHAUSTED),
    ),
    BugClass.IMAGE: ClassGuide(
        "the image is missing, damaged or for another platform",
        "a wrong name or tag, the registry's answer, content that was collected",
        _DOCTOR,
        fix="pull it again under its right name; keep a lease over unpacking",
        example="Error: reg.example/encode:9: image not known",
        mechanisms=(Mechanism.CONTENT_COLLECTED,),
    ),
    BugClass.DEADLINE: ClassGuide(
        "a step did not end in its time",
        "a host under load, a lock in the runtime, a disk that is slow",
        _DOCTOR,
        fix="less at a time on this host, or a longer deadline",
        example="failed to create shim task: context deadline exceeded: unknown",
        mechanisms=(Mechanism.DAEMON_RESTART, Mechanism.CGROUP_NOT_JOINED),
    ),
    BugClass.DAEMON_UNAVAILABLE: ClassGuide(
        "containerd could not be reached: nothing was asked of it",
        "it is not running, is being restarted, or its socket is not where it was looked for",
        _DOCTOR,
        fix="let containerd run, and wait until it answers before the next request",
        example="Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker "
        "daemon running?",
        mechanisms=(Mechanism.DAEMON_RESTART,),
    ),
    BugClass.EVICTED: ClassGuide(
        "the node made room and ended the container",
        "memory or disk of the node ran low, or a pod of higher priority came",
        _DOCTOR,
        fix="requests and limits that fit the node, or more room on it",
        example="Warning  Preempted  8s  default-scheduler  Preempted by pod 7c6f on node node-4",
        mechanisms=(),
    ),
    BugClass.CGROUP_SETUP: ClassGuide(
        "the container's cgroup could not be made, entered or configured",
        "a controller that is not delegated, systemd's refusal, a left-over unit of that name",
        _DOCTOR,
        fix="delegate the controller (Delegate=yes), reset the left-over unit",
        example="cgroups: cgroup mountpoint does not exist: unknown",
        mechanisms=(
            Mechanism.CONTROLLER_MISSING,
            Mechanism.CGROUP_NOT_JOINED,
            Mechanism.CGROUP_OCCUPIED,
            Mechanism.CGROUP_REMOVED,
        ),
    ),
    BugClass.REMOVAL_FAILED: ClassGuide(
        "a container, its mount or its cgroup could not be taken away",
        "a mount that leaked into another namespace, a process that still lives",
        _AUDIT,
        fix="await the exit before the delete; unmount what leaked",
        example="ctr: task must be stopped before deletion: running: failed precondition",
        mechanisms=(Mechanism.CGROUP_NOT_JOINED,),
    ),
    BugClass.PIDS_LIMIT: ClassGuide(
        "no further process or thread was allowed",
        "pids.max of the cgroup, the user's limit of processes, kernel.pid_max",
        _DOCTOR,
        fix="raise pids.max (TasksMax), or start fewer threads",
        example="RuntimeError: can't start new thread",
        mechanisms=(),
    ),
    BugClass.OPEN_FILES_LIMIT: ClassGuide(
        "no further file could be opened",
        "the process's limit of open files (LimitNOFILE), or fs.file-max",
        _DOCTOR,
        fix="raise LimitNOFILE, or close what is open",
        example="OSError: [Errno 24] Too many open files: '/app/data.bin'",
        mechanisms=(),
    ),
    BugClass.INOTIFY_LIMIT: ClassGuide(
        "no further file could be watched",
        "fs.inotify.max_user_instances or max_user_watches: not the disk, not open files",
        _DOCTOR,
        fix="raise fs.inotify.max_user_instances and max_user_watches",
        example="failed to create fsnotify watcher: too many open files",
        mechanisms=(),
    ),
    BugClass.DISK_FULL: ClassGuide(
        "no bytes, inodes or quota were left",
        "images, snapshots or logs that nobody removes",
        _DOCTOR,
        fix="free space and inodes where containerd keeps its snapshots",
        example="Error: ENOSPC: no space left on device, write",
        mechanisms=(Mechanism.DISK_FULL,),
    ),
    BugClass.READ_ONLY_FILESYSTEM: ClassGuide(
        "what was to be written is mounted read-only",
        "a read-only root file system, or a disk that the kernel gave up on",
        _DOCTOR,
        fix="a writable mount for what is written, or another disk",
        example="OSError: [Errno 30] Read-only file system: '/app/cache'",
        mechanisms=(),
    ),
    BugClass.SECURITY_DENIED: ClassGuide(
        "AppArmor, SELinux, seccomp or a security context refused it",
        "a profile that is missing or too strict for this program",
        _DOCTOR,
        fix="load the profile that is named, or allow what the program needs",
        example="Bad system call (core dumped)",
        mechanisms=(),
    ),
    BugClass.SNAPSHOTTER_UNAVAILABLE: ClassGuide(
        "the snapshotter is not loaded, or does not answer",
        "its process is not running, or the file system below it does not suit it",
        _DOCTOR,
        fix="start or configure the snapshotter that is named",
        example="ctr: failed to stat snapshot: snapshotter not loaded: stargz: invalid argument",
        mechanisms=(),
    ),
    BugClass.DAEMON_CRASHED: ClassGuide(
        "the daemon itself ended though nobody asked it to",
        "a panic, the memory limit of its unit, a failing disk",
        _DOCTOR,
        fix="read its log above the end; give its unit memory",
        example="containerd.service: Failed with result 'signal'.",
        mechanisms=(),
    ),
    BugClass.FROZEN: ClassGuide(
        "the process lives and does nothing: the kernel keeps its cgroup from running",
        "a neighbour in the same cgroup was paused",
        _AUDIT,
        fix="a cgroup of its own for each container",
        example="OCI runtime exec failed: cannot exec in a paused container: unknown",
        mechanisms=(Mechanism.NEIGHBOUR_PAUSED,),
    ),
    BugClass.RESOURCES_CHANGED: ClassGuide(
        "the container ran under limits that it was not made with",
        "an update of a neighbour in the same cgroup",
        _AUDIT,
        fix="a cgroup of its own for each container",
        example=None,
        mechanisms=(Mechanism.NEIGHBOUR_UPDATED,),
    ),
    BugClass.EXEC_FAILED: ClassGuide(
        "a further process in a running container could not be started",
        "its program is not in the image, or the container had ended",
        _EXPLAIN,
        fix="name a program that the image has, by its path",
        example="exec check-1 in container web-1 could not be started",
        mechanisms=(Mechanism.OWN_ERROR,),
    ),
    BugClass.UNCLASSIFIED: ClassGuide(
        "a failure in words that no signature knows",
        "see the groups of errors below, and teach a signature",
        "iluvatar-bench classify --teach FILE",
        fix="teach a signature",
        example="FATA[0000] getting frob of container: frob is odd",
        mechanisms=(),
    ),
}
