"""A further process in a container that runs, or no longer does: what could not be started there.

Whoever asks for it (``docker exec``, a probe, a hook, ``kubectl cp``) is told in the words of the
runtime below, and these name the step. Why it failed comes behind, and decides only where it has a
class of its own: a limit, a pause, a denial.
"""

from __future__ import annotations

from iluvatar_bench.bugs.signatures.wording import wording
from iluvatar_bench.bugs.taxonomy import BugClass, Certainty

WORDINGS = (
    wording(
        BugClass.EXEC_FAILED,
        r"OCI runtime exec failed|\bexec failed: (?!unable to start container process: chdir)"
        r"|[Ff]ailed to exec in container|[Ee]rror executing command in container"
        r"|[Ee]xecing command in container|[Ff]ailed to (?:start|create) exec\b"
        r"|[Uu]nable to (?:start|create) exec\b|[Ff]ailed to create exec object"
        r"|[Ee]rror running exec\b|[Cc]annot (?:run|start) exec\b|[Cc]annot exec into "
        r"|unable to exec in task|[Ff]ailed to (?:load init process of container to )?exec into "
        r"(?!Firecracker)"
        r"|: exec attach failed|Exec setup failed|[Ff]ailed to retrieve OCI runtime exec pid"
        r"|unable to upgrade connection: |\bexec(?:ute)? (?:process|in container) \S{1,80}: "
        r"|exec_process failed|\bexec_id '|exec session\b[^\n]{0,60}(?:: | with ID )"
        r"|[Ll]aunch nested container session|\bcannot serve exec\b|not serve exec for container"
        r"|[Ee]rror executing in Docker Container|[Ff]ailed to run in container - ",
        "containerd 1.0-2.3, runc 1.0-1.5, dockerd 1.3-29, CRI-O, podman, kata, Mesos, kubelet",
        "containerd internal/cri/server/container_execsync.go; runc exec.go; moby daemon/exec.go; "
        "kubernetes pkg/kubelet/server",
        certainty=Certainty.LIKELY,
        alternatives=(BugClass.PROCESS_DIED, BugClass.MISSING_PACKAGES),
    ),
    wording(
        BugClass.EXEC_FAILED,
        r"cannot exec in a (?:stopped|deleted|created|completed) |cannot exec a container that has"
        r"|cannot exec into a container|[Cc]annot exec into container|start exec before the init"
        r"|only create exec sessions on running|is not running, cannot execute"
        r"|executing setns process|starting setns process|crun: exec: (?!the container is pau)"
        r"|joining for exec"
        r"|(?m:^)(?:crun: )?setns\(pid=|the container [`'][^`'\n]{1,100}[`'] is not running"
        r"|desc = containerd: (?:container|process) not (?:found|started)"
        r"|\(\"containerd: process not found"
        r"|lxc-attach: [^\n]{1,120}(?:[Ff]ailed to (?:exec|get init)|to execute)"
        r"|service \\{0,7}+\"[\w.-]{1,80}+\\{0,7}+\" is not running"
        r"|nsenter: (?:cannot open|failed to (?:execute|open)|reassociate)"
        r"|from daemon: [Cc]ontainer \S{1,80} is not running"
        r"|Conflict \(\\{0,7}\"[Cc]ontainer \S{1,80} is not running"
        r"|ctr: no running task found|Exec error: no tasks",
        "runc 1.0-1.5, crun 1.x, containerd 0.2-2.3, dockerd, compose, LXC, util-linux, Nomad",
        "containerd pkg/process/init_state.go; runc libcontainer/process_linux.go; crun src/exec.c;"
        " moby daemon/exec.go; lxc src/lxc/attach.c",
        "mostly met where the container had ended before",
        certainty=Certainty.LIKELY,
        alternatives=(BugClass.PROCESS_DIED,),
    ),
    wording(
        BugClass.EXEC_FAILED,
        r"in CONTAINER_EXITED state|container is not created or running|no running task found"
        r"|container process not found|container is not running",
        "containerd 1.4-2.3, CRI-O 1.18-1.34",
        "containerd internal/cri/server/container_execsync.go; cri-o internal/oci",
        "the same, where a probe or somebody's command asked",
        near=r"\bexec\b|\bExec|\bexecing\b",
        within=400,
        certainty=Certainty.LIKELY,
        alternatives=(BugClass.PROCESS_DIED,),
    ),
    wording(
        BugClass.EXEC_FAILED,
        r"[Ee]xec lifecycle hook|preStop hook for container|FailedPreStopHook",
        "kubelet 1.6-1.34",
        "kubernetes pkg/kubelet/lifecycle/handlers.go",
        "a hook is a process beside the container's own",
        near=r"[Ff]ailed\b|\berror\b",
        certainty=Certainty.LIKELY,
        alternatives=(BugClass.STARTUP_ERROR, BugClass.PROCESS_DIED),
    ),
)
