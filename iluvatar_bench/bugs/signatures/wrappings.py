"""General words that only wrap a reason, for texts in which nothing else was found."""

from __future__ import annotations

from iluvatar_bench.bugs.signatures.wording import wording
from iluvatar_bench.bugs.taxonomy import BugClass, Certainty

_WHAT = (
    r"[\w \"'-]{0,40}?(?:[Cc]ontainer(?!d|M)|[Ss]andbox|\b[Pp]od|[Tt]ask|[Ff]unction|[Ww]orker"
    r"|[Aa]ction)"
)
_CREATE = rf"(?:creat|start|launch|run|spawn|boot)\w{{0,4}}+ (?!existing|an already){_WHAT}"

WORDINGS = (
    wording(
        BugClass.CREATE_REJECTED,
        r"error=\\{0,7}\"[^\n]{0,200}OCI runtime create failed"
        r"|\[INFO\] client: failed to start task|failed to create container: driver=",
        "Fn and other clients that log at info what they pass on; Nomad 0.4-0.9",
        "fnproject/fn api/agent/drivers/docker; hashicorp/nomad client/task_runner.go",
        told_calmly=True,
        certainty=Certainty.LIKELY,
        alternatives=(BugClass.STARTUP_ERROR,),
    ),
    wording(
        BugClass.UNCLASSIFIED,
        r"failed to create cluster: |[Ee]rror (?:starting|creating) (?:\w{1,12} )?cluster",
        "kind, k3d, minikube, dockerd",
        "kubernetes-sigs/kind pkg/cluster; moby daemon/cluster",
        "a whole cluster was not made, and its program says no more",
        certainty=Certainty.LIKELY,
        alternatives=(BugClass.CREATE_REJECTED, BugClass.STARTUP_ERROR),
    ),
    wording(
        BugClass.DEADLINE,
        r"context deadline exceeded|\bDeadlineExceeded\b|\bDEADLINE_EXCEEDED\b"
        r"|[Dd]eadline (?:expired before operation|[Ee]xceeded)"
        r"|\"?PLEG is not healthy(?!: pleg has yet)"
        r"|failed to (?:finish|complete|end) (?:with)?in\b|blocked for more than \d{1,6}+ seconds"
        r"|Failed with result 'timeout'|crun: timeout expired"
        r"|active (?:on the node )?longer than (?:the )?specified deadline",
        "containerd 1.4-2.3, kubelet, grpcio, tonic; linux",
        "go context; containerd/containerd#4604, #9240, #10636; linux kernel/hung_task.c",
    ),
    wording(
        BugClass.DEADLINE,
        r"context was either canceled or the deadline was exceeded",
        "CRI-O 1.20-1.34",
        "cri-o server/container_create.go",
        told_calmly=True,
        certainty=Certainty.LIKELY,
        alternatives=(BugClass.CREATE_REJECTED,),
    ),
    wording(
        BugClass.DEADLINE,
        r"\bcontainer not created\b(?! from)|wait container [^\n]{1,120} stop timeout",
        "containerd 1.4-2.3",
        "containerd runtime/v2/runc/task/service.go; containerd/containerd#3177",
        "what later requests meet after a create that was given up",
    ),
    wording(
        BugClass.CREATE_REJECTED,
        r"\b(?:runc|crun|youki|runsc) (?:create|run) failed|OCI runtime create failed"
        r"|[Ff]ailed to create shim(?: task)?: |[Ff]ailed to create (?:containerd )?(?:task"
        r"|container"
        r"|VM)\b"
        r"|[Ff]ailed to create container: |starting container process caused"
        r"|[Uu]nable to start container|Create task failed with|read from the init process"
        r"|Containerd [Ff]ailed to create container"
        r"|: OCI (?:runtime |permission |command )?(?:not found|error|denied|permission)"
        r"|did not terminate suc{1,2}essfully|OCI runtime attempted|container create failed"
        r"|[Cc]ontainer creation (?:error|failed)|container create: |logging driver: "
        r"|Building VMM |Failed to open the API socket"
        r"|(?:can't|cannot) create (?:sandbox|gofer)|starting (?:sub-)?container\b"
        r"|error in executing command: |Failed to create pod sandbox|conmon bytes "
        r"|\bcreating (?:container|sandbox): rpc error|[Ff]ailed to launch command with executor"
        r"|error executing hook |\brunc-create-failed\b"
        r"|prestart (?:hook \S{1,40} )?failed: ",
        "containerd 1.4-2.3, runc 1.0-1.5, crun, runsc, youki, kata, kubelet, docker, podman, "
        "conmon, CRI-O, the Iluvatar worker",
        "containerd pkg/process/init.go; runc libcontainer/container_linux.go; crun container.c",
        "only wraps a reason that no other line knows",
        certainty=Certainty.LIKELY,
        alternatives=(BugClass.STARTUP_ERROR, BugClass.CGROUP_SETUP),
    ),
    wording(
        BugClass.DAEMON_UNAVAILABLE,
        r"transport is closing|code = Unavailable desc = |connection error: desc = "
        r"|(?:containerd|dockerd|docker|crio|podman|daemon|kubelet) (?:is )?not running\b",
        "grpc-go, nerdctl, kubelet",
        "grpc-go internal/transport/http2_client.go; containerd/nerdctl cmd/nerdctl",
        "the connection to a daemon went; which one is not in the text",
        certainty=Certainty.LIKELY,
        alternatives=(BugClass.SHIM_LOST, BugClass.NETWORK),
    ),
    wording(
        BugClass.CREATE_REJECTED,
        rf"[Ff]ailed to {_CREATE}|[Uu]nable to {_CREATE}|[Cc]annot {_CREATE}"
        rf"|[Cc]ould not {_CREATE}|[Ff]ailed create {_WHAT}"
        rf"|\b[Ee]rror (?:creating|starting|launching|running) {_WHAT}"
        r"|(?:[Cc]reating|[Ss]tarting|[Ll]aunching) (?:a |the )?"
        r"(?:pod |new |container|sandbox|microVM|task)[\w ]{0,30} failed\b"
        r"|(?m:^)(?:creating|starting|running) (?:the )?(?:container|sandbox): "
        r"|(?:[Cc]reatePodSandbox|RunPodSandbox|CreateContainer|StartContainer) (?:for"
        r"|within) [^\n]{0,120}failed"
        r"|could not synchronise with container process|lxd forkstart ",
        "any client, runtime or orchestrator",
        "the shape: could not create, start or run a container, and a reason that no line knows",
        certainty=Certainty.LIKELY,
        alternatives=(BugClass.STARTUP_ERROR,),
    ),
    wording(
        BugClass.CREATE_REJECTED,
        r"(?m:^)(?:crun|runc|youki|runsc): |Error: (?:crun|runc|youki|runsc): |OCI runtime error",
        "crun, runc, runsc, youki under podman or by hand",
        "crun src/crun.c; containers/podman libpod/oci_conmon_common.go",
        "a runtime's own error line, whatever it complains of",
        certainty=Certainty.LIKELY,
        alternatives=(BugClass.CGROUP_SETUP,),
    ),
)
