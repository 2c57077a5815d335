"""What could not be done, and to what: for lines that are an error and that no wording knows.

Programs wrap each step in a sentence of their own, so no list of sentences is ever whole; but the
sentence names an action and its object, and of those there are few. The rows were drawn from some
18,000 error strings of containerd, runc, crun, conmon, moby, podman, CRI-O, kata, faasd, OpenFaaS,
Fn, fission, nuclio, Knative, OpenWhisk and Azure's host, by the folder that they stand in. They are
tried only on lines that their program marks as an error, or that say by themselves that something
failed, so they never make a failure of a line that was none.
"""

from __future__ import annotations

import re

from iluvatar_bench.bugs.signatures import by_tool
from iluvatar_bench.bugs.signatures.exits import BY_FIELD, BY_WORD
from iluvatar_bench.bugs.signatures.wording import wording
from iluvatar_bench.bugs.taxonomy import BugClass, Certainty

_FAILED = (
    r"(?:[Ff]ail(?:ed|s|ing|ure)? (?:to |while |when |on |in |during |at )?"
    r"(?:fully |forcibly |completely )?"
    r"|[Uu]nable to |[Cc]annot |[Cc]ould(?: not|n't) |[Cc]an't |[Pp]roblem "
    r"|[Ee]rror (?:was encountered |occurred |occurs )?(?:while |when |during |in |at |on )?"
    r"|msg=\\{0,7}+\"|[Ee]rror: |desc = )"
)
_TAKE_AWAY = (
    r"(?:[Ss]top|[Kk]ill|[Dd]elet|[Rr]emov|[Rr]eap|[Uu]n?mount|[Dd]estroy|[Cc]lean|[Tt]ear"
    r"|[Rr]eleas|[Tt]erminat|[Ss]hut|[Rr]oll ?back|[Uu]nmap|[Pp]run|[Dd]etach|[Uu]nlink"
    r"|[Dd]ispos|[Rr]eset|[Ss]ignal)"
)
_MAKE = (
    r"(?:[Cc]reat|[Ss]tart(?!-?up)|[Rr]un|[Ll]aunch|[Ss]pawn|[Ss]et|[Pp]repar|[Ii]nit"
    r"|[Gg]enerat|[Pp]rovision|[Ss]chedul|[Bb]oot|[Aa]llocat|[Rr]estor"
    r"|[Bb]uild(?!x)"
    r"|[Dd]eploy|[Ss]pecializ|[Ff]ork|[Cc]onfigur|[Aa]ppl|[Ii]nject|[Vv]alidat|[Rr]egister)"
)
_MAKING = (
    r"(?:[Cc]reation|[Ss]tart-?up|[Ll]aunch|[Ii]nitiali[sz]ation|[Pp]rovisioning|[Dd]eployment)"
)
_TAKING_AWAY = (
    r"(?:[Rr]emoval|[Dd]eletion|[Tt]ermination|[Tt]ear-?down|[Cc]lean-?up|[Uu]nmount(?:ing)?)"
)
_RUNNABLE = (
    r"(?<![/\w-])(?:[Cc]ontainers?\b|[Ss]andbox|[Pp]ods?\b|[Tt]asks?\b|[Pp]rocess(?:es)?\b|VMs?\b"
    r"|microVM|[Ff]unctions?\b|[Ww]orkers?\b|[Aa]ctions?\b|[Rr]untime\b|init\b|[Dd]eployment"
    r"|[Ss]hims?\b|exec\b)"
)
_NETWORKS = (
    r"\b[Nn]etworks?\b|\bnetns\b|\binterface \S|(?:[Dd]efault|IPv[46]|allocate) [Gg]ateway\b"
    r"|\b(?:default )?routes?\b|\b[Ss]ubnet"
    r"|\bIP(?:v[46])?\b|\b[Vv]eth|\b[Bb]ridge\b|[Pp]ort (?:binding|mapping|forward)|\bhost ?[Pp]ort"
    r"|[Uu]serland proxy|\b[Ll]oopback\b|\bDNS\b|resolv\.conf|\b[Nn]ame ?server|\bIPAM\b|\bipam\b"
    r"|[Aa]ddress pool|[Ff]irewall|[Cc]onntrack|\b[Ee]ndpoint\b|\bMAC address|[Nn]eighbou?r"
    r"|\bnetlink\b|\blink (?:up|down|by name)|\bset link|\bchain\b|\bNAT\b|\bVXLAN\b|\bvxlan\b"
    r"|\b[Tt]ap device|\bTAP\b|\bCNI\b|/etc/hosts\b|\bhosts file"
)
_BLOCK_DEVICES = (
    r"\bdmsetup\b|\bthin(?:-pool| device| pool)|\bdm_thin\b|\bsubvolume\b"
    r"|\bzfs (?:fs )?(?:create|clone|snapshot|mount|list)|\boverlaybd\b|\bnydus(?:d|ify)?\b"
    r"|/sys/kernel/config/target|\bwritable block device\b|\bblobcache\b"
)

