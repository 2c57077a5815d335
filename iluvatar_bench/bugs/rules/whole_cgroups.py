"""Rules for what is done to a whole cgroup though it was meant for one container in it. Pure.

A pause freezes every process of the cgroup, and whoever resumes or kills one thaws all; an update
moves the limits of all. Containerd goes on calling the others running.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator

from iluvatar_bench.bugs.evidence import CgroupAction, CgroupFact, Evidence
from iluvatar_bench.bugs.rules.senders import SIGKILL, time_text
from iluvatar_bench.bugs.rules.suspicion import Suspicion, ruled_out, suspicion
from iluvatar_bench.bugs.taxonomy import BugClass, Mechanism

SILENT = frozenset(
    {
        BugClass.FROZEN,
        BugClass.INVOKE_FAILED,
        BugClass.SILENT_STARTUP,
        BugClass.DEADLINE,
        BugClass.CREATE_REJECTED,
        BugClass.EXEC_FAILED,
    }
)
"""What a frozen cgroup looks like: nobody answers, or the runtime refuses to go in."""

STEPS = ("pause", "resume")
"""Steps that a neighbour's pause or resume makes fail: the cgroup is frozen, or thawed, already."""

_UNDONE = re.compile(r"state THAWED while freezing|but was in \W{1,4}THAWED")
"""What runc says of a pause that somebody else undid (fs/freezer.go, fs2/freezer.go)."""

_SAYS_FROZEN = re.compile(
    r"cgroup unexpectedly frozen|cannot start a container in the paused state"
    r"|that is not stopped: paused|cannot exec in a paused container"
)
"""What runc 1.1 says of a cgroup that is frozen as it is to create, start, delete or exec."""

_MOST_OF_THE_STEP = 0.5


def neighbour_paused(symptom: BugClass, evidence: Evidence) -> Suspicion | None:
    """The pause of another container in the same cgroup, or in one above it."""
    refused = _refused_as_frozen(evidence)
    if refused is not None:
        return refused
    if symptom not in SILENT and evidence.step not in STEPS:
        return None
    if evidence.exit_status is not None:
        return ruled_out(Mechanism.NEIGHBOUR_PAUSED, "the process had ended")
    if evidence.step == "resume":
        pauses = [c.at for c in evidence.own_changes if c.action is CgroupAction.PAUSE]
        return _thawed(evidence, since=max(pauses)) if pauses else None
    if evidence.step == "pause" and _UNDONE.search(evidence.error):
        return _thawed(evidence, since=evidence.step_started_at)
    pause = _last_pause(evidence)
    if evidence.cgroup_frozen is True and pause is not None:
        frozen = f"the cgroup {evidence.cgroup} is frozen"
        return suspicion(Mechanism.NEIGHBOUR_PAUSED, [frozen, _told(pause, evidence)])
    share = _frozen_share(evidence)
    if share > _MOST_OF_THE_STEP:
        covered = f"pauses of neighbours cover {100 * share:.0f} % of the step {evidence.step}"
        objections = []
        if evidence.process_alive is False:
            objections.append("the process is gone")
        return suspicion(Mechanism.NEIGHBOUR_PAUSED, [covered], objections, circumstantial=True)
    if evidence.cgroup_frozen is False:
        return ruled_out(Mechanism.NEIGHBOUR_PAUSED, "its cgroup is not frozen")
    return None


def _refused_as_frozen(evidence: Evidence) -> Suspicion | None:
    """The runtime says itself that the cgroup was frozen, and it was not this container's pause."""
    said = _SAYS_FROZEN.search(evidence.error)
    pause = _pause_within_the_step(evidence)
    if said is None or pause is None or own_pause(evidence) is not None:
        return None
    supports = [f"the error says {said.group()!r}", _told(pause, evidence)]
    # Runc freezes a cgroup for a moment while it signals all of it.
    objections = [
        f"a Kill(all) of {kill.container_id} freezes it as well"
        for kill in evidence.neighbour_kills
        if kill.all_processes and _within_the_step(kill.started_at, kill.ended_at, evidence)
    ]
    return suspicion(Mechanism.NEIGHBOUR_PAUSED, supports, sorted(objections)[:1])


def own_pause(evidence: Evidence) -> CgroupFact | None:
    """This client's pause of the container itself, unless it has asked for another change since."""
    own = _in_order(evidence.own_changes)
    return own[-1] if own and own[-1].action is CgroupAction.PAUSE else None


def _within_the_step(began: float, ended: float | None, evidence: Evidence) -> bool:
    first, last = evidence.step_started_at, evidence.step_ended_at
    assert first is not None
    assert last is not None
    return began <= last and (ended is None or ended >= first)


def _pause_within_the_step(evidence: Evidence) -> CgroupFact | None:
    """The first pause of a neighbour that lasted into the failed step, or began in it.

    Until a resume: a Kill in between thaws too, but not of a process that has ended already.
    """
    began, ended = evidence.step_started_at, evidence.step_ended_at
    if began is None or ended is None:
        return None
    changes = [c for c in evidence.neighbour_changes if c.action is not CgroupAction.UPDATE]
    resumes = [c for c in evidence.own_changes if c.action is CgroupAction.RESUME]
    for pause, until in _pauses(_in_order([*changes, *resumes])):
        if pause.at <= ended and (until is None or until >= began):
            return pause
    return None


