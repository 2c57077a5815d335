"""Reasons that a platform gives by a name of its own: stop codes, kinds of event, states of a task.

Names say the same at any level and in any line around them.
"""

from __future__ import annotations

from iluvatar_bench.bugs.signatures.wording import wording
from iluvatar_bench.bugs.taxonomy import BugClass, Certainty

LOST = (
    wording(
        BugClass.PROCESS_DIED,
        r"\bTASK_(?:LOST|FAILED|GONE|UNREACHABLE)\b|message: pod deleted"
        r"|Workflow pod is missing|Executor lost: \d|Lost all workers"
        r"|pod \\{0,7}+\"?\S{1,100} was deleted while running|pod deleted during operation",
        "Mesos, Marathon, Argo, Tekton",
        "apache/mesos include/mesos/mesos.proto; argoproj/argo-workflows workflow/controller",
        told_calmly=True,
        certainty=Certainty.POSSIBLE,
        alternatives=(BugClass.STARTUP_ERROR, BugClass.EVICTED),
    ),
)
"""Of a task or a pod that its platform lost."""

WORDINGS = (
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
