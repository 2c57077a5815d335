"""The shapes in which programs of one kind complain, whoever they are: tried after what is precise.

Written from the format strings of containerd's CRI plugin, moby, CRI-O, podman, the CNI plugins,
kubelet and the gateways of function platforms. What a program complains *of* decides the class:
the words around it are its own.
"""

from __future__ import annotations

from iluvatar_bench.bugs.signatures.wording import wording
from iluvatar_bench.bugs.taxonomy import BugClass, Certainty

_PLUGINS = (
    r"(?:[Ff]lannel|[Cc]alico|[Cc]ilium|weave|multus|Multus|aws-cni|ovn-kubernetes|antrea"
    r"|kube-router"
    r"|host-local|portmap|ptp|macvlan|ipvlan|dnsname|whereabouts|netavark|libcni|libnetwork)"
)

_TAKING_AWAY = (
    r"(?:stopping|killing|removing|deleting|unmounting|destroying|cleaning up|tearing down)\b"
)

_DOING = (
    r"(?:[Uu]nmounting|[Rr]emoving|[Ss]topping|[Kk]illing|[Dd]eleting|[Cc]leaning up"
    r"|[Tt]earing down) "
)
_SNAPSHOT = r"(?:get|prepare|commit|stat|create|find|use|resolve) (?:[\w-]{1,12} ){0,2}snapshots?\b"

REMOVALS = (
    wording(
        BugClass.REMOVAL_FAILED,
        r"\b(?:Stop|Remove)(?:Container|PodSandbox)\b(?=[^\n]{0,160} failed\b)|KillPodSandbox"
        r"|\bFailedKillPod\b|[Ee]rror killing pod|[Ff]ailed to kill pod",
        "containerd CRI 1.4-2.3, kubelet 1.12-1.34",
        "containerd internal/cri/instrument; kubernetes pkg/kubelet/kuberuntime",
        certainty=Certainty.LIKELY,
        can_be_handled=True,
        alternatives=(BugClass.PROCESS_DIED, BugClass.DEADLINE),
    ),
    wording(
        BugClass.REMOVAL_FAILED,
        rf"ERRO\[\d{{1,8}}+\] {_DOING}|level=error msg=\\{{0,7}}+\"{_DOING}|Error: {_DOING}",
        "podman, buildah, CRI-O, kata",
        "containers/podman libpod: errors are wrapped in what was being done",
        certainty=Certainty.LIKELY,
        can_be_handled=True,
        alternatives=(BugClass.PROCESS_DIED,),
    ),
    wording(
        BugClass.REMOVAL_FAILED,
        rf"rror {_TAKING_AWAY}|rror was encountered while {_TAKING_AWAY}|rror while {_TAKING_AWAY}"
        rf"|rror when {_TAKING_AWAY}"
        r"|(?:ailed|nable|ould not|annot|[Cc]an't|ouldn't) (?:to )?(?:stop|kill|delete|remove"
        r"|destroy"
        r"|unmount|umount|clean ?up|tear ?down|release|rmdir)\b",
        "dockerd, podman, CRI-O, kubelet, runtimes",
        "moby daemon; containers/podman libpod; cri-o server; kubernetes pkg/kubelet",
        "the shape: what ran or was mounted could not be stopped or taken away",
        near=r"[Cc]ontainer|[Ss]andbox|\b[Pp]od|[Tt]ask|[Mm]ount|cgroup|rootfs|snapshot|volume",
        within=80,
        certainty=Certainty.LIKELY,
        can_be_handled=True,
        alternatives=(BugClass.PROCESS_DIED, BugClass.DEADLINE),
    ),
)