def neighbour_updated(symptom: BugClass, evidence: Evidence) -> Suspicion | None:
    """The update of another container in the same cgroup, and what came of its limit."""
    now, made = evidence.memory_limit_bytes, evidence.memory_limit_made_bytes
    if now is None or made is None or now == made:
        return None
    updates = [
        change
        for change in _in_order(evidence.neighbour_changes)
        if change.action is CgroupAction.UPDATE and change.memory_limit_bytes == now
    ]
    if not updates:
        return None
    supports = [
        f"the cgroup's memory limit is {_mib(now)}, and the container was made with {_mib(made)}",
        _told(updates[-1], evidence),
    ]
    if evidence.oom_kills:
        supports.append(f"the cgroup's oom_kill counter rose by {evidence.oom_kills}")
    dead_for_memory = symptom is BugClass.OOM_KILLED or (
        symptom is BugClass.PROCESS_DIED and bool(evidence.oom_kills)
    )
    objections = [] if dead_for_memory else ["nothing says that it failed for want of memory"]
    return suspicion(Mechanism.NEIGHBOUR_UPDATED, supports, objections)


def _thawed(evidence: Evidence, *, since: float | None) -> Suspicion | None:
    """A resume that was refused, because the container was not paused any more; or a pause that
    was thawed in the middle of it. ``since`` is when the cgroup was being frozen."""
    if since is None:
        return None
    resumes = [
        _told(change, evidence)
        for change in _in_order(evidence.neighbour_changes)
        if change.action is CgroupAction.RESUME and change.at >= since
    ]
    kills = [
        f"this client's Kill of {kill.container_id} in the same cgroup thawed it"
        for kill in evidence.neighbour_kills
        if kill.signal == SIGKILL and (kill.ended_at is None or kill.ended_at >= since)
    ]
    thaws = [*resumes[-1:], *sorted(kills)[-1:]]
    if not thaws:
        return ruled_out(Mechanism.NEIGHBOUR_PAUSED, "no neighbour was resumed or killed meanwhile")
    return suspicion(Mechanism.NEIGHBOUR_PAUSED, thaws)


def _last_pause(evidence: Evidence) -> CgroupFact | None:
    """The neighbour's pause that nobody has ended, as far as this client knows."""
    last = None
    for change in _in_order(evidence.neighbour_changes):
        if change.action is CgroupAction.PAUSE:
            last = change
        elif change.action is CgroupAction.RESUME:
            last = None
    return last


def _frozen_share(evidence: Evidence) -> float:
    """How much of the failed step neighbours' pauses cover, between 0 and 1."""
    started, ended = evidence.step_started_at, evidence.step_ended_at
    if started is None or ended is None or not 0 < ended - started < math.inf:
        return 0.0
    covered = 0.0
    for pause, until in _pauses(_thaws_and_pauses(evidence)):
        last = ended if until is None else min(until, ended)
        covered += max(0.0, last - max(pause.at, started))
    return min(1.0, covered / (ended - started))


def _thaws_and_pauses(evidence: Evidence) -> list[CgroupFact]:
    """Neighbours' pauses, and what ended them: resumes, and SIGKILLs, for which runc thaws."""
    found = [c for c in evidence.neighbour_changes if c.action is not CgroupAction.UPDATE]
    found += [c for c in evidence.own_changes if c.action is CgroupAction.RESUME]
    found += [
        CgroupFact(kill.container_id, kill.cgroup, CgroupAction.RESUME, kill.ended_at)
        for kill in evidence.neighbour_kills
        if kill.signal == SIGKILL and kill.ended_at is not None
    ]
    return _in_order(found)


def _pauses(changes: Iterable[CgroupFact]) -> Iterator[tuple[CgroupFact, float | None]]:
    """Of changes in their order, each pause that found the cgroup running, and when that ended."""
    pause = None
    for change in changes:
        if change.action is CgroupAction.PAUSE:
            pause = pause or change
        elif pause is not None:
            yield pause, change.at
            pause = None
    if pause is not None:
        yield pause, None


def _in_order(changes: Iterable[CgroupFact]) -> list[CgroupFact]:
    return sorted(changes, key=lambda change: (change.at, change.container_id, change.action))


_WORDS = {
    CgroupAction.PAUSE: "Tasks.Pause",
    CgroupAction.RESUME: "Tasks.Resume",
    CgroupAction.UPDATE: "Tasks.Update",
}


def _told(change: CgroupFact, evidence: Evidence) -> str:
    same = change.cgroup == evidence.cgroup
    where = "the same cgroup" if same else f"the cgroup {change.cgroup} above its own"
    limit = change.memory_limit_bytes
    to = "" if limit is None else f" to {_mib(limit)}"
    said = f"this client's {_WORDS[change.action]} of {change.container_id} in {where}{to}"
    if evidence.step_ended_at is None:
        return said
    return f"{said} was answered {time_text(evidence.step_ended_at - change.at)} before the failure"


def _mib(limit: int) -> str:
    return f"{limit / (1 << 20):g} MiB" if limit else "none"
