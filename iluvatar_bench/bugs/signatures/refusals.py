"""Runtimes and shims: a container that is refused, a cgroup that cannot be had, a shim that went.

Of runc, and of those that do without its wrapping: crun, runsc, youki, kata; podman, conmon, CRI-O.
"""

from __future__ import annotations

from iluvatar_bench.bugs.signatures.wording import Q, wording
from iluvatar_bench.bugs.taxonomy import BugClass, Certainty

_REFUSED = (
    r"[Nn]o such (?:file|device)|[Pp]ermission denied|resource busy|[Ii]nvalid argument"
    r"|[Cc]annot allocate|not supported|[Ff]ile exists|[Rr]ead-only|[Oo]peration not permitted"
)

REMOVALS = (
    wording(
        BugClass.REMOVAL_FAILED,
        r"\btermination failed after \S",
        "kubelet 1.0-1.5",
        "kubernetes pkg/kubelet/dockertools/manager.go",
        "told as news: nothing runs in it, and it is still there",
        told_calmly=True,
        certainty=Certainty.POSSIBLE,
        alternatives=(BugClass.DEADLINE,),
    ),
    wording(
        BugClass.REMOVAL_FAILED,
        r"[Dd]evice or resource busy|[Dd]irectory not empty|: target is busy|: resource busy\b",
        "linux EBUSY, ENOTEMPTY; whoever removes",
        "linux fs/namei.c, fs/namespace.c",
        near=r"[Rr]emov|[Dd]elet|unlinkat|rmtree|umount|unmount|rmdir|replacing mount point|[Tt]ear"
        r"|[Dd]estroy",
        unless=r"setting up ptmx|container init caused|OCI runtime create failed",
    ),
    wording(
        BugClass.REMOVAL_FAILED,
        r"[Ff]ailed to remove (?:root filesystem|container|sandbox|cgroup|paths)"
        r"|[Ff]ailed to [Rr]emove paths|[Uu]nable to (?:destroy container"
        r"|remove (?:container's )?cgroup"
        r"|remove filesystem)|cannot (?:remove|delete) (?:the )?(?:container|cgroup|pod|a )"
        r"|[Ff]ailed to (?:unmount|umount|delete|clean ?up) (?:rootfs|target|task|shim|container"
        r"|cgroup"
        r"|sandbox|bundle|dead shim)|RemoveContainer for [^\n]{1,120} failed"
        r"|RemovePodSandbox [^\n]{1,120} failed"
        r"|[Rr]emoving the (?:container|pod sandbox) [^\s:]{1,120} failed"
        r"|task must be stopped before deletion"
        r"|removal of container \S{1,80}+ is already in progress|already in removing state"
        r"|\bcontainer [^\n:]{1,120} (?:cannot be removed|is marked for removal)"
        r"|KillContainerError|unknown error after kill|UnmountVolume\.TearDown failed"
        r"|snapshot garbage collection failed|msg=\\{0,7}+\"Could not umount"
        r"|crun: (?:kill process|cannot rm state)|timed out removing cgroup"
        r"|unable to kill all processes: "
        r"|image is in use by a container|container init still running"
        r"|runc delete failed|paused containers cannot be removed",
        "runc 1.0-1.5, crun, youki, containerd 1.4-2.3, dockerd, podman, kubelet",
        "runc libcontainer/state_linux.go; moby daemon/delete.go; containers/podman libpod",
    ),
)

