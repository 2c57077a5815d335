"""Rules for a cgroup that is taken, was never joined, lacks a controller, or went away. Pure."""

from __future__ import annotations

import re

from iluvatar_bench.bugs.evidence import Evidence
from iluvatar_bench.bugs.rules.suspicion import Suspicion, ruled_out, suspicion
from iluvatar_bench.bugs.taxonomy import BugClass, Mechanism

_OCCUPIED = re.compile(
    # EINVAL is the kernel's answer to "a" in version 1's devices.deny where the cgroup has others
    # below it (Linux, security/device_cgroup.c, devcgroup_update_access).
    r"container's cgroup is not empty|/devices\.(?:deny|allow): invalid argument"
    # Of version 2: runc makes a cgroup below one that has processes a threaded one, or refuses it
    # if a limit is asked for (1.1.5, libcontainer/cgroups/fs2/create.go), and nobody can read which
    # processes are in a threaded one (Linux, kernel/cgroup/cgroup.c, __cgroup_procs_start).
    r"|/cgroup\.procs: operation not supported|cannot enter cgroupv2 \S{1,300} with domain"
    # systemd, src/core/dbus-manager.c: the unit of another container, or one that was left behind.
    r"|unit \S{1,300} (?:was already loaded or has a fragment file|already exists)"
)
_UNIT_GONE = re.compile(r"\bunit \S{1,300}\.scope not found")
"""What crun says of a scope that it was to share."""
_UNIT_CANCELED = re.compile(r"error creating systemd unit \S{1,300}: got \W?canceled")
"""What runc says where another one that failed in the same scope had it stopped meanwhile."""

_FILE_GONE = re.compile(r"/sys/fs/cgroup/\S{1,1000}: no such (?:device|file or directory)")
"""ENODEV is the kernel's answer where the cgroup was removed after its file had been opened."""
_PROGRAM_REFUSED = re.compile(r"bpf_prog_(?:attach|detach)[^\n]{1,200}: no such file or directory")
"""The kernel's answer for the directory of a cgroup that was removed after it had been opened
(Linux, kernel/cgroup/cgroup.c, css_tryget_online_from_dir), and in one that is there for a program
that is to be replaced or taken away and is not attached any more (kernel/bpf/cgroup.c,
find_attach_entry, find_detach_entry). A runtime sets a container's devices by such a program, which
takes the place of the one that it found; of two that do so in one cgroup the second finds none."""

_FILE_OF_CONTROLLER = re.compile(
    r"(?:^|[/`\"' ])"
    r"(?P<file>(?P<controller>cpuset|cpu|memory|io|pids|hugetlb|rdma|misc)\.[\w.]{2,40})"
    r"[`\"']?: no such file or directory"
)
_CONTROLLER_REFUSED = re.compile(
    r"cgroup controller [`\"'](?P<controller>\w{2,20})[`\"'] is not available"
    r"|controller [`\"'](?P<under>\w{2,20})[`\"'] is not available under"
)
"""crun, src/libcrun/cgroup-resources.c (check_cgroup_v2_controller_available_wrapper)."""

_OF_THE_CGROUP = frozenset(
    {BugClass.DEADLINE, BugClass.REMOVAL_FAILED, BugClass.CGROUP_SETUP, BugClass.UNCLASSIFIED}
)
"""What a process outside of its cgroup can bring about: whatever is done by the cgroup fails."""

ENDING = frozenset({"kill", "delete"})
"""The steps in which a runtime reaches the process by its cgroup."""


def occupied(symptom: BugClass, evidence: Evidence) -> Suspicion | None:
    """Another container has the cgroup, or the unit of systemd's that makes it."""
    said = _said(evidence)
    if found := _OCCUPIED.search(said):
        return suspicion(Mechanism.CGROUP_OCCUPIED, [f"the error says {found.group()!r}"])
    found = _UNIT_GONE.search(said) or _UNIT_CANCELED.search(said)
    if evidence.cgroup_shared and found:
        supports = [
            f"the error says {found.group()!r}",
            "the cgroup is shared: the unit was to take more than one container",
        ]
        return suspicion(Mechanism.CGROUP_OCCUPIED, supports)
    return None


