"""From an unsafe cell to what it can become, the rule that is broken, and the change. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from iluvatar_bench.bugs.taxonomy import BugClass
from iluvatar_bench.clients.check.outcome import ClientOutcome, Fault


@dataclass(frozen=True, slots=True)
class Advice:
    """What to do about a cell. ``bug_class`` may name two, joined by `` or ``."""

    bug_class: str
    rule: str
    remedy: str


_HELD = "what a container needs is held from its making on, until the container is gone"
_TOLD = "an error of containerd is an error of the client"
_REMOVED = "what was begun is removed, also after an error or a lost answer"
_BOUNDED = "every wait for containerd has an end"

_HOLD_SNAPSHOT = (
    "Snapshots.Prepare under a lease (header containerd-lease), then Containers.Create with "
    "snapshotter and snapshot_key, and only then Leases.Delete"
)
_HOLD_CONTENT = (
    "Content.Write, Snapshots.Prepare and Commit under one lease; label the manifest "
    "containerd.io/gc.ref.content.*, the config containerd.io/gc.ref.snapshot.<snapshotter>; "
    "Images.Create; and only then Leases.Delete"
)


def advice_for(
    fault: Fault, outcome: ClientOutcome, call: str, *, lost: str = "", kinds: tuple[str, ...] = ()
) -> Advice | None:
    """What speaks against the client in a cell; None for one that does not.

    ``lost`` says of what was lost: ``mounted``, ``unmounted``, ``content`` or ``process``;
    ``kinds`` are those of what was left.
    """
    match outcome:
        case ClientOutcome.LOST:
            return _lost(lost)
        case ClientOutcome.HUNG:
            return Advice(
                BugClass.DEADLINE,
                _BOUNDED,
                f"give {call} a deadline; where it or a stream breaks, ask for the state again "
                "(Tasks.Get) and wait anew",
            )
        case ClientOutcome.WRONG:
            return Advice(
                BugClass.SILENT_STARTUP, _TOLD, f"end with an error where {call} ends with one"
            )
        case ClientOutcome.LEAKED:
            return _leaked(fault, call, kinds)
        case ClientOutcome.FAILED if fault is Fault.CLIENT_KILLED:
            return Advice(
                BugClass.CREATE_REJECTED,
                _REMOVED,
                "take a fresh name and snapshot key for each container, or remove what has the "
                "name before it is made",
            )
        case ClientOutcome.FAILED:
            return Advice(
                BugClass.UNCLASSIFIED,
                "a collection, a neighbour's end and a slow answer are no errors",
                f"find out why {call} fails: its words are above",
            )
    return None


def _lost(lost: str) -> Advice:
    match lost:
        case "mounted":
            return Advice(BugClass.MISSING_PACKAGES, _HELD, _HOLD_SNAPSHOT)
        case "content":
            return Advice(BugClass.IMAGE, _HELD, _HOLD_CONTENT)
        case "process":
            return Advice(
                f"{BugClass.PROCESS_DIED} or {BugClass.SILENT_STARTUP}",
                "each container has a cgroup of its own",
                "in the spec of Containers.Create: linux.cgroupsPath of its own, as in "
                "/<namespace>/<container id>; Tasks.Kill without all",
            )
    return Advice(
        f"{BugClass.SNAPSHOT_OVERLAY} or {BugClass.SNAPSHOT_NOT_FOUND}", _HELD, _HOLD_SNAPSHOT
    )


_REMOVALS = {
    "task": "Tasks.Kill, the Wait, Tasks.Delete",
    "snapshot": "Snapshots.Remove",
    "record": "Containers.Delete",
    "lease": "Leases.Delete",
    "image": "Images.Delete",
}


def _leaked(fault: Fault, call: str, kinds: tuple[str, ...]) -> Advice:
    removals = ", ".join(text for kind, text in _REMOVALS.items() if kind in kinds)
    removals = removals or "the removal of what it made"
    if fault is Fault.CLIENT_KILLED:
        return Advice(
            BugClass.CREATE_REJECTED,
            "what outlives its client is found by the next one",
            "make leases with containerd.io/gc.expire, label each record as the client's own, "
            f"and at its start look for those that nobody owns: {removals}",
        )
    when = f"an error of {call}"
    if fault in (Fault.DAEMON_RESTART, Fault.PAUSE):
        # The call that failed may be another one, under way at the same time.
        when = f"an error of {call}, or of what is under way then"
    return Advice(
        BugClass.CREATE_REJECTED,
        _REMOVED,
        f"after {when}: {removals}; NotFound means that it was never there",
    )