PAUSED = (
    wording(
        BugClass.FROZEN,
        r"cannot exec in a paused (?:container|state)|is paused, (?:unpause the container before"
        r"|cannot exec)|[Cc]ontainer \S{1,80}+ is paused\b|[Ee]xec: the container is paused"
        r"|cannot exec into container [^\n]{1,120} paused\b|cannot start a paused container"
        r"|freezer state of \S{1,100} is Frozen|stuck in the FREEZING state"
        r"|[Pp]aused state cannot be (?:stopped|killed)|container is frozen\b"
        r"|\b__refrigerator\b|\brefrig\b|\bdo_freezer_trap\b|cgroup\.freeze of \S{1,100} reads 1",
        "runc 1.0-1.5, containerd 1.4-2.3, dockerd",
        "runc libcontainer/process_linux.go; moby daemon/exec.go, daemon/errors.go",
    ),
    wording(
        BugClass.FROZEN,
        r"unexpected state \w{1,20}+ while freezing|\bunable to freeze\b"
        rf"|cgroup\.freeze{Q} to be in state|waiting for the cgroup to freeze",
        "runc 1.0-1.5",
        "runc libcontainer/cgroups/fs/freezer.go, fs2/freezer.go; opencontainers/runc#2774",
        "of a pause: somebody thawed the cgroup meanwhile, or kept putting processes into it",
    ),
    wording(
        BugClass.EXEC_FAILED,
        r"exec \S{1,80}+ in container \S{1,80}+ could not be started",
        "iluvatar-bench",
        "iluvatar-bench lifecycle/exec_process.py",
    ),
)

CGROUPS = (
    wording(
        BugClass.CREATE_REJECTED,
        r"/sys/fs/cgroup/|apply cgroup configuration",
        "runc 1.0-1.5, crun",
        "linux kernel/cgroup/cgroup.c (ESRCH)",
        "the cgroup is there, and init was killed before it could join: a neighbour's Kill",
        near=r"[Nn]o such process",
        unless=r"conmon|add task|[Aa]ssign container|hypervisor",
    ),
    wording(
        BugClass.CREATE_REJECTED,
        r'(?<!level=warning msg=")(?<!level=warning msg=\\")(?<!level=warning msg=\\\\\\")'
        r"(?<!WARN\[0000\] )container's cgroup is not empty: \d{1,10} process",
        "runc 1.2-1.5; runc 1.1.6-1.1.x only warns, and that warning is no failure",
        "runc libcontainer/factory_linux.go; opencontainers/runc#3223, #3132, #3828",
        "mechanism cgroup_occupied",
    ),
    wording(
        BugClass.CREATE_REJECTED,
        r"container's cgroup unexpectedly frozen",
        "runc 1.1-1.5, crun since 2026-09",
        "runc libcontainer/factory_linux.go; opencontainers/runc#3131; containers/crun#2243",
        "the shared cgroup was being frozen for a neighbour's Kill(all)",
    ),
    wording(
        BugClass.CGROUP_SETUP,
        r"sd-bus \w{1,12}|cannot open sd-bus|\bCgroupError\b|cannot statfs cgroup"
        r"|start transient unit|Cgroup root for \w{1,20} disappeared"
        r"|[Ff]ailed to find \w{1,10} cgroup|[Ii]nteractive authentication required"
        r"|was already loaded or has a fragment file|cgroup\.subtree_control"
        r"|cannot enter cgroupv2|in an invalid state|domain controllers"
        r"|requested cgroup controller [^\n]{1,60} is not available"
        r"|(?:unable to|cannot) start unit |systemd error: |no cgroup mount found"
        r"|cgroup2: unknown option|cgroup mountpoint does not exist"
        r"|expected cgroupsPath to be of format"
        r"|cannot set up cgroup|configuring cgroup|top level QOS containers"
        r"|cgroups exist and are correctly applied|BPF_CGROUP_DEVICE"
        r"|no systemd user session available(?!\n(?:[^\n]{0,120}+\n)?[^\n]{0,20}Falling back to)"
        r"|\bcgroup isn't mounted"
        r"|root container \[[^\]\n]{1,60}+\] doesn't exist",
        "crun, runc 1.0-1.5, runsc, youki, podman, kubelet",
        "crun src/libcrun/cgroup-systemd.c; runc libcontainer/cgroups; containers/podman#6368; "
        "google/gvisor#8111, #13301",
    ),
    wording(
        BugClass.CGROUP_SETUP,
        r"unable to set memory limit to \d{1,20}+ \(current usage"
        r"|rejecting memory limit \d{1,20}+ <= usage"
        rf"|Failed to set {Q}memory\.[\w.]{{1,40}}+{Q} attribute on",
        "runc 1.1-1.5, systemd",
        "runc libcontainer/cgroups/fs/memory.go, fs2/fs2.go; opencontainers/runc#3986; "
        "systemd/systemd#22211",
        "a limit below what is in use already: it stays as it was",
    ),
    wording(
        BugClass.CGROUP_SETUP,
        r"setting cgroup config|[Ff]ailed to (?:create|apply|join|set ?up|write)[^\n]{0,60} cgroup"
        r"|libcgroups?::[^\n]{1,60}(?:failed|error)|open cgroups? file",
        "runc 1.0-1.5, crun, youki, conmon, systemd",
        "runc libcontainer/cgroups/file.go; youki crates/libcgroups; conmon src/cgroup.c",
    ),
    wording(
        BugClass.CGROUP_SETUP,
        r"/sys/fs/cgroup/|creating cgroup director",
        "runc 1.0-1.5, crun, youki, kubelet",
        "runc libcontainer/cgroups/file.go; linux kernel/cgroup",
        near=_REFUSED,
    ),
    wording(
        BugClass.CGROUP_SETUP,
        _REFUSED,
        "linux cgroup v1, v2; whoever writes them",
        "linux kernel/cgroup, mm/memcontrol.c, kernel/cgroup/cpuset.c",
        "the files of a cgroup, by their own names",
        near=r"\b(?:memory|cpu|cpuset|pids|io|blkio|hugetlb|devices|freezer)\."
        r"(?:max|high|low|min|weight|swap\.max|shares|cfs_quota_us|cfs_period_us|rt_runtime_us"
        r"|limit_in_bytes|allow|deny|cpus|mems|freeze)\b"
        r"|\bcgroup\.(?:procs|threads|freeze|kill)\b",
        within=120,
    ),
    wording(
        BugClass.CGROUP_SETUP,
        r"[Uu]nable to apply cgroup configuration|applying cgroup configuration",
        "runc 1.0-1.5",
        "runc libcontainer/process_linux.go",
        certainty=Certainty.LIKELY,
        alternatives=(BugClass.CREATE_REJECTED,),
    ),
)

