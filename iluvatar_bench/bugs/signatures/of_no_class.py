"""Errors that are no step of a container's life: known, and of no class.

They stand in the table so that no row below takes them for what their words resemble.
"""

from __future__ import annotations

from iluvatar_bench.bugs.signatures.wording import wording
from iluvatar_bench.bugs.taxonomy import BugClass, Certainty

CHECKPOINTS = (
    wording(
        BugClass.UNCLASSIFIED,
        r"criu failed: |CRIU: failed |CRIU (?:checkpointing|RPC request) failed"
        r"|Error \((?:criu/)?[\w/-]{2,30}\.c:\d{1,5}\): |[Ff]ailed to checkpoint\b"
        r"|[Cc]heckpointing container [^\n]{0,80}failed|[Cc]annot (?:checkpoint|restore) container",
        "CRIU 2-4 under runc, crun, youki, podman, dockerd",
        "checkpoint-restore/criu criu/cr-dump.c, criu/log.c; runc libcontainer/criu_linux.go",
        "a copy of a running container that was not made, or not taken up: no step of its life",
    ),
)
"""Of a copy of a running container, whatever wraps them."""

REQUESTS = (
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
)
"""Of who asked, and asked for what there is not or may not be."""
