"""Rules for a start that was silent because the process had no processor. Pure.

What the kernel counts is certain; that the process would have become ready in that time is not: one
that turns in a loop waits as well. So the facts are merely consistent.
"""

from __future__ import annotations

from iluvatar_bench.bugs.evidence import Evidence
from iluvatar_bench.bugs.rules.suspicion import Suspicion, ruled_out, suspicion
from iluvatar_bench.bugs.taxonomy import BugClass, Mechanism

_LEAST_SHARE = 0.5
"""Of the step that failed: who had a processor for more than half of it was not kept from it."""


def throttled(symptom: BugClass, evidence: Evidence) -> Suspicion | None:
    """The limit of its own cgroup kept the process from running."""
    waited, limited = _waited(symptom, evidence), evidence.throttled_seconds
    if waited is None or limited is None:
        return None
    if not limited:
        return ruled_out(Mechanism.CPU_THROTTLED, "its cgroup was never throttled")
    supports = [f"its cgroup was throttled for {limited:.1f} s", _told(waited, evidence)]
    objections = _too_short(waited, evidence)
    if limited < waited / 2:
        objections.append("for most of that time its cgroup was not throttled")
    return suspicion(Mechanism.CPU_THROTTLED, supports, objections, circumstantial=True)


def starved(symptom: BugClass, evidence: Evidence) -> Suspicion | None:
    """Whoever else runs on this host had the processors."""
    waited, limited = _waited(symptom, evidence), evidence.throttled_seconds
    if waited is None:
        return None
    objections = _too_short(waited, evidence)
    if objections:
        return ruled_out(Mechanism.CPU_STARVED, _told(waited, evidence))
    if limited is not None and limited >= waited / 2:
        objections.append("for most of that time its own limit kept it from running")
    supports = [_told(waited, evidence)]
    return suspicion(Mechanism.CPU_STARVED, supports, objections, circumstantial=True)


def _waited(symptom: BugClass, evidence: Evidence) -> float | None:
    """How long it was ready to run and did not, of a silent start that is still under way."""
    if symptom is not BugClass.SILENT_STARTUP or evidence.process_alive is not True:
        return None
    return evidence.processor_waited_seconds if _step_seconds(evidence) > 0 else None


def _too_short(waited: float, evidence: Evidence) -> list[str]:
    if waited > _LEAST_SHARE * _step_seconds(evidence):
        return []
    return ["for most of the step it was not waiting for a processor"]


def _told(waited: float, evidence: Evidence) -> str:
    ran = evidence.processor_ran_seconds
    running = "" if ran is None else f", and had run for {ran:.2f} s"
    return (
        f"of the {_step_seconds(evidence):.1f} s of the step the process was ready to run and had "
        f"no processor for {waited:.1f} s{running}"
    )


def _step_seconds(evidence: Evidence) -> float:
    """How long the step that failed took; 0 where that is not known."""
    began, ended = evidence.step_started_at, evidence.step_ended_at
    return 0.0 if began is None or ended is None else max(0.0, ended - began)
