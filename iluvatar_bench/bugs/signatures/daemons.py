"""A daemon or a shim is not there: it cannot be reached, or it fell."""

from __future__ import annotations

from iluvatar_bench.bugs.signatures.wording import Q, wording
from iluvatar_bench.bugs.taxonomy import BugClass, Certainty

NAMES = (
    r"(?:containerd|dockerd?|crio|cri-o|cri-docker|cri-dockerd|k3s|k3s-agent|rke2-server"
    r"|rke2-agent|podman|buildkitd?|kubelet|daemon-containerd|daemon-kubelite)"
)
_MAIN_PROCESS = r"(?:Process|Main PID): \d{1,10}+ (?:ExecStart[^\n(]{1,300}+)?"

WORDINGS = (
    wording(
        BugClass.DAEMON_CRASHED,
        r"\b(?:containerd|dockerd|crio|k3s|buildkitd)\[\d{1,10}+\]: "
        r"(?:panic: |fatal error: |unexpected fault address |runtime: |acquirep: "
        r"|SIG(?:SEGV|ABRT|BUS|ILL|FPE): "
        r"|runtime\.(?:throw|fatalthrow|fatalpanic|sigpanic|gopanic)\()"
        r"|validating runtime config: runtime validation: ",
        "containerd 1.4-2.3, dockerd, CRI-O, k3s under syslog or journald",
        "go runtime/panic.go",
        "only under the daemon's own tag: the same words from a function are its own",
    ),
    wording(
        BugClass.SHIM_LOST,
        r"(?:panic|fatal error): ",
        "containerd-shim-runc-v2, containerd-shim-runsc-v1, containerd-shim-kata-v2",
        "go runtime/panic.go",
        near=r"\bcontainerd-shim|\bcgroups: epoll wait",
    ),
    wording(
        BugClass.DAEMON_CRASHED,
        r"(?:panic|fatal error): [^\n]{0,300}+\n(?:[^\n]{0,300}+\n){0,12}?"
        r"(?:github\.com/(?:containerd/containerd(?:/v2)?/(?!(?:core/)?runtime/v2|pkg/(?:shim"
        r"|process)|cmd/containerd-shim|cmd/ctr)|docker/docker/(?:daemon|vendor|libcontainerd"
        r"|cmd/d)"
        r"|moby/moby/(?:v2/)?daemon|moby/buildkit/(?:cmd/buildkitd|solver)|cri-o/cri-o/|k3s-io/k3s/"
        r"|lxc/lxd/lxd)|go\.etcd\.io/bbolt\.|k8s\.io/kubernetes/pkg/kubelet\.)",
        "containerd 1.4-2.3, dockerd, CRI-O, kubelet, LXD",
        "go runtime/traceback.go",
        "a frame of the daemon's own below the words with which it ended",
    ),
    wording(
        BugClass.DAEMON_CRASHED,
        r"(?:panic|fatal error|SIGBUS|SIGSEGV): |http: panic serving ",
        "containerd, dockerd, CRI-O, kubelet, buildkitd, LXD",
        "go runtime/panic.go",
        near=r"(?<![\w/-])(?:[Cc]ontainerd|dockerd|cri-?o|buildkitd|kubelet|LXD)\b(?![-/])"
        r"|docker/docker/(?:daemon|vendor)|(?<= )docker: (?:panic|fatal)|containerd/pkg/cri",
        within=120,
        unless=r"[Nn]o space left|[Tt]oo many open",
    ),
    wording(
        BugClass.DAEMON_CRASHED,
        r"Observed a panic: |Recovered from panic: ",
        "kubelet, controllers of Kubernetes",
        "kubernetes apimachinery/pkg/util/runtime/runtime.go",
        certainty=Certainty.LIKELY,
        alternatives=(BugClass.PROCESS_DIED, BugClass.STARTUP_ERROR),
    ),
    wording(
        BugClass.DAEMON_CRASHED,
        r"fatal error: (?:concurrent map |acquirep: |fault\b|index out of range\s{0,4}"
        r"goroutine 0|runtime: out of memory)"
        r"|panic: (?:invalid page type|freepages: |page \d{1,12} already freed"
        r"|assertion failed: Page )|containerd did not exit successfully",
        "any daemon in Go; bbolt under containerd, dockerd and k3s",
        "go runtime/map.go, runtime/proc.go; etcd-io/bbolt page.go, freelist.go",
        "of the runtime itself, by races between requests, or of the daemon's database",
        certainty=Certainty.LIKELY,
        alternatives=(BugClass.STARTUP_ERROR, BugClass.PROCESS_DIED),
    ),
    wording(
        BugClass.DAEMON_CRASHED,
        rf"\b{NAMES}\.service: (?:(?:Main|Control) process exited, code=(?:killed|dumped"
        rf"|exited,? status=[1-9])"
        r"|[Mm]ain process exited, code=(?:killed|dumped|exited, status=[1-9])"
        r"|Failed with result|Start request repeated too quickly|[Ss]tart operation timed out"
        r"|A process of this unit has been killed|Watchdog timeout|Failed at step \w"
        r"|Scheduled restart job, restart counter is at [1-9]"
        r"|(?:Failed|Unable) to locate executable"
        r"|Failed to run '|Failed to execute|Service hold-?off time over|Unit entered failed state)"
        rf"|\b{NAMES}\.service (?:failed|entered failed state|hold-?off time over)"
        rf"|Unit {NAMES}\.service (?:entered failed state|is masked|not found|could not be found)"
        r"|Dependency failed for (?:Docker|containerd|Container Runtime|Lightweight Kubernetes)"
        rf"|Job for {NAMES}\.service failed"
        r"|systemctl (?:re)?start (?:docker|containerd|crio|cri-docker|cri-dockerd)\b[^\n]{0,40}: "
        r"(?:Process )?exit"
        r"|Failed to start (?:containerd|docker|crio|k3s|buildkit)\b(?! container)"
        r"|(?:docker|containerd|crio|podman)\.(?:socket|service) has entered the 'failed' state"
        r"|Failed to start (?:Docker Application Container Engine|containerd container runtime"
        r"|Container Runtime Interface for OCI|Lightweight Kubernetes)",
        "systemd 240-258",
        "systemd src/core/service.c, src/core/job.c",
    ),
    wording(
        BugClass.DAEMON_CRASHED,
        r"Killed process \d{1,10}+,? \((?:containerd|dockerd|crio|k3s)\)"
        r"|\b(?:containerd|dockerd|crio|k3s)\[\d{1,10}+\]:? (?:general protection|segfault at"
        r"|trap invalid opcode)",
        "linux 4.x-6.x",
        "linux mm/oom_kill.c, arch/x86/kernel/traps.c",
    ),
    wording(
        BugClass.DAEMON_UNAVAILABLE,
        rf"cannot access containerd socket {Q}"
        r"|[Ff]ailed to connect to all addresses|Cannot connect to (?:the Docker daemon|Podman)"
        r"|rootless containerd not running|the [Dd]ocker daemon is not running"
        r"|connect to the [Dd]ocker (?:daemon|API)(?: socket)? "
        r"|trying to connect: (?:dial unix )?[^\s\"]{0,100}containerd\.sock",
        "containerd 1.4-2.3 clients (ctr, nerdctl, crictl, kubelet, tonic), grpcio, docker, podman",
        "containerd client.go; containerd/containerd#10432; moby/moby#51546",
    ),
    wording(
        BugClass.DAEMON_UNAVAILABLE,
        r"connect (?:ECONNREFUSED|ENOENT|EACCES) (?:/[^\s\"]{1,200}+)?"
        r"|Error while fetching server API version|docker/transport/unixconn\.py",
        "clients in Node and Python",
        "apocas/docker-modem lib/modem.js; docker/docker-py docker/api/client.py",
        near=r"(?:docker|balena-engine|containerd|podman|crio|buildkitd)\.sock|API version"
        r"|unixconn",
    ),
    wording(
        BugClass.DAEMON_UNAVAILABLE,
        r"\b[Dd]aemon (?:is )?not running\b|Docker Desktop (?:stopped|is unable to start"
        r"|is not running)|\b(?:ContainerRuntime|Containerd|Docker)Unhealthy\b"
        r"|Waiting for (?:containerd|docker|cri-dockerd|the container runtime) startup: "
        r"|[Cc]ontainer runtime is down|Recording NodeNotReady event"
        r"|Exiting due to RUNTIME_ENABLE|Connection to bastion host \("
        r"|system service did not come up"
        r"|Waiting for cri connection: |failed to retrieve containerd version: rpc error"
        r"|health=undetected description=\"Failed to connect to docker"
        r"|make sure you are running as root and the (?:endpoint|runtime) has been started"
        r"|error during connect: (?:this error|Get|Post|Head|Put|Delete)\b",
        "Docker Desktop, crictl, k3s",
        "docker/for-win#13684; k3s-io/k3s pkg/agent/containerd; cri-tools cmd/crictl/util.go",
        told_calmly=True,
    ),
    wording(
        BugClass.DAEMON_UNAVAILABLE,
        r"[Ee]rror while dialing|\b(?:dial|read|write) unix |[Ff]ailed to dial ",
        "clients in Go",
        "grpc-go internal/transport; go net/dial.go",
        near=r"/(?:containerd|crio|cri-dockerd|docker|dockershim|podman|k3s"
        r"|buildkitd)(?:\.raw)?\.sock\b",
        unless=r"\.sock->@",
    ),
    wording(
        BugClass.DAEMON_UNAVAILABLE,
        r"waiting for (?:the )?(?:containerd|docker|dockerd|crio|container runtime|CRI)\b"
        r"|[Cc]ontainer runtime sanity check failed"
        r"|validate (?:CRI v1 )?(?:service connection|runtime API)"
        r"|container runtime is not running"
        r"|(?:GenericPLEG: Unable to retrieve pods|ContainerGCFailed|from runtime service failed"
        r"|list pod sandbox)[^\n]{0,200}code = Unavailable"
        r"|code = Unavailable desc = error reading from server: EOF",
        "kubelet 1.20-1.34, crictl",
        "kubernetes pkg/kubelet/kubelet.go, pkg/kubelet/pleg; cri-tools cmd/crictl",
    ),
)