ASIDE = re.compile(
    r"\b(?:stats?|[Mm]etrics?|[Uu]sage|logs?|logging|logger|resize|garbage collect\w{0,5}"
    r"|existing container"
    r"|tracing|telemetry|[Ee]vents? (?:stream|handler|monitor)|health state)\b"
    r"|\b[Ll]ist(?:ing)? (?!of )\w|\binfo of\b|\bstream copy\b"
)
"""What is done around containers: where it fails, no container has failed by that."""

# Reasons of Kubernetes events, and the names that kubelet gives its errors.
_REASONS = (
    wording(
        BugClass.CREATE_REJECTED,
        r"\b(?:FailedMapVolume|PreCreateHookError|PreStartHookError|FailedCreatePodContainer"
        r"|ConfigPodSandboxError"
        r"|UnexpectedAdmissionError|FailedPrepareDynamicResources|InvalidEnvironmentVariableNames"
        r"|VolumeResizeFailed|FailedCreate)\b",
        "kubelet 1.12-1.34, kube-controller-manager",
        "kubernetes pkg/kubelet/events/event.go, pkg/kubelet/container/sync_result.go",
        certainty=Certainty.LIKELY,
        alternatives=(BugClass.STARTUP_ERROR,),
    ),
    wording(
        BugClass.STARTUP_ERROR,
        r"\b(?:FailedPostStartHook|PostStartHookError)\b",
        "kubelet 1.12-1.34",
        "kubernetes pkg/kubelet/events/event.go",
        certainty=Certainty.LIKELY,
        alternatives=(BugClass.EXEC_FAILED, BugClass.CREATE_REJECTED),
    ),
    wording(
        BugClass.REMOVAL_FAILED,
        r"\b(?:FailedUnMount|FailedDetachVolume|KillPodSandboxError"
        r"|RemoveContainerError|ContainerGCFailed|UnfinishedPreStopHook)\b",
        "kubelet 1.12-1.34",
        "kubernetes pkg/kubelet/events/event.go, pkg/kubelet/container/sync_result.go",
        certainty=Certainty.LIKELY,
        alternatives=(BugClass.PROCESS_DIED,),
    ),
    wording(
        BugClass.NETWORK,
        r"\b(?:HostPortConflict|NetworkNotReady|HostNetworkNotSupported|FailedToUpdateEndpoint)\b",
        "kubelet 1.12-1.34",
        "kubernetes pkg/kubelet/events/event.go",
        certainty=Certainty.LIKELY,
        alternatives=(BugClass.CREATE_REJECTED,),
    ),
    wording(
        BugClass.IMAGE,
        r"\b(?:InspectFailed|ImageInspectError|RegistryUnavailable|SignatureValidationFailed"
        r"|FailedToRetrieveImagePullSecret)\b",
        "kubelet 1.12-1.34",
        "kubernetes pkg/kubelet/images/types.go, pkg/kubelet/events/event.go",
        certainty=Certainty.LIKELY,
        alternatives=(BugClass.CREATE_REJECTED,),
    ),
)

