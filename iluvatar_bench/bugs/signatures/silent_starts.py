"""Started, and never ready: a deadline that passed, a probe that nobody answered."""

from __future__ import annotations

from iluvatar_bench.bugs.signatures.wording import wording
from iluvatar_bench.bugs.taxonomy import BugClass, Certainty

WORDINGS = (
    wording(
        BugClass.SILENT_STARTUP,
        r"Timeout while (?:reading inotify events|monitoring logs) for (?:docker )?container"
        r"|Timeout while waiting container startup|Broken file waiting on container startup",
        "Iluvatar worker, 2022 to today",
        "COS-IN/iluvatar-faas containers/structs.rs, containerd/containerd.rs, docker/docker.rs",
    ),
    wording(
        BugClass.SILENT_STARTUP,
        r"cannot start a stopped process|cannot start a container that has stopped"
        r"|container process is already dead|is not in created state",
        "containerd 1.4-2.3, runc 1.0-1.5, crun",
        "containerd pkg/process/init_state.go; runc start.go; opencontainers/runc#5151",
        "init ended between create and start: a neighbour's Kill, or too little memory",
        certainty=Certainty.LIKELY,
        alternatives=(BugClass.CREATE_REJECTED, BugClass.PROCESS_DIED),
    ),
    wording(
        BugClass.SILENT_STARTUP,
        r"[Cc]ontainer initialization timed out|time limits of \d{1,9}+ \w{1,15}+ during initiali"
        r"|activationInit_finish[^\n]{0,40}timed|initiali[sz]ation result: ConnectionError"
        r"|/init\b[^\n]{0,40}(?:timed out|no response)|[Ii]nitial scale was never achieved"
        r"|timed out waiting for uds socket",
        "Fn, OpenWhisk, Knative",
        "fnproject/fn api/models/error.go; apache/openwhisk common/scala Messages.scala; "
        "knative/serving pkg/reconciler/revision; fnproject/fn#1333; apache/openwhisk#3203",
        told_calmly=True,
    ),
    wording(
        BugClass.SILENT_STARTUP,
        r"Container wasn't healthy in time|Function wasn't ready in time"
        r"|(?:Starting|Initializing) worker process failed|start a new language worker"
        r"|start language worker process|language worker restart retry count"
        r"|initialized language workers|StartWorkerProcessAsync"
        r"|did(?:n't| not) respond to HTTP pings|did not start within expected time limit"
        r"|[Ff]ailed to start and (?:then )?listen on the port|STARTUP (?:TCP|HTTP) probe failed"
        r"|[Ii]nstance refused connection|Port scan timeout reached"
        r"|[Tt]imed out waiting for (?:log output|container port)|Sandbox did not start in time"
        r"|container did not start before the|failed to accept connections within"
        r"|The instance was not started|Phase: init\s{0,4}Status: timeout|\(Boot timeout\)"
        r"|[Ff]ailed to bind to \$PORT within|[Ww]ithin the allocated timeout",
        "nuclio, Azure Functions and App Service, Cloud Run, AWS Lambda, Heroku",
        "nuclio pkg/platform/local; Azure/azure-functions-host#5233; nuclio/nuclio#1816",
    ),
    wording(
        BugClass.SILENT_STARTUP,
        r"[Ss]tartup probe (?:for \S{1,200} )?(?:failed|errored)"
        r"|failed startup probe, will be restarted"
        r"|health check never passed|never became (?:ready|healthy)"
        r"|server never showed up at|Failed to start worker process\.",
        "kubelet 1.18-1.34, Docker Swarm",
        "kubernetes pkg/kubelet/prober",
        told_calmly=True,
    ),
    wording(
        BugClass.SILENT_STARTUP,
        r"[Tt]imed out|[Tt]imeout (?:waiting|while|after|for) |[Tt]imeout: |, timeout\b"
        r"|(?:ready|healthy|started?|up) (?:in time|within)\b|waited too long for"
        r"|within the timeout",
        "Fission, OpenFaaS, faasd, nuclio, OpenLambda, Tekton, AWS App Runner",
        "the shape of a readiness deadline: whom, ready or started, and a time that ran out",
        near=r"to be(?:come)? (?:ready|healthy|up|running)|(?<!ailed )to (?:start|come up"
        r"|get ready)\b"
        r"|\bnever became|\bnot (?:become |be |get )?(?:ready|healthy|started)|\breadiness\b"
        r"|\bready\b|\bhealthy\b|did not (?:appear|come up)|create deployment",
        unless=r"\bexec session\b",
        certainty=Certainty.LIKELY,
        alternatives=(BugClass.DEADLINE, BugClass.STARTUP_ERROR),
    ),
    wording(
        BugClass.INVOKE_FAILED,
        r"ExitCode\\{0,7}+\": ?-?[1-9]\d{0,2}+,\s{0,40}+\\{0,7}+\"Output\\{0,7}+\": ",
        "docker inspect",
        "moby daemon/health.go",
        "of a health check that got no answer, or the wrong one",
        told_calmly=True,
        certainty=Certainty.LIKELY,
        alternatives=(BugClass.SILENT_STARTUP, BugClass.DEADLINE),
    ),
    wording(
        BugClass.INVOKE_FAILED,
        r"[Rr]eadiness probe (?:for \S{1,200} )?failed: HTTP probe failed with statuscode: [45]"
        r"|output=\"HTTP probe failed with statuscode: [45]"
        r"|is unhealthy \(probe result: |is unhealthy, it will be killed"
        r"|[Rr]eadiness probe failed: service unhealthy|reason Request timed out\)"
        r"|failed ELB health checks",
        "kubelet 1.8-1.34, AWS load balancers",
        "kubernetes pkg/probe/http, pkg/kubelet/prober; aws/amazon-ecs-agent",
        "it listens, and its answer was no or came too late",
        told_calmly=True,
        certainty=Certainty.LIKELY,
        alternatives=(BugClass.SILENT_STARTUP, BugClass.PROCESS_DIED),
    ),
    wording(
        BugClass.SILENT_STARTUP,
        r"[Rr]eadiness probe (?:for \S{1,200} )?(?:failed|errored|to become)"
        r"|\"Probe failed\" probeType=\"Readiness\""
        r"|did not initialize(?! and exited)|[Ff]ailed to initialize, please ensure"
        r"|ProgressDeadlineExceeded"
        r"|\bUp [^\n]{1,40} \(unhealthy\)"
        r"|has timed out progressing|(?<!kubelet )is unhealthy\b(?! \(probe result: |, it will be"
        r" killed)"
        r"|[Ff]ailed to specialize (?:function )?pod"
        r"|[Ff]ailed to become ready|[Ww]ait(?:ing)? for (?:function )?readiness"
        r"|waiting for available replicas|spawn for \S{1,80}+ didn't finish in",
        "kubelet, Knative, OpenWhisk, Fn, compose, Nomad, Fission",
        "kubernetes pkg/kubelet/prober; apache/openwhisk Messages.scala",
        "not ready yet, or not in time; why is not in the text",
        told_calmly=True,
        certainty=Certainty.LIKELY,
        alternatives=(BugClass.STARTUP_ERROR, BugClass.INVOKE_FAILED),
    ),
    wording(
        BugClass.SILENT_STARTUP,
        r"(?:did not|didn't|does not|doesn't) respond (?:with)?in\b",
        "JupyterHub's spawners, any supervisor",
        "jupyterhub jupyterhub/user.py",
        near=r"\b[Ss]pawn|\b[Ss]erver at\b|\b[Ww]orker|\b[Cc]ontainer|\b[Ii]nstance|\b[Ss]tart",
        within=100,
        certainty=Certainty.LIKELY,
        alternatives=(BugClass.INVOKE_FAILED, BugClass.DEADLINE),
    ),
)
