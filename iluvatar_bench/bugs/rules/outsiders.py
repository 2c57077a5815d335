"""Rules for a process that was ended neither by this client nor by a neighbour of its own. Pure.

They need the kernel's record: without it nobody but this client is known to have sent anything, and
circumstances are all that there is.
"""

from __future__ import annotations

import re

from iluvatar_bench.bugs.evidence import Evidence
from iluvatar_bench.bugs.rules.coincidence import HIT_FROM_OUTSIDE, SIGNALLED, fitting_kills
from iluvatar_bench.bugs.rules.deaths import KILLABLE
from iluvatar_bench.bugs.rules.senders import (
    Sender,
    decided_by,
    own_kill_behind,
    sender_of,
    told,
    witness_sees,
)
from iluvatar_bench.bugs.rules.suspicion import Suspicion, ruled_out, suspicion
from iluvatar_bench.bugs.rules.whole_cgroups import own_pause
from iluvatar_bench.bugs.taxonomy import BugClass, Mechanism

RUNNING = "running"
STOPPED = "stopped"
"""What ``containerd.io/restart.status`` says where the restart monitor is to end the task
(containerd, runtime/restart/restart.go)."""


def foreign_kill(symptom: BugClass, evidence: Evidence) -> Suspicion | None:
    """Another program, or another client of this containerd."""
    if symptom not in KILLABLE or (decided := decided_by(evidence)) is None:
        return None
    fact, sender = decided
    if sender is Sender.STRANGER:
        return suspicion(Mechanism.FOREIGN_KILL, [told(fact, evidence)])
    if _by_own_runtime(symptom, evidence) and evidence.restart_status != STOPPED:
        asked = "this client had sent no Kill: another client of containerd had"
        return suspicion(Mechanism.FOREIGN_KILL, [told(fact, evidence), asked])
    return ruled_out(Mechanism.FOREIGN_KILL, told(fact, evidence))


def unit_stopped(symptom: BugClass, evidence: Evidence) -> Suspicion | None:
    """Systemd ended the container's scope, or the service that it is in."""
    if symptom not in KILLABLE:
        return None
    if (decided := decided_by(evidence)) is None:
        return _stopped_by_a_neighbours_runtime(evidence)
    fact, sender = decided
    if sender is not Sender.SYSTEMD:
        return None
    supports = [told(fact, evidence)]
    if evidence.cgroup is not None and evidence.cgroup.endswith(".scope"):
        supports.append(f"the container is in the scope {evidence.cgroup}")
    return suspicion(Mechanism.UNIT_STOPPED, supports)


_ENDED_WHILE_MADE = re.compile(HIT_FROM_OUTSIDE.pattern + "|signal: terminated")
"""Systemd begins with SIGTERM."""


def _stopped_by_a_neighbours_runtime(evidence: Evidence) -> Suspicion | None:
    """A runtime that fails to create in a scope has it stopped, with all that is in it.

    runc 1.1, libcontainer/process_linux.go, initProcess.start. What is created and not started yet
    is the runtime's own init, which SIGTERM ends.
    """
    unit = evidence.cgroup if evidence.cgroup_shared else None
    hit = _ENDED_WHILE_MADE.search(evidence.error)
    made = evidence.step in ("task_create", "start")
    if unit is None or not unit.endswith(".scope") or hit is None or not made:
        return None
    supports = [
        f"the error says {hit.group()!r}: the runtime's init was ended before it was started",
        f"others share the scope {unit}, and a runtime that fails to create in it has it stopped",
    ]
    if not witness_sees(evidence):
        return suspicion(Mechanism.UNIT_STOPPED, supports, circumstantial=True)
    for fact in evidence.signals or ():
        to_it = fact.container_id == evidence.container_id or fact.pid == evidence.pid
        if to_it and sender_of(fact, evidence) is Sender.SYSTEMD:
            return suspicion(Mechanism.UNIT_STOPPED, [told(fact, evidence), *supports])
    return ruled_out(Mechanism.UNIT_STOPPED, "the kernel recorded no signal of systemd's to it")


def restart_monitor(symptom: BugClass, evidence: Evidence) -> Suspicion | None:
    """Containerd's own restart monitor, which a label of the container's record sets going."""
    if symptom is not BugClass.PROCESS_DIED or evidence.restart_status is None:
        return None
    label = f"the record's label containerd.io/restart.status says {evidence.restart_status!r}"
    if evidence.restart_status != STOPPED:
        return ruled_out(Mechanism.RESTART_MONITOR, label)
    if witness_sees(evidence):
        if not _by_own_runtime(symptom, evidence):
            return None
        decided = decided_by(evidence)
        assert decided is not None
        return suspicion(Mechanism.RESTART_MONITOR, [label, told(decided[0], evidence)])
    killed = evidence.exit_status is not None and evidence.exit_status > SIGNALLED
    objections = [] if killed else ["the process was not ended by a signal"]
    if evidence.own_kills or fitting_kills(evidence):
        objections.append("a Kill of this client fits this moment as well")
    return suspicion(Mechanism.RESTART_MONITOR, [label], objections, circumstantial=True)


def restart_race(symptom: BugClass, evidence: Evidence) -> Suspicion | None:
    """The restart monitor again, on a task that does not run and has not ended either.

    It kills, deletes and makes anew what it finds created or paused (containerd,
    runtime/restart/monitor: change.go and monitor.go to 1.7.34, plugins/restart since 2.0); since
    2.0 it leaves alone what is paused.
    """
    if evidence.restart_status != RUNNING:
        return None
    label = f"the record's label containerd.io/restart.status says {RUNNING!r}"
    killed = evidence.exit_status is not None and evidence.exit_status > SIGNALLED
    starting = evidence.step in ("task_create", "start")
    if starting and killed:
        supports = [label, f"the task ended with status {evidence.exit_status}, not yet started"]
    elif starting and "already exists" in evidence.error:
        supports = [label, "the task was there already"]
    elif starting and f"/{evidence.container_id}: file exists" in evidence.error:
        # Made before the task is known: containerd v1.6.20, runtime/v2/bundle.go (NewBundle).
        supports = [label, "the folder of a task of that name was there already"]
    elif killed and _was_paused(evidence):
        supports = [label, f"the task ended with status {evidence.exit_status} while it was paused"]
    else:
        return None
    objections = ["this client had sent it a Kill"] if evidence.own_kills else []
    if not witness_sees(evidence):
        return suspicion(Mechanism.RESTART_RACE, supports, objections, circumstantial=True)
    decided = decided_by(evidence)
    if decided is not None:
        by_monitor = decided[1] is Sender.OWN_RUNTIME
        (supports if by_monitor else objections).append(told(decided[0], evidence))
    return suspicion(Mechanism.RESTART_RACE, supports, objections)


def _was_paused(evidence: Evidence) -> bool:
    """Whether the last that this client asked of the task was a pause, before its end."""
    pause = own_pause(evidence)
    return pause is not None and (evidence.exited_at is None or pause.at <= evidence.exited_at)


def _by_own_runtime(symptom: BugClass, evidence: Evidence) -> bool:
    """Whether somebody asked containerd to kill the container, and it was not this client.

    What was being made is ended by its own runtime where that fails; and so is what has lost its
    shim, by containerd.
    """
    decided = decided_by(evidence)
    return (
        symptom is BugClass.PROCESS_DIED
        and decided is not None
        and decided[1] is Sender.OWN_RUNTIME
        and own_kill_behind(decided[0], evidence) is None
        and evidence.shim_alive is not False
    )
