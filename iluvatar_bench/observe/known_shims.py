"""Whose runtime sent a signal, where the kernel's witness came too late to ask the shim. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from iluvatar_bench.bugs import SenderKind, SignalFact
from iluvatar_bench.observe.life import ObservedLife


def with_known_shims(
    facts: Iterable[SignalFact], life: ObservedLife, others: Iterable[ObservedLife]
) -> tuple[SignalFact, ...]:
    """The signals to a container's process, with the container whose shim a runtime was run by.

    Every followed container's shim was looked up when its task was made. A shim that serves a whole
    pod is called by the pod's sandbox; what it runs for a container of the pod is that one's own:
    the containers of a pod have cgroups of their own.
    """
    own = life.task.shim_pid if life.task is not None else None
    shims = {
        other.task.shim_pid: other.container_id
        for other in others
        if other.task is not None and other.task.shim_pid is not None
    }
    return tuple(_known(fact, life, own, shims) for fact in facts)


def _known(
    fact: SignalFact, life: ObservedLife, own: int | None, shims: Mapping[int, str]
) -> SignalFact:
    if fact.sender_kind is not SenderKind.RUNTIME:
        return fact
    shim = fact.sender_shim if fact.sender_shim is not None else fact.sender_parent_pid
    if shim is None:
        return fact
    if shim == own:
        return replace(fact, sender_container=life.container_id, sender_shim=shim)
    if fact.sender_container is None and shim in shims:
        return replace(fact, sender_container=shims[shim], sender_shim=shim)
    return fact
