"""From evidence to mechanism. Pure: the same facts always give the same verdict.

Rules are tried in order; each names the facts it rests on. What no rule proves is ``unknown``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from iluvatar_bench.bugs.evidence import Evidence, KillFact
from iluvatar_bench.bugs.taxonomy import BugClass, Mechanism

KILLED_STATUS = 128 + 9
"""Death by SIGKILL, as containerd reports it."""

_LOST_SHIM_STATUSES = frozenset({KILLED_STATUS, 255})

LATE_SECONDS = 0.5
"""How long after the answer to a Kill an exit may still be its doing: the time of an exit is that
of the shim's reaping, which comes late on a busy host (1 to 30 ms seen as a rule). No exit is the
doing of a Kill that had not begun: both times are of one clock."""


@dataclass(frozen=True, slots=True)
class Attribution:
    """The verdict on one failure.

    ``bug_class`` differs from the symptom where the evidence shows that the text misleads: a
    missing module that the intact image never had is the function's own start-up error.
    """

    bug_class: BugClass
    mechanism: Mechanism
    facts: tuple[str, ...]


_Verdict = tuple[Mechanism, tuple[str, ...]] | None


def attribute(symptom: BugClass, evidence: Evidence) -> Attribution:
    """The mechanism behind a failure of class ``symptom``, and the class it finally belongs to.

    Never raises: missing or contradictory evidence gives ``unknown``.
    """
    for rule in _RULES:
        verdict = rule(symptom, evidence)
        if verdict is not None:
            mechanism, facts = verdict
            return Attribution(_final_class(symptom, mechanism), mechanism, facts)
    return Attribution(symptom, Mechanism.UNKNOWN, ())


def _final_class(symptom: BugClass, mechanism: Mechanism) -> BugClass:
    if mechanism is Mechanism.OWN_ERROR and symptom is BugClass.MISSING_PACKAGES:
        return BugClass.STARTUP_ERROR
    if mechanism is Mechanism.OOM:
        return BugClass.OOM_KILLED
    if mechanism is Mechanism.SHIM_DEATH:
        return BugClass.SHIM_LOST
    return symptom


def _oom(symptom: BugClass, evidence: Evidence) -> _Verdict:
    if not evidence.oom_kills or evidence.exit_status != KILLED_STATUS:
        return None
    if _culprits(evidence):
        # Both a Kill and the limit could have done it: a shared cgroup has one counter for all.
        return Mechanism.UNKNOWN, (
            f"the cgroup counted {evidence.oom_kills} OOM kills and a neighbour's Kill(all) "
            "fell into the same moment",
        )
    return Mechanism.OOM, (
        f"the cgroup's oom_kill counter rose by {evidence.oom_kills}",
        "exit status 137 (SIGKILL)",
    )


def _shim_death(symptom: BugClass, evidence: Evidence) -> _Verdict:
    if evidence.shim_alive is not False or _culprits(evidence):
        return None
    if symptom is BugClass.SHIM_LOST or evidence.exit_status in _LOST_SHIM_STATUSES:
        return Mechanism.SHIM_DEATH, ("the container's shim is gone, and this client ended none",)
    return None


_KILLABLE = frozenset({BugClass.PROCESS_DIED, BugClass.SILENT_STARTUP, BugClass.CREATE_REJECTED})


def _collateral_kill(symptom: BugClass, evidence: Evidence) -> _Verdict:
    if symptom not in _KILLABLE:
        return None
    culprits = _culprits(evidence)
    if not culprits:
        return None
    culprit = culprits[-1]
    if evidence.exited_at is not None:
        delay_ms = (evidence.exited_at - culprit.started_at) * 1000
        when = f"{delay_ms:.0f} ms before this exit with status {evidence.exit_status}"
        if culprit.ended_at is not None and culprit.ended_at < evidence.exited_at:
            late_ms = (evidence.exited_at - culprit.ended_at) * 1000
            when += f", and was answered {late_ms:.0f} ms before it"
    else:
        hit = _HIT_FROM_OUTSIDE.search(evidence.error)
        said = hit.group() if hit else ""
        when = f"while {evidence.step} was under way, whose error says {said!r}"
    return Mechanism.COLLATERAL_KILL, (
        f"Kill(all) of {culprit.container_id} in the same cgroup {culprit.cgroup} began {when}",
        "this container had not been killed by this client before",
    )


def _culprits(evidence: Evidence) -> list[KillFact]:
    """Neighbours' Kill(all) requests that fit in time, earliest first."""
    kills = [k for k in evidence.neighbour_kills if k.all_processes]
    if evidence.exited_at is not None:
        exited_at = evidence.exited_at
        if evidence.exit_status != KILLED_STATUS:
            return []
        if any(k.started_at <= exited_at for k in evidence.own_kills):
            return []
        fitting = [
            k
            for k in kills
            if k.started_at <= exited_at
            and (k.ended_at is None or exited_at <= k.ended_at + LATE_SECONDS)
        ]
    elif evidence.step_started_at is not None and evidence.step_ended_at is not None:
        # The process never had an exit of its own to report: it was hit, or frozen, inside the
        # step. That needs the error to say so, or a coincidence would convict a bystander.
        if not _HIT_FROM_OUTSIDE.search(evidence.error):
            return []
        started_at, ended_at = evidence.step_started_at, evidence.step_ended_at
        fitting = [
            k
            for k in kills
            if k.started_at <= ended_at and (k.ended_at is None or k.ended_at >= started_at)
        ]
    else:
        return []
    return sorted(fitting, key=lambda kill: kill.started_at)


