"""What a client of the CRI plugin made, from its calls, and which of them end a container. Pure.

The plugin gives a sandbox's and a container's record, snapshot and task one name, which its answer
tells (containerd 1.6.20, pkg/cri/server/sandbox_run.go, container_create.go).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from iluvatar_bench.clients.stored import Stored, snapshot_of
from iluvatar_bench.containerd.services.pods import NAMESPACE
from iluvatar_bench.records.call import Call

SERVICE = "runtime.v1.RuntimeService"

_SNAPSHOTTER = "overlayfs"
"""The plugin's own default."""


def is_pod_call(method: str) -> bool:
    """Whether the plugin carries the call out, by calls of its own that no proxy sees."""
    return method.startswith(f"{SERVICE}/")


def begun_by(call: Call) -> Stored | None:
    """The snapshot that a call made, or may have made: of a sandbox or a container."""
    method = call.method.partition("/")[2]
    if method == "RunPodSandbox":
        name = call.answer.get("pod_sandbox_id")
    elif method == "CreateContainer":
        name = call.answer.get("container_id")
    else:
        return None
    return _snapshot(name) if name else None


def run_by(call: Call) -> Stored | None:
    """The snapshot that a process runs on from this call on."""
    if call.method.endswith("/RunPodSandbox"):
        return begun_by(call)
    if call.method.endswith("/StartContainer"):
        return _snapshot(call.request.get("container_id", ""))
    return None


def removed_by(call: Call, things: Iterable[Stored]) -> tuple[Stored, ...]:
    """Of what there was, what the client does not want any more after this call.

    The removal of a sandbox is that of its containers; a client has one sandbox a run.
    """
    if call.method.endswith("/RemovePodSandbox"):
        return tuple(thing for thing in things if thing.namespace == NAMESPACE)
    if call.method.endswith("/RemoveContainer"):
        name = call.request.get("container_id", "")
        return tuple(thing for thing in things if thing == _snapshot(name))
    return ()


def ended_by(method: str, request: Mapping[str, Any], known: Iterable[Stored]) -> frozenset[str]:
    """The names of the containers whose processes a call is to end."""
    if method.endswith("/StopContainer"):
        return frozenset({str(request.get("container_id", ""))})
    if method.endswith(("/StopPodSandbox", "/RemovePodSandbox")):
        return frozenset(thing.name for thing in known if thing.namespace == NAMESPACE)
    return frozenset()


def _snapshot(name: str) -> Stored:
    return snapshot_of(NAMESPACE, _SNAPSHOTTER, name)
