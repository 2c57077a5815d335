"""From a trial's error and evidence to its outcome, bug class and mechanism."""

from __future__ import annotations

import logging
from dataclasses import asdict, replace

from iluvatar_bench.bugs import (
    RULES_VERSION,
    Attribution,
    BugClass,
    Evidence,
    Mechanism,
    attribute,
)
from iluvatar_bench.bugs.classify import classify_text
from iluvatar_bench.bugs.symptom import error_symptom, start_symptom, startup_symptom
from iluvatar_bench.errors import (
    AnswerLost,
    ContainerdError,
    DeadlineExceeded,
    ExecFailed,
    ImageError,
    InvocationFailed,
    LifecycleError,
    NetworkError,
    ProcessDied,
    StartupFailed,
    StepTimedOut,
    Unreachable,
)
from iluvatar_bench.records import Outcome, Trial, UnknownClass

log = logging.getLogger(__name__)


OF_CONTAINERS = (ContainerdError, LifecycleError, NetworkError, ImageError, TimeoutError)
"""Errors that tell of a container. Every other one is this program's own."""


def judged(trial: Trial, error: Exception, evidence: Evidence) -> Trial:
    """The trial with the outcome of its failure."""
    if not isinstance(error, OF_CONTAINERS):
        return replace(
            trial,
            outcome=Outcome.UNKNOWN,
            unknown_class=UnknownClass.HARNESS_ERROR,
            error=evidence.error,
            failed_step=evidence.step,
            exit_status=evidence.exit_status,
            evidence={"facts": [], "considered": [], **evidence.as_dict()},
        )
    symptom, verdict = _verdict(error, evidence)
    trial = replace(
        trial,
        error=evidence.error,
        failed_step=evidence.step,
        exit_status=evidence.exit_status,
        evidence={
            "symptom": str(symptom),
            "rules": RULES_VERSION,
            "proven": verdict.proven,
            "facts": list(verdict.facts),
            "considered": [asdict(found) for found in verdict.considered],
            **evidence.as_dict(),
        },
    )
    mechanism = str(verdict.mechanism)
    if isinstance(error, AnswerLost):
        # Whether it failed is not known; why that is not known may be.
        known = verdict.mechanism is not Mechanism.UNKNOWN
        return replace(trial, outcome=Outcome.UNKNOWN, mechanism=mechanism if known else None)
    return replace(
        trial,
        outcome=Outcome.FAILED,
        bug_class=str(verdict.bug_class),
        mechanism=mechanism,
    )


def _verdict(error: Exception, evidence: Evidence) -> tuple[BugClass, Attribution]:
    """The symptom, and what is made of it."""
    try:
        symptom = _symptom(error, evidence)
        return symptom, attribute(symptom, evidence)
    except Exception:
        # A classifier that crashes must not report the trial as healthy.
        log.exception("%s: classification failed", evidence.container_id)
        unclassified = BugClass.UNCLASSIFIED
        return unclassified, Attribution(unclassified, Mechanism.UNKNOWN, ())


def _symptom(error: Exception, evidence: Evidence) -> BugClass:
    # A Kill of all processes freezes their cgroup while it signals them (runc 1.1.5,
    # libcontainer/init_linux.go, signalAllProcesses): who has ended by then was not paused.
    frozen = evidence.cgroup_frozen and evidence.exit_status is None
    match error:
        case StartupFailed() | InvocationFailed() | StepTimedOut() if frozen:
            return BugClass.FROZEN
        case ExecFailed():
            return BugClass.EXEC_FAILED
        case StartupFailed():
            return startup_symptom(
                stdout=evidence.stdout_tail,
                stderr=evidence.stderr_tail,
                exit_status=evidence.exit_status,
            )
        case ProcessDied():
            return BugClass.PROCESS_DIED
        case InvocationFailed():
            # The function's answer may say that it missed a file.
            found = classify_text(evidence.error).symptom
            missing = found is BugClass.MISSING_PACKAGES
            return BugClass.MISSING_PACKAGES if missing else BugClass.INVOKE_FAILED
        case NetworkError():
            return BugClass.NETWORK
        case StepTimedOut() | TimeoutError() | DeadlineExceeded():
            return BugClass.DEADLINE
        case Unreachable() | AnswerLost():
            return BugClass.DAEMON_UNAVAILABLE
        case ContainerdError() if evidence.step == "start":
            return start_symptom(evidence.error, exit_status=evidence.exit_status)
        case _:
            return error_symptom(evidence.error)
