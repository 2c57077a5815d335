"""Rules for what a process could not find, and for what is its own fault. Pure."""

from __future__ import annotations

import re

from iluvatar_bench.bugs.evidence import Evidence, FileKind, FileVerdict, MissingFact
from iluvatar_bench.bugs.rules.coincidence import SIGNALLED
from iluvatar_bench.bugs.rules.deaths import signalled_from_outside
from iluvatar_bench.bugs.rules.senders import Sender, decided_by, told
from iluvatar_bench.bugs.rules.suspicion import Suspicion, ruled_out, suspicion
from iluvatar_bench.bugs.taxonomy import BugClass, Mechanism

_FILE_CLASSES = frozenset(
    {
        BugClass.SNAPSHOT_OVERLAY,
        BugClass.SNAPSHOT_NOT_FOUND,
        BugClass.MISSING_PACKAGES,
        BugClass.CREATE_REJECTED,
        BugClass.STARTUP_ERROR,
    }
)
"""Failures that a root file system without its files explains by itself."""

_OF_FILES: dict[BugClass, re.Pattern[str]] = {
    BugClass.CREATE_REJECTED: re.compile(
        r"rootfs|/snapshots/\d|executable file not found|exec: \S+ stat |chdir to cwd"
    ),
    BugClass.STARTUP_ERROR: re.compile(
        r"(?i)no such file or directory|no module named|cannot import name|not found"
    ),
}
"""What an error says that missing files explain. A snapshot that was collected at the same time is
not the cause of an error that speaks of something else: a cgroup, or a limit."""

_UNREADABLE = re.compile(r"Input/output error")
"""What a process says whose device was replaced by one that fails: devmapper's, as it is removed
under a mount (docs/finding.md). A disk that fails says the same."""

_PROCESS_CLASSES = frozenset(
    {BugClass.PROCESS_DIED, BugClass.SILENT_STARTUP, BugClass.INVOKE_FAILED}
)
"""Failures with many causes: it takes a lost file to tie them to the snapshot."""


def snapshot_collected(symptom: BugClass, evidence: Evidence) -> Suspicion | None:
    """Containerd's garbage collector took the snapshot, though nobody asked it to."""
    if symptom not in _FILE_CLASSES | _PROCESS_CLASSES:
        return None
    supports = _collection_facts(evidence)
    if not supports:
        return ruled_out(Mechanism.SNAPSHOT_COLLECTED, *_intact(evidence))
    lost = _with(evidence, FileVerdict.LOST, FileVerdict.LATE)
    if symptom in _PROCESS_CLASSES and not lost:
        said = f"{supports[0]}; but no lost file ties this failure to it"
        return ruled_out(Mechanism.SNAPSHOT_COLLECTED, said)
    of_files = symptom not in _OF_FILES or _speaks(_OF_FILES[symptom], symptom, evidence)
    unreadable = symptom is BugClass.STARTUP_ERROR and _speaks(_UNREADABLE, symptom, evidence)
    if not (lost or of_files or unreadable):
        said = f"{supports[0]}; but the error does not speak of missing files"
        return ruled_out(Mechanism.SNAPSHOT_COLLECTED, said)
    supports += [_described(fact) for fact in _with(evidence, FileVerdict.LOST)]
    objections = []
    # A snapshot that is still known was not collected, whatever a directory looks like.
    objections += _still_known(evidence)
    if evidence.snapshot_removed_by_us is None:
        objections.append("whether this client removed the snapshot is not known")
    elif evidence.snapshot_removed_by_us:
        objections.append("this client removed the snapshot itself")
    absent = _all_absent(evidence)
    if absent:
        objections += [_described(fact) for fact in absent]
    return suspicion(
        Mechanism.SNAPSHOT_COLLECTED, supports, objections, circumstantial=not (lost or of_files)
    )


def _speaks(words: re.Pattern[str], symptom: BugClass, evidence: Evidence) -> bool:
    said = evidence.error + (
        f"\n{evidence.stderr_tail}" if symptom is BugClass.STARTUP_ERROR else ""
    )
    return words.search(said) is not None


def _still_known(evidence: Evidence) -> list[str]:
    known = evidence.snapshot_found is True
    return [f"containerd still knows the snapshot {evidence.snapshot_key}"] if known else []


def _intact(evidence: Evidence) -> list[str]:
    there = evidence.upper_exists is True
    upper = f"the mounted upper directory {evidence.upper_directory} exists"
    return [*_still_known(evidence), *([upper] if there else [])]


def _collection_facts(evidence: Evidence) -> list[str]:
    facts = []
    if evidence.snapshot_found is False:
        facts.append(
            f"Snapshots.Stat of {evidence.snapshot_key}: not found, "
            "though this client never removed it"
            if evidence.snapshot_removed_by_us is False
            else f"Snapshots.Stat of {evidence.snapshot_key}: not found"
        )
    if evidence.upper_exists is False:
        facts.append(f"the mounted upper directory {evidence.upper_directory} no longer exists")
    if evidence.missing_lower_directories:
        facts.append(
            f"{len(evidence.missing_lower_directories)} lower directories no longer exist, "
            f"the topmost of them {evidence.missing_lower_directories[0]}"
        )
    # Alone they say that there was no snapshot yet: see :func:`parent_collected`.
    return [*facts, *_lost_parents(evidence)] if facts else []


def _lost_parents(evidence: Evidence) -> list[str]:
    return [
        f"Snapshots.Stat of the committed snapshot {parent.name} below it: not found"
        for parent in evidence.parents or ()
        if parent.found is False
    ]


_PARENT = re.compile(r"parent snapshot \S+ does not exist")