def not_joined(symptom: BugClass, evidence: Evidence) -> Suspicion | None:
    """The process was in another cgroup than its own: Kill(all) and the limits miss it.

    runc up to 1.1.5 takes systemd's answer that the unit exists for a success
    (opencontainers/runc#3780).
    """
    if symptom not in _OF_THE_CGROUP:
        return None
    if evidence.cgroup_joined is not False:
        joined = ["once its task was made, the process was in its cgroup"]
        return ruled_out(Mechanism.CGROUP_NOT_JOINED, *(joined if evidence.cgroup_joined else []))
    where = evidence.cgroup_of_process or "the root cgroup"
    supports = [f"once its task was made, the process was in {where}, not in {evidence.cgroup}"]
    tied = evidence.step in ENDING or _FILE_GONE.search(_said(evidence)) is not None
    objections = [] if tied else ["the failure is not one of ending it, and names no cgroup"]
    return suspicion(Mechanism.CGROUP_NOT_JOINED, supports, objections)


def controller_missing(symptom: BugClass, evidence: Evidence) -> Suspicion | None:
    """A limit needs a controller that the cgroup above does not give.

    Only of version 2, where what is there is known from ``cgroup.subtree_control``.
    """
    said = _said(evidence)
    if found := _CONTROLLER_REFUSED.search(said):
        return suspicion(Mechanism.CONTROLLER_MISSING, [f"the error says {found.group()!r}"])
    found = _FILE_OF_CONTROLLER.search(said)
    given = evidence.controllers_above
    if found is None or given is None:
        return None
    controller = found["controller"]
    if controller in given:
        return ruled_out(
            Mechanism.CONTROLLER_MISSING, f"the cgroup above gives the controller {controller}"
        )
    supports = [
        f"the error says that {found['file']} is not there",
        f"the cgroup above gives {', '.join(given) or 'no controller'}, and not {controller}",
    ]
    return suspicion(Mechanism.CONTROLLER_MISSING, supports)


def removed(symptom: BugClass, evidence: Evidence) -> Suspicion | None:
    """The cgroup went away between its making and its use: a neighbour's end took it along."""
    found = _FILE_GONE.search(_said(evidence))
    if found is None:
        return None
    return suspicion(Mechanism.CGROUP_REMOVED, [f"the error says {found.group()!r}"])


def program_replaced(symptom: BugClass, evidence: Evidence) -> Suspicion | None:
    """The program that sets a cgroup's devices is not there, for another runtime replaced it."""
    found = _PROGRAM_REFUSED.search(_said(evidence))
    stayed = _stayed(evidence)
    if found is None or not evidence.cgroup_shared or stayed is False:
        return None
    supports = [
        f"the error says {found.group()!r}",
        "the cgroup is shared: each runtime replaces the program that sets the devices of all",
    ]
    if stayed:
        supports.append("it is the cgroup that was there before: it was not removed")
        return suspicion(Mechanism.CGROUP_OCCUPIED, supports)
    if not evidence.cgroup_members:
        return None
    supports.append(f"{evidence.cgroup_members} processes are in it")
    return suspicion(Mechanism.CGROUP_OCCUPIED, supports, circumstantial=True)


def program_gone(symptom: BugClass, evidence: Evidence) -> Suspicion | None:
    """The same, for the cgroup went away with its program; the other of the two causes."""
    found = _PROGRAM_REFUSED.search(_said(evidence))
    if found is None:
        return None
    stayed = _stayed(evidence)
    if stayed:
        return ruled_out(
            Mechanism.CGROUP_REMOVED, "the cgroup is the one that was there before: not removed"
        )
    supports = [f"the error says {found.group()!r}"]
    if stayed is False:
        supports.append("the cgroup that was there before is gone")
    # In a cgroup of its own nobody else replaces the program.
    alone = evidence.cgroup_shared is False
    return suspicion(Mechanism.CGROUP_REMOVED, supports, circumstantial=not alone)


def _stayed(evidence: Evidence) -> bool | None:
    """Whether the cgroup is the one of before, by the kernel's number; None: nobody looked then."""
    before = evidence.cgroup_identity_before
    return None if before is None else before == evidence.cgroup_identity


def _said(evidence: Evidence) -> str:
    return f"{evidence.error}\n{evidence.stderr_tail}".lower()