VOLUMES = (
    wording(
        BugClass.DEADLINE,
        r"MountVolume\.\w{1,20} failed|FailedMount\b|FailedAttachVolume\b|AttachVolume\.Attach",
        "kubelet 1.3-1.34",
        "kubernetes pkg/volume/util/operationexecutor, pkg/kubelet/volumemanager",
        near=r"[Tt]imed out|[Tt]imeout\b|deadline exceeded",
        within=500,
        certainty=Certainty.LIKELY,
        alternatives=(BugClass.CREATE_REJECTED,),
    ),
    wording(
        BugClass.UNCLASSIFIED,
        r"MountVolume\.\w{1,20} failed|FailedMount\b|FailedAttachVolume\b|AttachVolume\.Attach"
        r"|Multi-Attach error|\b[Mm]ount failed: exit status 32|FormatAndMount failed with exit"
        r"|[Ff]ailed to stage volume",
        "kubelet 1.3-1.34",
        "kubernetes pkg/volume/util/operationexecutor, pkg/kubelet/volumemanager",
        "a volume beside the root file system: the container was not even asked for",
        certainty=Certainty.LIKELY,
        alternatives=(BugClass.CREATE_REJECTED,),
    ),
)
"""What is mounted beside the root file system, by the orchestrator."""

RUNTIMES = (
    wording(
        BugClass.CREATE_REJECTED,
        rf"exec: {Q}(?:[^\s\"]{{0,200}}/)?(?:runc|crun|runsc|youki)\\{{0,7}}+\":"
        r"|[Ff]ailed to launch (?:qemu|cloud-hypervisor|firecracker)"
        r"|unknown or invalid runtime name|[Uu]nable to retrieve OCI runtime error"
        r"|default OCI runtime \S{1,60}+ not found",
        "containerd 1.4-2.3, dockerd, podman",
        "containerd pkg/process/init.go (`unable to retrieve OCI runtime error`)",
        "the runtime itself is not installed: nothing is missing in the image",
    ),
    wording(
        BugClass.CREATE_REJECTED,
        r"fork/exec ",
        "containerd 1.0-2.3, dockerd",
        "go os/exec",
        "the same, where the daemon forks the runtime by its path",
        near=r"/(?:docker-)?(?:runc|crun|runsc|youki)[\w.-]{0,40}: ",
    ),
    wording(
        BugClass.CREATE_REJECTED,
        r"fork/exec /proc/(?:self|\d{1,10})/exe: ",
        "runsc, rootlesskit, runc, nerdctl",
        "go os/exec; google/gvisor runsc/sandbox; rootless-containers/rootlesskit pkg/parent",
        "a runtime that calls itself again, in namespaces of its own",
        certainty=Certainty.LIKELY,
        alternatives=(BugClass.SECURITY_DENIED, BugClass.DAEMON_CRASHED),
    ),
    wording(
        BugClass.CREATE_REJECTED,
        r"[Ff]ailed to reserve (?:container|sandbox) name|(?:error )?reserving (?:ctr|pod) name"
        r"|container name [^\n]{1,120} is already in use|name is reserved for"
        r"|container with (?:given ID already|id) exists",
        "containerd CRI 1.4-2.3, CRI-O, docker, podman, runc",
        "containerd/containerd#4604; amazonlinux/amazon-linux-2023#1097; cri-o/cri-o#7263",
        "left over from an earlier create that ran out of time",
    ),
    wording(
        BugClass.CREATE_REJECTED,
        rf"\b(?:container|task) {Q}?[\w.-]{{1,128}}+\\{{0,7}}+[\"`]?:? already exists",
        "containerd 1.4-2.3, crun",
        "containerd metadata/containers.go, services/tasks/local.go",
    ),
    wording(
        BugClass.CREATE_REJECTED,
        r"CreateContainerConfigError|(?<!Cannot)CreateContainerError|RunContainerError"
        r"|couldn't find key \S"
        r"|(?:secret|configmap) \\{0,7}+\"[^\"\n]{1,120}\" not found"
        r"|bind source path does not exist|invalid mount config for type"
        r"|statfs /[^\s:]{1,300}+: no such file",
        "kubelet 1.12-1.34, docker",
        "kubernetes pkg/kubelet/kuberuntime; moby volume/mounts/linux_parser.go",
    ),
)