WORDINGS = (
    *_REASONS,
    *by_tool.WORDINGS,
    wording(
        BugClass.DAEMON_UNAVAILABLE,
        rf"{_FAILED}(?:connect|reach|dial|contact|talk|ping|get a connection)",
        "clients of any runtime",
        "fnproject/fn api/agent/drivers/docker; faasd pkg/provider; kubernetes pkg/kubelet/cri",
        near=r"[Dd]ocker\b|[Cc]ontainerd\b|\bdockerd\b|[Dd]aemon\b|\.sock\b|runtime service|\bCRI\b"
        r"|[Cc]ontainer runtime|\b[Ee]ngine\b",
        within=60,
        certainty=Certainty.LIKELY,
        alternatives=(BugClass.DAEMON_CRASHED, BugClass.NETWORK),
    ),
    wording(
        BugClass.OOM_KILLED,
        r"[Oo]ut of memory|\bOOM\b|[Mm]emory limit (?:was )?exceeded|exceeded (?:its |the )?memory",
        "Fn, Azure Functions, any platform",
        "fnproject/fn api/models/error.go",
        near=_RUNNABLE,
        within=80,
        certainty=Certainty.LIKELY,
        alternatives=(BugClass.STARTUP_ERROR,),
    ),
    wording(
        BugClass.REMOVAL_FAILED,
        rf"{_FAILED}{_TAKE_AWAY}|{_TAKING_AWAY} (?:of |for )?[^\n]{{1,60}} (?:failed|aborted)"
        r"|[Tt]ear ?down failed|[Cc]lean-?up failed|[Rr]emoval failed"
        r"|not cleaned up",
        "any program that keeps containers",
        "containerd internal/cri/server; moby daemon; cri-o server; podman libpod",
        near=rf"{_RUNNABLE}|{_NETWORKS}|[Mm]ount|[Rr]ootfs|[Ss]napshot|[Ll]ayer|[Ii]mage|[Vv]olume"
        r"|[Cc]group|[Ll]ease|[Nn]amespace|[Bb]undle|[Dd]irector|\b[Pp]ath\b|\b[Uu]nit\b|\.scope",
        within=100,
        certainty=Certainty.LIKELY,
        alternatives=(BugClass.PROCESS_DIED, BugClass.NETWORK),
    ),
    wording(
        BugClass.NETWORK,
        _FAILED,
        "libnetwork, CNI plugins, CRI-O, podman, runc",
        "moby daemon/libnetwork; runc libcontainer/network_linux.go; cri-o server/sandbox_network",
        near=_NETWORKS,
        within=70,
        certainty=Certainty.LIKELY,
        alternatives=(BugClass.CREATE_REJECTED, BugClass.INVOKE_FAILED),
    ),
    wording(
        BugClass.SNAPSHOTTER_UNAVAILABLE,
        rf"{_FAILED}|[Ff]ailed\b|cannot create ",
        "devmapper, btrfs, zfs, nydus, stargz, overlaybd snapshotters; Docker's graph drivers",
        "containerd plugins/snapshots/{devmapper,btrfs}, zfs; containerd/nydus-snapshotter; "
        "containerd/overlaybd; moby daemon/graphdriver",
        near=_BLOCK_DEVICES,
        within=120,
        certainty=Certainty.LIKELY,
        alternatives=(BugClass.SNAPSHOT_OVERLAY, BugClass.CREATE_REJECTED, BugClass.DISK_FULL),
    ),
    wording(
        BugClass.SNAPSHOTTER_UNAVAILABLE,
        r"exit status [1-9]",
        "devmapper, btrfs, zfs snapshotters",
        "go os/exec_posix.go; containerd plugins/snapshots/devmapper/dmsetup",
        "the same, by the status of the tool",
        by_number=True,
        near=_BLOCK_DEVICES,
        within=120,
        certainty=Certainty.LIKELY,
        alternatives=(BugClass.SNAPSHOT_OVERLAY, BugClass.CREATE_REJECTED, BugClass.DISK_FULL),
    ),
    wording(
        BugClass.IMAGE,
        rf"{_FAILED}",
        "containerd, dockerd, podman, CRI-O, BuildKit, builders of function platforms",
        "containerd core/remotes, core/images, core/content; moby daemon/containerd; cri-o storage",
        near=r"(?<![/\w.-])(?<!building )(?<!rendered )(?<!backing )"
        r"(?:[Ii]mages?\b(?! dir)|[Mm]anifests?\b(?! path| file)|blobs?\b"
        r"|[Ll]ayers?\b"
        r"|(?<!file )[Dd]escriptor|[Rr]egistry\b|(?<!git )[Rr]epository\b|pull(?:ing)?\b"
        r"|[Dd]igest\b|tarball\b"
        r"|auth token\b|diff ID)",
        within=60,
        certainty=Certainty.LIKELY,
        alternatives=(BugClass.CREATE_REJECTED,),
    ),
    wording(
        BugClass.SNAPSHOT_OVERLAY,
        rf"{_FAILED}|[Mm]ount failed|[Mm]ounting \S",
        "containerd, dockerd, podman, CRI-O",
        "containerd core/mount, plugins/snapshots; moby daemon/graphdriver; containers/storage",
        near=r"(?<![/\w.-])(?:[Rr]ootfs\b|[Oo]verlay(?:fs|2)?\b|lower ?dirs?\b|upper ?dirs?\b"
        r"|work ?dirs?\b"
        r"|[Ss]napshot(?:s|ter)?\b|RWLayer|RW layer|root file ?system|mount container"
        r"|container root\b|graphdriver|fuse-overlayfs\b|erofs\b)",
        within=70,
        certainty=Certainty.LIKELY,
        alternatives=(BugClass.CREATE_REJECTED, BugClass.SNAPSHOT_NOT_FOUND),
    ),
    wording(
        BugClass.CREATE_REJECTED,
        rf"{_FAILED}[Mm]ount|[Mm]ount(?:ing)? (?:of )?\S{{1,200}} failed",
        "BuildKit, dockerd, kubelet, runtimes",
        "moby/buildkit snapshot/localmounter.go; containerd core/mount/mount_linux.go",
        "a mount of which the object is not said",
        certainty=Certainty.LIKELY,
        alternatives=(BugClass.SNAPSHOT_OVERLAY, BugClass.SECURITY_DENIED),
    ),
    wording(
        BugClass.CGROUP_SETUP,
        _FAILED,
        "runc, crun, CRI-O, kubelet",
        "runc libcontainer/cgroups; crun src/libcrun/cgroup*.c; cri-o internal/config/cgmgr",
        near=r"\b[Cc]group|\bcpuset\b|\b[Cc]ontrollers?\b[^\n]{0,30}(?:available|enable|delegat)"
        r"|subtree_control|systemd unit|\bscope\b|memory\.(?:max|high|low|swap)|\bpids\.max",
        within=80,
        certainty=Certainty.LIKELY,
        alternatives=(BugClass.CREATE_REJECTED,),
    ),
    wording(
        BugClass.DEADLINE,
        r"[Tt]imed[ -]?out|[Tt]imeout(?!=|Seconds)|[Dd]eadline(?!Seconds)"
        r"|took (?:too long|longer than)"
        r"|max retries reached"
        r"|gave up|giving up|[Rr]etries (?:exhausted|exceeded)|no progress in",
        "any program",
        "the shape: a step, and that its time ran out",
        certainty=Certainty.POSSIBLE,
        alternatives=(BugClass.SILENT_STARTUP, BugClass.INVOKE_FAILED),
    ),
    wording(
        BugClass.INVOKE_FAILED,
        rf"{_FAILED}|[Aa]borted|returned (?:an )?error|returned non-200|too busy"
        r"|[Dd]ropp(?:ed|ing)|[Rr]ejected",
        "gateways, activators, invokers and routers of function platforms",
        "knative pkg/activator; openwhisk core/invoker; fission pkg/router; faasd pkg/provider",
        near=r"\b[Ii]nvocation|\b[Ii]nvok(?:e|ing)\b|\b[Aa]ctivation|\b[Rr]equests? (?:to|for|of|on"
        r"|from)\b|\b[Ff]orward|\b[Pp]roxy|[Uu]pstream|\bprobing\b|\bprobe\b|round ?trip"
        r"|\b[Tt]hrottler|\bHTTP (?:status|code|call)|non-200|[Ss]tatus ?[Cc]ode"
        r"|\bresponse from (?:the )?(?:container|function|worker|pod)",
        within=80,
        certainty=Certainty.LIKELY,
        alternatives=(BugClass.PROCESS_DIED, BugClass.DEADLINE),
    ),
    wording(
        BugClass.CREATE_REJECTED,
        rf"{_FAILED}{_MAKE}|{_MAKING} (?:of |for )?[^\n]{{1,60}} (?:failed|aborted)"
        r"|[Cc]reation failed|[Ff]ailed creat|[Pp]rovisioning failed"
        r"|[Ss]tart failed|[Ff]ailed during init|reserv(?:e|ing) \w",
        "any program that keeps containers",
        "containerd internal/cri/server; cri-o server/container_create.go; podman libpod; fission "
        "executor; openwhisk core/invoker",
        near=rf"{_RUNNABLE}",
        within=80,
        certainty=Certainty.LIKELY,
        alternatives=(BugClass.STARTUP_ERROR, BugClass.SHIM_LOST),
    ),
    wording(
        BugClass.CREATE_REJECTED,
        rf"{_FAILED}|[Ii]nvalid\b|not (?:supported|allowed|permitted|valid)\b|[Uu]nsupported\b"
        r"|[Uu]nknown\b|does not exist|doesn't exist",
        "runc, crun, youki, CRI-O, podman, kata, containerd's shim",
        "runc libcontainer/{init,process,rootfs,standard_init}_linux.go; crun src/libcrun/linux.c",
        "a step of setting up a process, and what only that step handles",
        near=r"\b(?:user|mount|pid|ipc|uts|time|cgroup) ?(?:ns|namespaces?)\b|[Nn]amespace path"
        r"|[Cc]apabilit|[Rr]limit|\bseccomp|\bsetns\b|\bsetuid\b|\bsetgid\b|setgroups|[ug]id_?map"
        r"|[UG]ID map|id-?mapp|idmap|\bconsole\b|\bpty\b|\bptmx\b|exec fifo|\bfifo\b|init pipe"
        r"|sync(?: |_)?(?:socket|pipe)|\bkeyring|\bsysctl|oom_score_adj|pivot_root|\bpidfd"
        r"|\bOCI\b|\b(?:prestart|poststart|createRuntime|createContainer|OCI) hooks?\b|\bhook #"
        r"|mount ?point\b(?!=)|mount propagation|\bdevice nodes?\b"
        r"|\bmknod\b|bind mount"
        r"|rootfsPropagation|(?<!\.docker/)\bconfig\.json\b|[Rr]untime handler|\bNRI\b|\bCDI\b"
        r"|\bconmon\b|\bprocess label|mount label|\brootless\b|shm (?:tmpfs|size)|/dev/(?:shm"
        r"|mqueue"
        r"|kvm|fuse)|\bcwd\b|working directory|\bspec\b|\bGPU\b|\bnvidia"
        r"|\bhugepage|[Ss]haredfs|virtiofs|\bqemu\b|[Hh]ypervisor|\bvsock\b",
        within=80,
        certainty=Certainty.LIKELY,
        alternatives=(BugClass.STARTUP_ERROR,),
    ),
    wording(
        BugClass.CREATE_REJECTED,
        r"\bconmon(?:\[\d{1,10}+\])?: \S|\[conmon:e\]|\bkata-runtime(?:\[\d{1,10}+\])?: \S",
        "conmon 2.x, kata",
        "containers/conmon src/conmon.c; kata-containers src/runtime",
        "what runs the runtime gives up; the reason is one that no row knows",
        certainty=Certainty.POSSIBLE,
        alternatives=(BugClass.REMOVAL_FAILED, BugClass.STARTUP_ERROR),
    ),
    wording(
        BugClass.PROCESS_DIED,
        rf"{_FAILED}(?:find|get|load|locate|wait for|wait|retrieve|fetch) (?:the )?"
        r"(?:\w{1,12} )?(?:[Cc]ontainer|[Ss]andbox|[Pp]od|[Tt]ask|[Pp]rocess|init)\b"
        r"(?! (?:mounts?|spec|ip|IP|metadata|extensions|info|image|config|runtime|labels)\b)",
        "containerd CRI, CRI-O, podman, dockerd",
        "containerd internal/cri/server; cri-o server; moby daemon",
        "what was there before is asked for, and cannot be had",
        certainty=Certainty.POSSIBLE,
        alternatives=(BugClass.REMOVAL_FAILED, BugClass.CREATE_REJECTED),
    ),
    wording(
        BugClass.DAEMON_CRASHED,
        r"\b(?:containerd|dockerd|crio|k3s|k0s|rke2|kubelet|buildkitd|cri-dockerd)"
        r"\[\d{1,10}+\]: [^\n]{0,80}level=(?:fatal|panic)"
        r"|(?:containerd|dockerd|crio|kubelet|k3s|buildkitd)(?:\[\d{1,10}+\])?: F\d{4} "
        r"|[Ff]ailed to (?:start|run|load|initialize|create|listen|serve)[^\n]{0,40} "
        r"(?:daemon|API server|CRI plugin|CRI service|GRPC server|gRPC server|metadata store)",
        "containerd, dockerd, CRI-O, k3s, kubelet",
        "sirupsen/logrus exported.go (Fatal exits); k8s.io/klog klog.go (F exits)",
        "a daemon that logs at level fatal ends",
        certainty=Certainty.LIKELY,
        alternatives=(BugClass.DAEMON_UNAVAILABLE, BugClass.STARTUP_ERROR),
    ),
    wording(
        BugClass.PROCESS_DIED,
        r"\b(?:is|was|are|has|have|been|be|as|already|found|got) (?:now |marked )?(?:as )?"
        r"(?:dead|died|gone|lost|killed|terminated|not running|down|stopped|exited|crashed)\b"
        r"|\b(?:died|has gone|does not exist|no longer exists|(?<!is )not running|went away)\b"
        r"|\b[Ll]ost (?:executor|worker|node|task|connection to|contact with|container)",
        "Ray, Spark, Mesos, Nomad, Erlang, any supervisor",
        "ray-project/ray src/ray/raylet; apache/spark core/scheduler; apache/mesos src/slave",
        "something that ran is told to be there no more",
        near=r"\b(?:[Pp]rocess|[Nn]ode|[Ww]orker|[Ee]xecutor|[Aa]ctor|[Aa]gent|[Cc]hild"
        r"|[Ii]nstance|[Tt]ask|[Rr]aylet|[Pp]od|[Cc]ontainer|[Aa]lloc(?:ation)?|[Ss]andbox|[Jj]ail"
        r"|VM|[Dd]yno|[Uu]nit|[Pp]eer|[Rr]eplica|[Ss]erver|[Ss]lave|[Ii]nvoker)\b",
        within=60,
        certainty=Certainty.POSSIBLE,
        alternatives=(BugClass.STARTUP_ERROR, BugClass.DAEMON_CRASHED),
    ),
    wording(
        BugClass.SECURITY_DENIED,
        r"[Oo]peration not permitted|[Pp]ermission denied|EACCES: permission"
        r"|AccessDeniedException: /",
        "any program that runs as somebody else, or without a capability",
        "glibc sysdeps errlist (EPERM, EACCES)",
        "whether a rule or only the owner of a file forbids it is not in the text",
        certainty=Certainty.POSSIBLE,
        alternatives=(BugClass.STARTUP_ERROR, BugClass.CREATE_REJECTED),
    ),
    *BY_FIELD,
    *BY_WORD,
)