IMAGES = (
    wording(
        BugClass.IMAGE,
        r"x509: |server gave HTTP response to HTTPS client|authentication required|no basic auth"
        r"|requested access to the resource is denied|[Uu]nauthorized\b|[Ff]ailed to authorize"
        r"|[Ff]ailed to fetch (?:anonymous|oauth) token|[Ff]ailed to do request|unexpected status"
        r"|[Tt]emporary failure in name resolution|lookup \S{1,120}+ on |403 Forbidden"
        r"|404 Not Found"
        r"|i/o timeout|TLS handshake|no such host|unexpected EOF",
        "any client of a registry",
        "distribution registry/api/errcode; containerd core/remotes/docker",
        near=r"\b[Pp]ull(?:ing|ed|_)? ?(?:the )?(?:image|from|access)|PullImage|[Rr]egistry"
        r"|(?<![/\w])[Ii]mages?\b|manifests?\b|/v2/[^\s\"]{0,200}(?:manifests|blobs|tags)/"
        r"|/v2/\\{0,7}+\"|\bblobs?\b"
        r"|docker\.io|gcr\.io",
        certainty=Certainty.LIKELY,
        can_be_handled=True,
        alternatives=(BugClass.NETWORK,),
    ),
    wording(
        BugClass.IMAGE,
        r"failed commit on ref|failed size validation|[Ff]ailed to copy: "
        r"|filesystem layer verification"
        r"|layers from manifest don't match|invalid checksum digest|error getting credentials"
        r"|[Ff]ailed to (?:fetch|load|import|save|push|export|download|unpack|parse) (?:the )?"
        r"(?:[\w-]{1,16} ){0,2}(?:image|layer|manifest|blob|archive)"
        r"|[Ee]rror (?:pulling|loading|downloading|unpacking|reading|copying|creating) (?:the )?"
        r"(?:[\w-]{1,16} ){0,2}(?:image|layer|manifest|blob)"
        r"|[Uu]nable to (?:find|pull|load) (?:the )?image|[Ii]mage does not exist"
        r"|(?:blob|manifest|image|content) \S{1,160}+ (?:was )?not found|layer does not exist"
        r"|[Uu]nable to retrieve auth token"
        r"|http\+docker://[^\s/]{1,100}/[\w.]{1,10}/(?:images|distribution)/"
        r"|daemon: unauthorized: |error from registry: |\bpull image[\w ]{0,20}: "
        r"|[Pp]ulling (?:the )?(?:container )?image failed|not found in repository"
        r"|CannotPullContainer"
        r"|could not be accessed on a registry|image with reference \S{1,200}+ was found but"
        r"|unsupported (?:media type|layer)",
        "containerd, dockerd, podman, CRI-O, BuildKit",
        "containerd core/content, core/remotes; moby distribution; containers/image",
        certainty=Certainty.LIKELY,
        can_be_handled=True,
        alternatives=(BugClass.SNAPSHOT_NOT_FOUND,),
    ),
)

NETWORKS = (
    wording(
        BugClass.NETWORK,
        r"[Ff]ailed\b|[Ff]ailure\b|[Uu]nable to |[Cc]annot |[Cc]ould not |couldn't|[Ee]rror[: ]"
        r"|not found"
        r"|: no such file|denied\b|refused\b|unauthorized|already exists|invalid\b|is not ready\b",
        "CNI plugins, libnetwork, netavark, kubelet",
        "containernetworking/plugins; moby daemon/libnetwork",
        "what failed stands beside the name of a plugin, or of a part of a network",
        near=rf"\b{_PLUGINS}\b|\bBIRD\b|\bBGP\b|\bfelix\b|\bipset\b|\b[Cc][Nn][Ii]\b|/cni/"
        rf"|\bveth\w{{0,15}}|\bendpoint\b|\bdocker0\b"
        r"|\b[Ss]andbox id\b|\bnetns\b|network namespace|\bbridge\b|\biptables\b",
        within=200,
        certainty=Certainty.LIKELY,
        can_be_handled=True,
        alternatives=(BugClass.CREATE_REJECTED,),
    ),
    wording(
        BugClass.NETWORK,
        r"has active endpoints|[Ff]ailed to (?:allocate|release|delete|restore|update|create"
        r"|reserve) "
        r"(?:[\w-]{1,20} ){0,2}(?:endpoint|gateway|network|IP|address|interface|subnet)"
        r"|[Tt]emporary failure in name resolution|\bEAI_AGAIN\b|getaddrinfo (?:ENOTFOUND|failed)"
        r"|[Cc]annot assign requested address|[Nn]etwork is unreachable|[Nn]o route to host"
        r"|\bEHOSTUNREACH\b|\bENETUNREACH\b"
        r"|dial tcp:? [^\n]{1,120}(?:i/o timeout|connection timed out)|server misbehaving"
        r"|(?:read|write) (?:udp|tcp) [^\n]{1,120}i/o timeout|\bECONNREFUSED\b"
        r"|[Cc]ould not translate host name|[Nn]ame or service not known|no such host\b"
        r"|[Cc]ould not resolve host|error adding (?:host|interface|route)|RTNETLINK answers: ",
        "libnetwork, glibc, Go, Node, curl",
        "moby daemon/libnetwork; glibc resolv/herror.c; go net/dnsclient_unix.go",
        certainty=Certainty.LIKELY,
        can_be_handled=True,
        alternatives=(BugClass.STARTUP_ERROR, BugClass.INVOKE_FAILED),
    ),
    wording(
        BugClass.NETWORK,
        r"\[Errno 111\]",
        "Python",
        "linux ECONNREFUSED; python Objects/exceptions.c",
        certainty=Certainty.LIKELY,
        can_be_handled=True,
        by_number=True,
        alternatives=(BugClass.STARTUP_ERROR, BugClass.INVOKE_FAILED),
    ),
)

