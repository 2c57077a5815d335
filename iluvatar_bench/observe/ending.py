"""How somebody else's container ended, in facts: asked for or not, and what was found then."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from iluvatar_bench.bugs import BugClass, Evidence
from iluvatar_bench.bugs.classify import classify_text
from iluvatar_bench.bugs.rules.senders import (
    Sender,
    asked_to_end,
    decided_by,
    sender_of,
    witness_sees,
)

SIGNALLED = 128
"""Exit statuses above this are death by signal (shells' and containerd's convention)."""

ENDING_SIGNALS = frozenset({1, 2, 9, 15})
"""What a client sends a container that is to end; others are faults of the process itself."""

REMOVED_SOON_SECONDS = 10.0
"""Without the witness a signal counts as asked for where the task was deleted within this time:
whoever asked has waited for the end. Nobody waits for an end that nobody asked for."""

TOGETHER_SECONDS = 0.25
"""Tasks of one cgroup that end by a signal so close to each other may have ended by one Kill."""


STARTING_SECONDS = 20.0
"""How long a process may take to say its first word, as runs have it by default: one that says
nothing for longer is a silent one, and no silent start."""


class Asked(StrEnum):
    """Whether a client asked containerd for the end."""

    YES = "yes"
    """The kernel's record says that the container's own runtime sent the signal."""
    PRESUMABLY = "presumably"
    """Nobody saw who sent the signal; the task was deleted as by one who had waited for its end."""
    NO = "no"
    NOT_KNOWN = "not_known"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskEnd:
    """The end of one task, or that none came about.

    ``evidence`` is None where nothing had to be looked at. ``output_seen`` tells whether what the
    process wrote could be read: a FIFO's other end is its client's. ``died_with`` are containers
    of the same cgroup that ended by a signal in the same moment.
    """

    exit_status: int | None
    asked: Asked = Asked.NO
    started: bool = True
    lived_seconds: float | None = None
    evidence: Evidence | None = None
    output_seen: bool = False
    died_with: tuple[str, ...] = ()
    note: str = ""


def by_signal(status: int | None) -> int | None:
    """The signal that a client may have sent and that the status tells of; else None."""
    number = None if status is None else status - SIGNALLED
    return number if number in ENDING_SIGNALS else None


def asked_by_witness(evidence: Evidence) -> Asked | None:
    """What the kernel's record says; None where it says nothing."""
    if not witness_sees(evidence) or evidence.exit_status is None:
        return None
    if evidence.exit_status <= SIGNALLED:
        by_runtime = any(
            sender_of(fact, evidence) is Sender.OWN_RUNTIME for fact in asked_to_end(evidence)
        )
        return Asked.YES if by_runtime else Asked.NO
    decided = decided_by(evidence)
    if decided is None:
        # It records SIGKILL and SIGTERM only.
        recorded = evidence.exit_status - SIGNALLED in (9, 15)
        return Asked.NO if recorded or by_signal(evidence.exit_status) is None else None
    match decided[1]:
        case Sender.OWN_RUNTIME:
            return Asked.YES
        case Sender.NOT_KNOWN:
            return Asked.NOT_KNOWN
        case _:
            return Asked.NO


def symptom_of(end: TaskEnd, evidence: Evidence) -> BugClass:
    """The class of an end that nobody asked for, as it shows from outside.

    Whether a process had become ready does not show. One that a signal ended is a silent start
    where it was never started, or where it lived no longer than a start takes and its output can be
    read and is empty; else it has died.
    """
    status = end.exit_status
    if status is not None and status <= SIGNALLED:
        texts = (evidence.stderr_tail, evidence.stdout_tail)
        found = (classify_text(text).bug_class for text in texts)
        return next((kind for kind in found if kind is not None), BugClass.UNCLASSIFIED)
    if not end.started:
        return BugClass.SILENT_STARTUP
    young = end.lived_seconds is not None and end.lived_seconds <= STARTING_SECONDS
    silent = young and end.output_seen and not (evidence.stderr_tail + evidence.stdout_tail).strip()
    return BugClass.SILENT_STARTUP if silent else BugClass.PROCESS_DIED


def symptom_of_no_task(evidence: Evidence, folder: str | None) -> tuple[BugClass, Evidence] | None:
    """The class of a task that was asked for and did not come about; None: nothing proves one.

    The kernel's log names the directory that an overlay's mount did not find; ``folder`` is the one
    of the container's snapshot. The evidence comes back with what is known of the error.
    """
    line = _mount_error(evidence, folder)
    if line is not None:
        said = f"the mount of its root file system failed: {line}"
        return BugClass.SNAPSHOT_OVERLAY, replace(evidence, error=said)
    return None


def _mount_error(evidence: Evidence, folder: str | None) -> str | None:
    if not folder:
        return None
    named = (f"'{folder}/", f"{folder}'")
    found = (line for line in mount_errors(evidence) if any(name in line for name in named))
    return next(found, None)


def mount_errors(evidence: Evidence) -> tuple[str, ...]:
    """What the kernel logged of overlays that could not be mounted, whosesoever they were."""
    lines = evidence.kernel_log or ()
    return tuple(line for line in lines if line.startswith("overlayfs: failed to"))
