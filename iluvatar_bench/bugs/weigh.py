"""What the evidence of a trial says for and against each mechanism. Pure.

The evidence is read as it is stored: a mapping from which unknown facts are left out. Fields that
this module does not know are passed over, and a missing one is *not known*, never *no*.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from iluvatar_bench.bugs.attribute import KILLED_STATUS, LATE_SECONDS
from iluvatar_bench.bugs.taxonomy import Mechanism


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One fact, and the mechanism it speaks for (``speaks``), against, or leaves open (None)."""

    mechanism: Mechanism
    speaks: bool | None
    text: str


def observations(evidence: Mapping[str, Any]) -> tuple[Observation, ...]:
    """Everything that the evidence says about the mechanisms that leave traces."""
    return (
        *_snapshot(evidence),
        *_kills(evidence),
        *_memory(evidence),
        *_shim(evidence),
        *_own(evidence),
    )


def _snapshot(evidence: Mapping[str, Any]) -> Iterator[Observation]:
    cause = Mechanism.SNAPSHOT_COLLECTED
    found, upper = evidence.get("snapshot_found"), evidence.get("upper_exists")
    key = evidence.get("snapshot_key", "")
    if evidence.get("snapshot_removed_by_us") is True:
        yield Observation(mechanism=cause, speaks=False, text="this client removed the snapshot")
    elif found is False:
        text = f"containerd no longer knew snapshot {key}, which this client had not removed"
        yield Observation(mechanism=cause, speaks=True, text=text)
    elif found is True:
        yield Observation(mechanism=cause, speaks=False, text=f"containerd knew snapshot {key}")
    else:
        yield Observation(mechanism=cause, speaks=None, text="whether the snapshot was still there")
    if upper is False:
        text = f"the mounted upper directory {evidence.get('upper_directory')} was gone"
        yield Observation(mechanism=cause, speaks=True, text=text)
    elif upper is True:
        text = "the upper directory that the root mount names was there"
        yield Observation(mechanism=cause, speaks=False, text=text)


def _kills(evidence: Mapping[str, Any]) -> Iterator[Observation]:
    cause = Mechanism.COLLATERAL_KILL
    status = evidence.get("exit_status")
    if status is not None and status != KILLED_STATUS:
        text = f"the process ended with status {status}, not by SIGKILL ({KILLED_STATUS})"
        yield Observation(mechanism=cause, speaks=False, text=text)
    own = evidence.get("own_kills") or ()
    exited_at = evidence.get("exited_at")
    if exited_at is not None and any(kill["started_at"] <= exited_at for kill in own):
        text = "this client had sent a Kill to this container before it ended"
        yield Observation(mechanism=cause, speaks=False, text=text)
    near = [kill for kill in evidence.get("neighbour_kills") or () if fits(kill, evidence)]
    if near:
        names = ", ".join(str(kill["container_id"]) for kill in near[-3:])
        text = f"Kill(all) of {names} in the same cgroup fell into the moment of the failure"
        yield Observation(mechanism=cause, speaks=True, text=text)
    else:
        text = "no Kill(all) of another container in the same cgroup fell into that moment"
        yield Observation(mechanism=cause, speaks=False, text=text)


def fits(kill: Mapping[str, Any], evidence: Mapping[str, Any]) -> bool:
    """Whether a neighbour's Kill(all) can have hit: by the exit, else by the step that failed."""
    if not kill.get("all_processes") or evidence.get("exit_status") not in (None, KILLED_STATUS):
        return False
    started_at, ended_at = kill["started_at"], kill.get("ended_at")
    exited_at = evidence.get("exited_at")
    if exited_at is not None:
        in_time = ended_at is None or exited_at <= ended_at + LATE_SECONDS
        return bool(started_at <= exited_at and in_time)
    began, ended = evidence.get("step_started_at"), evidence.get("step_ended_at")
    if began is None or ended is None:
        return False
    return bool(started_at <= ended and (ended_at is None or ended_at >= began))


def _memory(evidence: Mapping[str, Any]) -> Iterator[Observation]:
    kills = evidence.get("oom_kills")
    if kills is None:
        text = "how many processes the kernel killed at the memory limit (the cgroup was gone)"
        yield Observation(mechanism=Mechanism.OOM, speaks=None, text=text)
    elif kills:
        text = f"the cgroup's oom_kill counter rose by {kills}"
        yield Observation(mechanism=Mechanism.OOM, speaks=True, text=text)
    else:
        text = "the cgroup's oom_kill counter did not rise"
        yield Observation(mechanism=Mechanism.OOM, speaks=False, text=text)


def _shim(evidence: Mapping[str, Any]) -> Iterator[Observation]:
    alive = evidence.get("shim_alive")
    if alive is True:
        text = "the container's shim was alive"
        yield Observation(mechanism=Mechanism.SHIM_DEATH, speaks=False, text=text)
    elif alive is False and evidence.get("step") not in ("create", "prepare", "task_create"):
        # A Tasks.Create that fails takes its shim down itself.
        text = "the container's shim was gone, and this client ended none"
        yield Observation(mechanism=Mechanism.SHIM_DEATH, speaks=True, text=text)


def _own(evidence: Mapping[str, Any]) -> Iterator[Observation]:
    status = evidence.get("exit_status")
    if status is None:
        return
    intact = evidence.get("snapshot_found") is True and evidence.get("upper_exists") is not False
    if status > 128:
        text, own = f"the process was ended by signal {status - 128}", False
    elif intact:
        text, own = f"the process ended by itself with status {status}, its files intact", True
    else:
        text, own = f"it ended by itself with status {status}, but not with its files intact", False
    yield Observation(mechanism=Mechanism.OWN_ERROR, speaks=own, text=text)