BY_HAND = (
    wording(
        BugClass.DAEMON_UNAVAILABLE,
        r"The connection to the server \S{1,100} was refused - did you specify",
        "kubectl 1.0-1.34",
        "kubernetes kubectl pkg/cmd/util/helpers.go",
        "the API server, behind which everything else stands",
        certainty=Certainty.LIKELY,
        alternatives=(BugClass.UNCLASSIFIED,),
    ),
    wording(
        BugClass.DAEMON_CRASHED,
        r"Active: (?:failed|activating \(auto-restart\)) \(Result: (?!success)"
        rf"|{_MAIN_PROCESS}\(code=(?:killed|dumped)",
        "systemctl status of a daemon",
        "systemd src/systemctl/systemctl-show.c",
        "which unit it was stands in another line",
        certainty=Certainty.POSSIBLE,
        alternatives=(BugClass.STARTUP_ERROR, BugClass.PROCESS_DIED),
    ),
    wording(
        BugClass.DAEMON_CRASHED,
        rf"{_MAIN_PROCESS}\(code=exited, status=[1-9]",
        "systemctl status of a daemon",
        "systemd src/systemctl/systemctl-show.c",
        "the same, by its status",
        by_number=True,
        certainty=Certainty.POSSIBLE,
        alternatives=(BugClass.STARTUP_ERROR, BugClass.PROCESS_DIED),
    ),
    wording(
        BugClass.DAEMON_CRASHED,
        r"(?m:^)(?:containerd|dockerd|buildkitd): (?!container\b|time=)\S"
        r"|[Ff]ailed to start daemon: "
        r"|[Uu]nable to configure the Docker daemon",
        "containerd 1.0-2.3, dockerd, buildkitd",
        "containerd cmd/containerd/main.go; moby cmd/dockerd; moby/buildkit cmd/buildkitd",
        "what the program prints as it gives up, when it is started by hand",
        certainty=Certainty.LIKELY,
        alternatives=(BugClass.DAEMON_UNAVAILABLE,),
    ),
)