_HIT_FROM_OUTSIDE = re.compile(
    # A new process that joined a cgroup which a neighbour's Kill had frozen.
    r"unexpectedly frozen|in the paused state"
    # The init was gone when it was to be started.
    r"|cannot start a stopped process|that has stopped|already dead|already running"
    # runc 1.0 and 1.1, when the init that it has just forked goes away without a word: the end
    # of the pipe, or an error that wraps no error.
    r"|\bEOF\b|init-p: (?:broken pipe|connection reset)|%!w\(<nil>\)|signal: killed"
)


_FILE_CLASSES = frozenset(
    {
        BugClass.SNAPSHOT_OVERLAY,
        BugClass.SNAPSHOT_NOT_FOUND,
        BugClass.MISSING_PACKAGES,
        BugClass.CREATE_REJECTED,
        BugClass.STARTUP_ERROR,
    }
)


def _snapshot_collected(symptom: BugClass, evidence: Evidence) -> _Verdict:
    if symptom not in _FILE_CLASSES or evidence.snapshot_removed_by_us is not False:
        return None
    facts = []
    if evidence.snapshot_found is False:
        facts.append(
            f"Snapshots.Stat of {evidence.snapshot_key}: not found, "
            "though this client never removed it"
        )
    if evidence.upper_exists is False:
        facts.append(f"the mounted upper directory {evidence.upper_directory} no longer exists")
    if evidence.snapshot_found is True or not facts:
        # A snapshot that is still known was not collected, whatever a directory looks like.
        return None
    return Mechanism.SNAPSHOT_COLLECTED, tuple(facts)


def _by_text(symptom: BugClass, evidence: Evidence) -> _Verdict:
    lowered = f"{evidence.error}\n{evidence.stderr_tail}".lower()
    for mechanism, texts in _TEXTS.items():
        for text in texts:
            if text in lowered:
                return mechanism, (f"the error says {text!r}",)
    return None


_TEXTS: dict[Mechanism, tuple[str, ...]] = {
    Mechanism.CGROUP_OCCUPIED: ("container's cgroup is not empty",),
    Mechanism.DISK_FULL: ("no space left on device",),
    Mechanism.BRIDGE_FULL: ("exchange full",),
    Mechanism.IPAM_EXHAUSTED: ("no ip addresses available",),
}


_OWN_CLASSES = frozenset(
    {
        BugClass.MISSING_PACKAGES,
        BugClass.STARTUP_ERROR,
        BugClass.PROCESS_DIED,
        BugClass.SILENT_STARTUP,
    }
)


def _own_error(symptom: BugClass, evidence: Evidence) -> _Verdict:
    """The process ended by itself, and everything under it was in order."""
    status = evidence.exit_status
    if symptom not in _OWN_CLASSES or status is None or status > 128:
        return None
    if evidence.snapshot_found is not True or evidence.upper_exists is False:
        return None
    if "address already in use" in evidence.stderr_tail.lower():
        # Nobody's fault that the evidence could name: not the function's, at any rate.
        return Mechanism.UNKNOWN, ("another process listens at the port it was given",)
    return Mechanism.OWN_ERROR, (
        f"the process ended by itself with status {status}",
        f"its snapshot {evidence.snapshot_key} is intact",
    )


_RULES: tuple[Callable[[BugClass, Evidence], _Verdict], ...] = (
    _oom,
    _collateral_kill,
    _shim_death,
    _snapshot_collected,
    _by_text,
    _own_error,
)
