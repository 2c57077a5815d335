"""Columns of states, as ``docker ps``, ``kubectl get`` and ``crictl`` print them.

What makes a word a state are the spaces around it, for the same words stand in sentences too.
"""

from __future__ import annotations

from iluvatar_bench.bugs.signatures.wording import wording
from iluvatar_bench.bugs.taxonomy import BugClass, Certainty

PAUSED = (
    wording(
        BugClass.FROZEN,
        r"   Up [\w ]{2,24} \(Paused\)|\| FREEZING\b",
        "docker ps, nerdctl ps",
        "moby container/state.go",
        "whether somebody wanted it so is not in the text",
        told_calmly=True,
        certainty=Certainty.LIKELY,
        alternatives=(BugClass.UNCLASSIFIED,),
    ),
)

TERMINATING = (
    wording(
        BugClass.REMOVAL_FAILED,
        r"0/\d{1,2} {2,24}+Terminating {2,24}+\d",
        "kubectl get pods",
        "kubernetes pkg/printers/internalversion/printers.go",
        "nothing runs in it, and it is still there",
        told_calmly=True,
        certainty=Certainty.POSSIBLE,
        alternatives=(BugClass.DEADLINE,),
    ),
)

UNKNOWN = (
    wording(
        BugClass.UNCLASSIFIED,
        r"   (?:Unknown|NodeLost) {2}(?! {0,4}[A-Z][a-z]{2}, | {0,12}Deploying)"
        r"|(?<=\s)   UNKNOWN(?m:\s{0,20}$)"
        r"|0/\d{1,2} {2,24}+Pending {2,24}+0 {2,24}+\d{1,4}[hd](?![\w])",
        "kubectl get, docker ps",
        "kubernetes pkg/printers/internalversion/printers.go; moby container/state.go",
        "nobody answered who would know",
        told_calmly=True,
        certainty=Certainty.LIKELY,
        alternatives=(BugClass.PROCESS_DIED, BugClass.DAEMON_UNAVAILABLE),
    ),
)

REFUSED = (
    wording(
        BugClass.REMOVAL_FAILED,
        r"Removal In Progress  |    Dead      ",
        "docker ps",
        "moby container/state.go",
        "half removed",
        told_calmly=True,
        certainty=Certainty.LIKELY,
        alternatives=(BugClass.PROCESS_DIED,),
    ),
    wording(
        BugClass.CREATE_REJECTED,
        r"\d/\d{1,2} {2,24}+(?:SysctlForbidden|UnexpectedAdmissionError|AppArmor|NodeAffinity"
        r"|PreCreateHookError|CreatePodSandboxError|InvalidEnvironment\w{1,20}|NodePorts"
        r"|OutOf(?:cpu|memory|pods|gpu)|OutOfnvidia\S{1,20}) ",
        "kubectl get pods",
        "kubernetes pkg/kubelet/lifecycle/predicate.go, pkg/kubelet/sysctl",
        "the node took the pod and refused it",
        told_calmly=True,
    ),
)
"""Half removed, or taken by its node and refused."""

FAILED = (
    wording(
        BugClass.STARTUP_ERROR,
        r"   (?:Error|StartError|ContainerCannotRun|DeadlineExceeded|Failed) {2}"
        r"|Init:(?:Error|ExitCode|Signal)"
        r"|(?:0/\d|1/[2-9]) {2,24}+Running {2,24}+(?:[3-9]|[1-9]\d{1,5}) \(",
        "kubectl get, docker ps, crictl",
        "kubernetes pkg/printers/internalversion/printers.go; docker/cli formatter",
        told_calmly=True,
        certainty=Certainty.POSSIBLE,
        alternatives=(BugClass.PROCESS_DIED,),
    ),
)