DAEMONS = (
    wording(
        BugClass.DAEMON_CRASHED,
        r"(?:[Ff]ailed to (?:start|run|initialize)|[Ee]rror (?:starting|initializing|running)"
        r"|can't"
        r" (?:start|initialize)) (?:the )?(?:docker )?(?:daemon|containerd|dockerd|[Kk]ubelet"
        r"|ContainerManager|CRI service|Docker)\b"
        r"|containerd did not exit successfully|waiting for containerd to start"
        r"|[Dd]aemon \S{1,60} (?:has )?died\b"
        r"|[Ff]ailed to (?:load|unmarshal|parse|decode) (?:TOML|config(?! for))"
        r"|[Ff]ailed to (?:recover"
        r"|restore) state|daemon exited\b",
        "dockerd, containerd, kubelet",
        "moby daemon/command; containerd cmd/containerd; kubernetes cmd/kubelet",
        certainty=Certainty.LIKELY,
        can_be_handled=True,
        alternatives=(BugClass.DAEMON_UNAVAILABLE,),
    ),
)

CREATES = (
    wording(
        BugClass.CREATE_REJECTED,
        r"container init caused|rootfs_linux\.go|process_linux\.go|container_linux\.go"
        r"|standard_init_linux\.go|nsenter: |nsexec|newuidmap|/proc/self/[ug]id_map|/setgroups\b"
        r"|(?:error )?mounting \\{0,7}\"[^\"\n]{1,300}+\" to rootfs|unshare: "
        r"|could not select device"
        r"|nvidia-container-cli|error gathering device information|[Uu]nable to find user "
        r"|no users found|no sub[ug]id ranges|/etc/sub[ug]id\b|Minimum memory limit"
        r"|Range of CPUs is"
        r"|[Nn]o command specified|invalid (?:volume|mount) (?:specification|config|path)"
        r"|Unknown runtime specified|no runtime for |RuntimeClass |cannot join network of"
        r"|\bCreateVM\b|create (?:the )?VM\b|start the VM\b|linux spec user|[Uu]nable to get user"
        r"|\bexec user process caused"
        r"|(?:ailed|nable) to (?:provision|allocate|acquire|deploy|instantiate|bootstrap|prepare) "
        r"(?:the )?(?:resources|container|function|action|worker|environment|sandbox|runtime|pod)"
        r"|Mounts denied|[Ff]ailed to set ?up container|lxc_start - [^\n]{1,60}[Ff]ailed to spawn"
        r"|CannotStartContainer|CannotCreateContainer"
        r"|(?:while|when|during) (?:creating|starting|launching|creation of) (?:the |a )?"
        r"(?:container|sandbox|pod|task|function|worker|microVM)"
        r"|write sync(?:_socket|-)|read init-p|[Cc]reat(?:e|ing) (?:read-write|RW) layer",
        "containerd CRI, runc 1.0-1.5, dockerd, podman",
        "runc libcontainer; moby daemon/create.go, daemon/start.go; kubernetes kuberuntime",
        "the shape: what only a runtime says",
        certainty=Certainty.LIKELY,
        can_be_handled=True,
        alternatives=(BugClass.STARTUP_ERROR,),
    ),
)