SHIMS = (
    wording(
        BugClass.SHIM_LOST,
        r"shim reaped unexpectedly|shim error: open (?:pid|exit)\b",
        "containerd 1.0-1.1",
        "containerd linux/runtime.go",
        told_calmly=True,
    ),
    wording(
        BugClass.SHIM_LOST,
        r"ttrpc: (?:closed|server closed|client shutting down)",
        "containerd 1.2-2.3",
        "ttrpc client.go (ErrClosed); containerd/containerd#4198, #1935",
    ),
    wording(
        BugClass.SHIM_LOST,
        r"[Ff]ailed to (?:start|load|connect to|kill) (?:the )?shim|connecting to shim: dial"
        rf"|exec: {Q}(?:[^\s\"]{{0,200}}/)?containerd-shim[\w-]{{0,40}}+\\{{0,7}}+\":"
        r"|(?:failed waiting for process|forward signal failed)[^\n]{0,300}?code = Unavailable"
        r"|create new shim socket|write unix @->/run/containerd/s/"
        r"|conmon (?:for container \S{1,80} )?exited prematurely"
        r"|dial(?:ing)? (?:unix )?\\{0,7}+\"?[^\s\"]{0,200}(?:containerd-shim|/run/containerd/s/)"
        r"|cleaning up after (?:shim dead|killed shim)|shim exited (?:unexpectedly|prematurely"
        r"|before)"
        r"|shim is not running|shim reaped\b(?=: unknown)|: dead agent|might be leaked"
        r"|[Ff]ailed to clean ?up after shim disconnected"
        r"|containerd-shim[^\n]{0,60}\bkilled\b"
        r"|Killed process \d{1,10}+,? \(containerd-shim|containerd-shim[^\n]{0,60} (?:panic"
        r"|segfault)"
        r"|binary not installed \\{0,7}+\"containerd-shim",
        "containerd 1.4-2.3",
        "containerd runtime/v2/manager.go, shim.go; containerd/containerd#6031; moby/moby#22705",
    ),
)
