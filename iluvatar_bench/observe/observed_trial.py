"""From what was seen of somebody else's container to its trial. Pure.

What the container was asked to do is not known, so nothing is said of what it did not do. Where too
little was seen the outcome is unknown.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from iluvatar_bench.bugs import RULES_VERSION, Attribution, BugClass, Evidence, Mechanism, attribute
from iluvatar_bench.observe.ending import (
    Asked,
    TaskEnd,
    mount_errors,
    symptom_of,
    symptom_of_no_task,
)
from iluvatar_bench.observe.life import ObservedLife
from iluvatar_bench.records import Outcome, Trial, UnknownClass
from iluvatar_bench.records.run_status import OBSERVED

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedVerdict:
    """The outcome of one task, or of a container without any."""

    outcome: Outcome
    why: str
    symptom: BugClass | None = None
    evidence: Evidence | None = None
    end: TaskEnd | None = None


def of_task(end: TaskEnd) -> ObservedVerdict:
    """What the end of a task says."""
    if end.exit_status is None:
        return ObservedVerdict(
            outcome=Outcome.UNKNOWN, why=end.note or "its end was not seen", end=end
        )
    if end.exit_status == 0:
        return ObservedVerdict(outcome=Outcome.OK, why="it ended by itself with status 0", end=end)
    if end.asked is Asked.YES:
        why = "a client asked containerd for its end: its own runtime sent the signal"
        return ObservedVerdict(outcome=Outcome.OK, why=why, end=end)
    if end.asked is Asked.PRESUMABLY:
        why = "nobody saw who sent the signal; its task was deleted as by one who had waited for it"
        return ObservedVerdict(outcome=Outcome.OK, why=why, end=end)
    evidence = end.evidence or Evidence(exit_status=end.exit_status)
    if end.asked is Asked.NOT_KNOWN:
        why = end.note or "who sent the signal that ended it is not known"
        return ObservedVerdict(outcome=Outcome.UNKNOWN, why=why, evidence=evidence, end=end)
    return ObservedVerdict(
        outcome=Outcome.FAILED,
        why="it ended, and nobody had asked for that",
        symptom=symptom_of(end, evidence),
        evidence=evidence,
        end=end,
    )


def of_no_task(
    life: ObservedLife, evidence: Evidence | None, *, bundles_seen: bool
) -> ObservedVerdict:
    """What it says that a container is removed and never had a task.

    ``bundles_seen``: the folder of bundles is watched, so that one that nobody saw was not made.
    """
    if evidence is None or life.gaps or not life.whole:
        why = "it had no task while it was watched, and that was not all the time"
        return ObservedVerdict(outcome=Outcome.UNKNOWN, why=why)
    upper = life.snapshot.upper_directory if life.snapshot is not None else None
    found = symptom_of_no_task(evidence, upper.rpartition("/")[0] if upper else None)
    if found is not None:
        symptom, evidence = found
        why = "a task was asked for, and its root file system could not be mounted"
        return ObservedVerdict(outcome=Outcome.FAILED, why=why, symptom=symptom, evidence=evidence)
    if life.task_asked_at is not None:
        return ObservedVerdict(
            outcome=Outcome.FAILED,
            why="a task was asked for (its bundle was made), and none came about",
            symptom=BugClass.CREATE_REJECTED if _mounted(life, evidence) else BugClass.UNCLASSIFIED,
            evidence=evidence,
        )
    if not bundles_seen:
        return ObservedVerdict(
            outcome=Outcome.UNKNOWN, why="whether a task was asked for is not known"
        )
    return ObservedVerdict(outcome=Outcome.OK, why="nobody asked for a task")


def _mounted(life: ObservedLife, evidence: Evidence) -> bool:
    """Whether the root file system of a task that did not come about was mounted all the same.

    The kernel logs every overlay that it cannot mount, since 4.x (fs/overlayfs/super.c). A bind of
    what is gone leaves no line.
    """
    overlay = life.snapshot is not None and life.snapshot.snapshotter == "overlayfs"
    silent = evidence.kernel_log is not None and not mount_errors(evidence)
    return silent and (overlay or evidence.snapshot_found is True)


def worst(said: Sequence[ObservedVerdict]) -> ObservedVerdict:
    """Of several tasks: the first that failed, else one that is not known, else the last."""
    for outcome in (Outcome.FAILED, Outcome.UNKNOWN):
        for one in said:
            if one.outcome is outcome:
                return one
    return said[-1]


def observed_trial(
    life: ObservedLife, said: ObservedVerdict, *, run_id: str, number: int, witnessed: bool
) -> Trial:
    """The trial of a container that has been removed."""
    evidence = said.evidence
    verdict = _attributed(said.symptom, evidence) if said.symptom and evidence else None
    failed = said.outcome is Outcome.FAILED
    end = said.end
    status = end.exit_status if end is not None else None
    stored: dict[str, Any] = {
        "key": life.key(),
        "observed": {
            "why": said.why,
            "witness": witnessed,
            "whole": life.whole,
            "gaps": life.gaps,
            "tasks": life.tasks_seen,
            "started_ms": _started_ms(life),
            **({"asked": str(end.asked), "died_with": list(end.died_with)} if end else {}),
        },
        **_of_life(life),
    }
    if evidence is not None:
        stored |= {
            "symptom": str(said.symptom) if said.symptom else None,
            "rules": RULES_VERSION,
            "facts": list(verdict.facts) if verdict else [],
            "proven": bool(verdict and verdict.proven),
            "considered": [asdict(found) for found in verdict.considered] if verdict else [],
            **evidence.as_dict(),
        }
    mechanism = str(verdict.mechanism) if failed and verdict else None
    return Trial(
        run_id=run_id,
        trial=number,
        container_id=life.name,
        profile=OBSERVED,
        factors={"client": life.client, "namespace": life.namespace},
        function=life.record.image if life.record is not None else "",
        submitted_at=datetime.fromtimestamp(life.began_at, UTC).isoformat(),
        outcome=said.outcome,
        bug_class=str(verdict.bug_class if verdict else said.symptom) if failed else None,
        unknown_class=UnknownClass.NOT_SEEN if said.outcome is Outcome.UNKNOWN else None,
        mechanism=mechanism,
        error=(evidence.error if evidence is not None and evidence.error else said.why)
        if said.outcome is not Outcome.OK
        else None,
        failed_step=evidence.step if failed and evidence is not None else None,
        exit_status=status,
        steps=_steps(life),
        total_ms=1000 * (life.removed_at - life.began_at) if life.removed_at else None,
        evidence=stored,
    )


def _attributed(symptom: BugClass, evidence: Evidence) -> Attribution:
    try:
        return attribute(symptom, evidence)
    except Exception:
        # A classifier that crashes must not end the observation, nor report the trial as healthy.
        log.exception("%s: attribution failed", evidence.container_id)
        return Attribution(BugClass.UNCLASSIFIED, Mechanism.UNKNOWN, ())


def _of_life(life: ObservedLife) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if life.snapshot_lost_at is not None:
        found["latent"] = str(Mechanism.SNAPSHOT_COLLECTED)
        found["snapshot_lost_at"] = life.snapshot_lost_at
    if life.record is not None and life.record.args:
        found["args"] = list(life.record.args)
    if life.task is not None and life.task.usage is not None:
        found["usage"] = life.task.usage.as_dict()
    return found


def _started_ms(life: ObservedLife) -> float | None:
    """From its first event to the start of its process; None where one of them was not seen."""
    started = life.task.started_at if life.task is not None else None
    if not life.whole or started is None or started < life.began_at:
        return None
    return 1000 * (started - life.began_at)


def _steps(life: ObservedLife) -> dict[str, float]:
    """What shows of the steps: how long it was alive, and how long its removal took."""
    task = life.task
    if task is None or task.exited_at is None:
        return {}
    steps = {}
    if task.started_at is not None and task.exited_at >= task.started_at:
        steps["alive_ms"] = 1000 * (task.exited_at - task.started_at)
    if life.removed_at is not None and life.removed_at >= task.exited_at:
        steps["delete_ms"] = 1000 * (life.removed_at - task.exited_at)
    return steps