CALLS = (
    wording(
        BugClass.CREATE_REJECTED,
        r"(?:CreateContainer|StartContainer|RunPodSandbox)\b[^\n]{0,1000}? failed\b"
        r"|\b(?:CreatePodSandboxError|FailedCreatePodSandBox|FailedCreateSandbox)\b"
        r"|[Ff]ailed to \\{0,7}\"(?:StartContainer|CreatePodSandbox)",
        "containerd CRI 1.4-2.3, kubelet 1.12-1.34",
        "containerd internal/cri/instrument; kubernetes pkg/kubelet/kuberuntime",
        "the call that failed, around a reason that no line knows",
        certainty=Certainty.LIKELY,
        can_be_handled=True,
        alternatives=(BugClass.STARTUP_ERROR,),
    ),
)
"""Tried last of all."""

INVOKES = (
    wording(
        BugClass.INVOKE_FAILED,
        r"http: proxy error|\b50[234] (?:Bad Gateway|Service|Gateway)|no endpoints available"
        r"|[Ii]nternal [Ss]erver [Ee]rror|socket hang up|[Ss]ervice [Uu]navailable"
        r"|[Ee]rror (?:calling(?! 'lxd| DHCP)|invoking(?! remote method)|proxying"
        r"|forwarding(?! port)"
        r"|executing (?:the )?(?:function|action|handler|request))"
        r"|[Ff]ailed to (?:call(?! exec)|proxy|forward|route|dispatch"
        r"|execute (?:the )?(?:function|action|handler|request))\b"
        r"|no response from"
        r"|context canceled while|activation (?:failed|timed out)"
        r"|(?<!etcdserver: )request (?:failed|timed out)"
        r"|(?<!localhost', port=None\): )[Rr]ead timed out"
        r"|No invokers available|[Ff]ailed to serve request"
        r"|unhealthy upstream|[Nn]o (?:known )?healthy (?:instance|upstream|backend|endpoint"
        r"|target)"
        r"|(?:upstream|backend|container) refused (?:the )?connection",
        "gateways of OpenFaaS, Knative, OpenWhisk, Fission, nuclio, Fn; nginx",
        "go net/http/httputil; apache/openwhisk core/controller; fission pkg/router",
        certainty=Certainty.LIKELY,
        can_be_handled=True,
        alternatives=(BugClass.PROCESS_DIED, BugClass.STARTUP_ERROR),
    ),
    wording(
        BugClass.INVOKE_FAILED,
        r"unexpected (?:HTTP )?status(?: code)?:? 5\d\d|status code:? 50[0-4]"
        r"|HTTP (?:status )?50[0-4]\b",
        "any client in Go, gateways of function platforms",
        "go net/http/status.go",
        certainty=Certainty.LIKELY,
        can_be_handled=True,
        by_number=True,
        alternatives=(BugClass.PROCESS_DIED, BugClass.STARTUP_ERROR),
    ),
)

DEATHS = (
    wording(
        BugClass.PROCESS_DIED,
        r"signal: (?:killed|terminated|segmentation fault|aborted|kill)|[Kk]illed by signal"
        r"|[Tt]erminated by signal|received signal SIG(?:KILL|TERM)"
        r"|cannot (?:kill|delete) a deleted process|can't find (?:container|sandbox) for Task"
        r"|process (?:is )?(?:already finished|not found|does not exist)|no such process",
        "any supervisor; containerd",
        "go os/exec_posix.go; containerd cmd/containerd-shim-runc-v2/process",
        certainty=Certainty.LIKELY,
        can_be_handled=True,
        alternatives=(BugClass.OOM_KILLED, BugClass.REMOVAL_FAILED),
    ),
    wording(
        BugClass.PROCESS_DIED,
        r"received signal (?:9|15)|with signal \d"
        r"|(?:[Ee]xited|[Ee]xit code|exit-code|[Ee]xitCode|exit_code|[Ee]xit status|exit_status"
        r"|exitStatus)"
        r"[\"':= (]{1,6}(?:was )?(?:13[0-9]|14[0-3])\b"
        r"|\bExit 1(?:3[0-9]|4[0-3])\b",
        "any supervisor",
        "the shape of an exit report: POSIX wait, shells' 128 + n",
        certainty=Certainty.LIKELY,
        can_be_handled=True,
        by_number=True,
        alternatives=(BugClass.OOM_KILLED, BugClass.REMOVAL_FAILED),
    ),
    wording(
        BugClass.UNCLASSIFIED,
        r"not running|not found|does not exist|no longer\b|[Nn]o such (?:container|task|pod"
        r"|sandbox"
        r"|exec)\b|[Cc]ould not find (?:the )?(?:container|task|pod|sandbox)|[Uu]nknown container"
        r"|no (?:container|task|sandbox) with (?:name|id|ID)",
        "dockerd, containerd, podman, CRI-O, kubelet",
        "moby daemon/container.go; containerd client/task.go; kubernetes pkg/kubelet",
        "a container that was asked for by its name is not there, or no longer",
        near=r"\b(?:[Cc]ontainer|[Ss]andbox|[Pp]od|[Tt]ask|ctr|PodSandbox)s?\b",
        within=100,
        unless=r"\b[Ff]ile not found|\blog (?:entry|type|file|stream)|\b[Ss]tats? for\b"
        r"|[Ll]ogging driver|\bconfig\b",
        certainty=Certainty.POSSIBLE,
        can_be_handled=True,
        alternatives=(BugClass.PROCESS_DIED, BugClass.REMOVAL_FAILED, BugClass.EXEC_FAILED),
    ),
)

