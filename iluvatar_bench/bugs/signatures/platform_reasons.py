"""Reasons that a platform gives by a name of its own: stop codes, kinds of event, its refusals.

Names say the same at any level and in any line around them; the sentences among them are fixed ones
of a platform's interface.
"""

from __future__ import annotations

from iluvatar_bench.bugs.signatures.wording import wording
from iluvatar_bench.bugs.taxonomy import BugClass, Certainty

WORDINGS = (
    wording(
        BugClass.UNCLASSIFIED,
        r"(?m:^)(?:docker: |ERROR: |Error: |FATA\[\d{1,8}+\] )?(?:Error response from daemon: )?"
        r"(?:no container with name or ID \S{1,100}+ found: )?[Nn]o such container\b",
        "docker, podman, nerdctl",
        "moby daemon/container.go; containers/podman libpod/define/errors.go",
        "somebody asked for a container by a name that there is not: that none died is not said",
        certainty=Certainty.LIKELY,
        alternatives=(BugClass.PROCESS_DIED, BugClass.REMOVAL_FAILED, BugClass.EXEC_FAILED),
    ),
    wording(
        BugClass.UNCLASSIFIED,
        r"exceeded quota: \S|error looking up service account|failed calling webhook"
        r"|creating a mirror pod|error validating data|is forbidden: User \\{0,7}+\""
        r"|cannot set blockOwnerDeletion",
        "kube-apiserver, and its clients",
        "kubernetes staging/src/k8s.io/apiserver/pkg/admission, plugin/pkg/admission",
        "the API server does not take the object: no container was asked for",
        told_calmly=True,
        certainty=Certainty.LIKELY,
        alternatives=(BugClass.CREATE_REJECTED, BugClass.SECURITY_DENIED),
    ),
    wording(
        BugClass.UNCLASSIFIED,
        r"status is now: NodeNotReady",
        "kube-controller-manager, kubelet",
        "kubernetes pkg/util/node, pkg/kubelet/kubelet_node_status.go",
        "of the node, at type Normal",
        told_calmly=True,
    ),
    wording(
        BugClass.IMAGE,
        r"CannotPull(?:ECR|Manifest)?ContainerError|\bCannotPullImageManifestError",
        "amazon-ecs-agent 1.x",
        "aws/amazon-ecs-agent agent/engine/errors.go",
        told_calmly=True,
    ),
    wording(
        BugClass.CREATE_REJECTED,
        r"Cannot(?:Start|Create)ContainerError|\bTaskFailedToStart\b|CannotCreateVolumeError"
        r"|\bHostConfigError\b"
        r"|  (?:Driver|Setup) Failure  |  Task hook failed  |  Failed Restoring Task  ",
        "amazon-ecs-agent 1.x, Nomad 0.5-1.9",
        "aws/amazon-ecs-agent agent/engine/errors.go; hashicorp/nomad nomad/structs/structs.go",
        told_calmly=True,
        certainty=Certainty.LIKELY,
        alternatives=(BugClass.IMAGE, BugClass.STARTUP_ERROR),
    ),
    wording(
        BugClass.UNCLASSIFIED,
        r"CannotInspectContainerError|ResourceInitializationError",
        "amazon-ecs-agent 1.x",
        "aws/amazon-ecs-agent agent/engine/errors.go",
        "of a secret, a log group or a registry that the platform asked for",
        told_calmly=True,
        certainty=Certainty.LIKELY,
        alternatives=(BugClass.CREATE_REJECTED, BugClass.IMAGE),
    ),
    wording(
        BugClass.DEADLINE,
        r"\bDockerTimeoutError\b|[Cc]ould not transition to \w{1,12}; timed out",
        "amazon-ecs-agent 1.x",
        "aws/amazon-ecs-agent agent/engine/errors.go",
        told_calmly=True,
        certainty=Certainty.LIKELY,
        alternatives=(BugClass.CREATE_REJECTED,),
    ),
    wording(
        BugClass.REMOVAL_FAILED,
        r"CannotStopContainerError|CannotRemoveContainerError",
        "amazon-ecs-agent 1.x",
        "aws/amazon-ecs-agent agent/engine/errors.go",
        told_calmly=True,
    ),
    wording(
        BugClass.STARTUP_ERROR,
        r"\bEssentialContainerExited\b|Exceeded allowed attempts "
        r"|[Ee]ssential container in task exited"
        r"|  (?:Leader|Main) Tasks? Dead  |  Sibling Task Failed  ",
        "amazon-ecs-agent 1.x, Nomad 0.5-1.9",
        "aws/amazon-ecs-agent agent/api/container; hashicorp/nomad nomad/structs/structs.go",
        "ended by itself with an error; whether it was ready by then is not in the text",
        told_calmly=True,
        certainty=Certainty.POSSIBLE,
        alternatives=(BugClass.PROCESS_DIED, BugClass.OOM_KILLED),
    ),
    wording(
        BugClass.STARTUP_ERROR,
        r"-> STOPPED, Exit [1-9]",
        "amazon-ecs-agent 1.x",
        "aws/amazon-ecs-agent agent/api/container",
        "the same, by its status",
        told_calmly=True,
        by_number=True,
        certainty=Certainty.POSSIBLE,
        alternatives=(BugClass.PROCESS_DIED, BugClass.OOM_KILLED),
    ),
)
"""After what the text around them says precisely."""