def parent_collected(symptom: BugClass, evidence: Evidence) -> Suspicion | None:
    """It took a layer of the image before a snapshot stood on it, and so held it.

    The words alone do not say whether the layer had ever been unpacked.
    """
    if symptom is not BugClass.SNAPSHOT_NOT_FOUND:
        return None
    lost = _lost_parents(evidence)
    if lost:
        return suspicion(Mechanism.PARENT_COLLECTED, lost)
    said = _PARENT.search(evidence.error)
    if evidence.parents:
        return ruled_out(Mechanism.PARENT_COLLECTED, "every layer below it is there")
    if said is None:
        return None
    return suspicion(
        Mechanism.PARENT_COLLECTED, [f"the error says {said.group()!r}"], circumstantial=True
    )


_OWN_CLASSES = frozenset(
    {
        BugClass.MISSING_PACKAGES,
        BugClass.STARTUP_ERROR,
        BugClass.PROCESS_DIED,
        BugClass.SILENT_STARTUP,
        BugClass.INVOKE_FAILED,
        BugClass.EXEC_FAILED,
    }
)
_NEVER_STARTED = re.compile(r"cannot start a (?:stopped process|container that has stopped)")
_ANSWERED = re.compile(r"\(http_error\): (?:invoke of \S{1,100}: )?HTTP 5\d\d: ")
"""A complete answer of the agent, which holds the function's own exception."""


def own_error(symptom: BugClass, evidence: Evidence) -> Suspicion | None:
    """The function failed by itself, and everything under it was in order."""
    status = evidence.exit_status
    if symptom not in _OWN_CLASSES:
        return None
    decided = decided_by(evidence)
    if decided is not None and decided[1] is Sender.INSIDE:
        return suspicion(Mechanism.OWN_ERROR, [told(decided[0], evidence)])
    supports = []
    if status is not None and status <= SIGNALLED:
        supports.append(f"the process ended by itself with status {status}")
    elif status is None and evidence.step == "invoke" and _ANSWERED.search(evidence.error):
        supports.append("the function answered with an exception")
    absent = _all_absent(evidence)
    if symptom is BugClass.EXEC_FAILED and status is None and absent:
        supports.append("the program of a further process is not there")
    if not supports:
        if status is None or status <= SIGNALLED:
            return None
        return ruled_out(
            Mechanism.OWN_ERROR, f"the process was ended by signal {status - SIGNALLED}"
        )
    objections = [_described(fact) for fact in _with(evidence, FileVerdict.LOST, FileVerdict.LATE)]
    if evidence.step == "start" and _NEVER_STARTED.search(evidence.error):
        objections.append("it ended before it was started: nothing of the function had run")
    signalled = signalled_from_outside(evidence)
    if signalled is not None:
        objections.append(signalled)
    if "address already in use" in evidence.stderr_tail.lower():
        # Nobody's fault that the evidence could name: not the function's, at any rate.
        objections.append("another process listens at the port it was given")
    supports += [_described(fact) for fact in absent]
    if evidence.snapshot_found is True and evidence.upper_exists is not False:
        supports.append(f"its snapshot {evidence.snapshot_key} is intact")
    elif not absent or any(fact.kind is not FileKind.MODULE for fact in absent):
        # What is no module may have been in the writable layer, and gone with it.
        objections.append(
            "whether its snapshot was intact is not known"
            if evidence.snapshot_found is None
            else "its snapshot was not intact"
        )
    return suspicion(Mechanism.OWN_ERROR, supports, objections)


def no_room_for_output(symptom: BugClass, evidence: Evidence) -> Suspicion | None:
    """What the function said found no room, so that it seems to have said nothing."""
    left = evidence.output_free_bytes
    if symptom is not BugClass.SILENT_STARTUP or left is None or left > _LEAST_OUTPUT_BYTES:
        return None
    said = f"the disk that takes what it prints had {left} bytes left"
    return suspicion(Mechanism.DISK_FULL, [said])


_LEAST_OUTPUT_BYTES = 64 * 1024
"""Less than a file system may need for a file's first line: a block, and its own bookkeeping."""


def by_text(symptom: BugClass, evidence: Evidence) -> Suspicion | None:
    """What the error itself proves."""
    said = f"{evidence.error}\n{evidence.stderr_tail}".lower()
    for mechanism, text in _TEXTS.items():
        if found := text.search(said):
            return suspicion(
                mechanism,
                [f"the error says {found.group()!r}"],
                circumstantial=mechanism is Mechanism.CONTENT_COLLECTED,
            )
    return None


_TEXTS = {
    Mechanism.DISK_FULL: re.compile("no space left on device"),
    Mechanism.BRIDGE_FULL: re.compile("exchange full"),
    Mechanism.LEASE_GONE: re.compile("lease does not exist"),
    Mechanism.CONTENT_COLLECTED: re.compile(r"content digest sha256:[0-9a-f]{64}: not found"),
    Mechanism.IPAM_EXHAUSTED: re.compile("no ip addresses available"),
}


def _with(evidence: Evidence, *verdicts: FileVerdict) -> list[MissingFact]:
    return [fact for fact in evidence.missing or () if fact.verdict in verdicts]


def _all_absent(evidence: Evidence) -> list[MissingFact]:
    """The missing files, where the image never had any of them; else none."""
    absent = _with(evidence, FileVerdict.ABSENT_FROM_IMAGE)
    return absent if len(absent) == len(evidence.missing or ()) else []


def _described(fact: MissingFact) -> str:
    what = f"{fact.kind} {fact.name}"
    match fact.verdict:
        case FileVerdict.ABSENT_FROM_IMAGE:
            return f"{what}: the image never had it"
        case FileVerdict.LOST:
            return f"{what}: the image has it at {fact.path_in_image}, the container lost it"
        case FileVerdict.LATE:
            return f"{what}: the container sees it now, though the process missed it"
    return f"{what}: unknown"