STORAGE = (
    wording(
        BugClass.SNAPSHOT_OVERLAY,
        r": no such file|No such file|unexpectedly nil|input/output error|Structure needs cleaning"
        r"|[Ss]tale (?:NFS )?file handle|readlink /",
        "containerd, dockerd, podman, k3s",
        "moby daemon/graphdriver; containerd plugins/snapshots",
        near=r"/var/lib/(?:docker|containers|containerd|rancher)/|\boverlay2?\b|\brootfs\b"
        r"|\b[Ss]napshot(?:s|ter)?\b|\bRWLayer\b",
        within=160,
        certainty=Certainty.LIKELY,
        can_be_handled=True,
        alternatives=(BugClass.IMAGE, BugClass.REMOVAL_FAILED),
    ),
    wording(
        BugClass.SNAPSHOT_NOT_FOUND,
        rf"[Ff]ailed to {_SNAPSHOT}|nable to {_SNAPSHOT}|annot {_SNAPSHOT}|ould not {_SNAPSHOT}",
        "containerd, BuildKit, snapshotters",
        "containerd core/snapshots, internal/cri",
        certainty=Certainty.LIKELY,
        can_be_handled=True,
        alternatives=(BugClass.IMAGE, BugClass.SNAPSHOT_OVERLAY),
    ),
)

CGROUPS = (
    wording(
        BugClass.CGROUP_SETUP,
        r"[Ff]ailed\b|[Uu]nable to |[Cc]annot |[Cc]ould not |not found|missing|not available"
        r"|not supported"
        r"|not enabled|not mounted",
        "any runtime or orchestrator",
        "the shape: a cgroup, and what could not be done",
        near=r"\bcgroups?\b",
        within=60,
        certainty=Certainty.LIKELY,
        can_be_handled=True,
        alternatives=(BugClass.CREATE_REJECTED, BugClass.REMOVAL_FAILED),
    ),
)
_HEALTH = r"/(?:health|healthz|ready|readyz|readiness|livez|live|startup)\b|\bprobe\b"

SILENT = (
    wording(
        BugClass.SILENT_STARTUP,
        r"Client\.Timeout exceeded|connection refused|connection reset|[Tt]imed out|[Tt]imeout\b",
        "probes of kubelet, Knative, Docker, load balancers",
        "kubernetes pkg/probe/http; knative pkg/queue/readiness",
        "whoever asked for the health of a container got no answer",
        near=_HEALTH,
        certainty=Certainty.LIKELY,
        can_be_handled=True,
        alternatives=(BugClass.INVOKE_FAILED, BugClass.PROCESS_DIED),
    ),
    wording(
        BugClass.SILENT_STARTUP,
        r"statuscode: \d",
        "kubelet, Knative",
        "kubernetes pkg/probe/http",
        "the same, by the status of the answer",
        near=_HEALTH,
        certainty=Certainty.LIKELY,
        can_be_handled=True,
        by_number=True,
        alternatives=(BugClass.INVOKE_FAILED, BugClass.PROCESS_DIED),
    ),
)

SHAPES = (
    *DAEMONS,
    *SILENT,
    *CGROUPS,
    *STORAGE,
    *IMAGES,
    *NETWORKS,
    *REMOVALS,
    *DEATHS,
    *INVOKES,
)
