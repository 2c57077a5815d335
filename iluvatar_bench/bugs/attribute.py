"""From evidence to mechanism. Pure: the same facts always give the same verdict.

Rules are tried in order; each names the facts it rests on and those against it. Where no rule
stands it is ``unknown``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from iluvatar_bench.bugs.evidence import Evidence
from iluvatar_bench.bugs.rules import (
    deaths,
    files,
    outsiders,
    own_cgroup,
    processor_time,
    whole_cgroups,
)
from iluvatar_bench.bugs.rules.coincidence import LARGEST_SHARE
from iluvatar_bench.bugs.rules.suspicion import Suspicion, ruled_out, suspicion
from iluvatar_bench.bugs.taxonomy import BugClass, Mechanism

RULES_VERSION = 11
"""Which rules judged a failure; stored with its evidence. Raise it with every change of a verdict.

History:

0. Not stored: the rules of the time before they were numbered.
1. The rules as of schema version 3.
2. A silent start whose output found no room on its disk is ``disk_full``.
3. A request whose lease does not exist any more is ``lease_gone``; a Kill(all) in a cgroup above
   the container's own counts as one in its own; devices that cannot be denied to a cgroup with
   others below it are ``cgroup_occupied``.
4. The kernel's witness names who sent a signal. Without it a neighbour's Kill is the cause only
   where such Kills cover little of the time, and an OOM kill in a shared cgroup is nobody's.
5. A cgroup that cannot be set up is ``cgroup_setup``, unless a neighbour had taken it away or was
   in it: then the create was rejected.
6. A unit of systemd's that there is already is ``cgroup_occupied``. A file of a controller that the
   cgroup above does not give is ``controller_missing``, no ``cgroup_removed``; a program that
   cannot be attached to a cgroup that is not there is the latter. A process that was never in its
   cgroup is ``cgroup_not_joined``.
7. The restart monitor takes paused tasks as well (``restart_race``). A pause that is refused
   because the cgroup was thawed meanwhile is ``neighbour_paused``.
8. Silence of the kernel's record rules ``collateral_kill`` out only where the PID is known: of what
   died inside Tasks.Create it may not be.
9. A snapshot that could not be made because a layer below it had been collected is
   ``parent_collected``, no ``snapshot_collected``.
10. A silent start whose process was ready to run for most of it, and had no processor, is
   ``cpu_starved``, or by its own limit ``cpu_throttled``. A runtime's own word that it met a frozen
   cgroup, in a step that a neighbour's pause reached into, is ``neighbour_paused``. An init that
   was ended before it was started, in a scope that others share, is ``unit_stopped``.
11. A program that cannot be attached to a shared cgroup, or taken from it, because it is not there
   is ``cgroup_occupied`` where the cgroup was there throughout, no ``cgroup_removed``; so is a
   cgroup of version 2 that is below one with processes. A task whose folder is there already is
   a ``restart_race`` where the restart monitor was asked to keep it running. An exit within a
   second of a Kill of its own container, with a status of its own, is no proof of ``own_error``.
   A start that fails with I/O errors on a snapshot that was collected is ``snapshot_collected``,
   merely consistent.
"""


@dataclass(frozen=True, slots=True)
class Attribution:
    """The verdict on one failure.

    ``bug_class`` differs from the symptom where the evidence shows that the text misleads: a
    missing module that the intact image never had is the function's own start-up error.
    ``proven`` is False where the facts are merely consistent with the mechanism: they rest on times
    that a coincidence would fit as well. ``considered`` are all mechanisms that something speaks
    for, this one among them; ``ruled_out`` those that the evidence speaks against, and nothing for.
    """

    bug_class: BugClass
    mechanism: Mechanism
    facts: tuple[str, ...]
    proven: bool = False
    considered: tuple[Suspicion, ...] = ()
    ruled_out: tuple[Suspicion, ...] = ()


def attribute(
    symptom: BugClass, evidence: Evidence, *, largest_share: float = LARGEST_SHARE
) -> Attribution:
    """The mechanism behind a failure of class ``symptom``, and the class it finally belongs to.

    Without the kernel's record a neighbour's Kill is taken for the cause only where such Kills
    cover at most ``largest_share`` of the time.

    Never raises: missing or contradictory evidence gives ``unknown``.
    """
    rules = _rules(largest_share)
    suspicions = [found for rule in rules if (found := rule(symptom, evidence)) is not None]
    considered = tuple(found for found in suspicions if found.supports)
    against = tuple(found for found in suspicions if not found.supports)
    for found in considered:
        if found.stands:
            mechanism = found.mechanism
            final = _final_class(symptom, mechanism, evidence)
            return Attribution(final, mechanism, found.supports, found.proven, considered, against)
    return Attribution(symptom, Mechanism.UNKNOWN, (), considered=considered, ruled_out=against)


def _final_class(symptom: BugClass, mechanism: Mechanism, evidence: Evidence) -> BugClass:
    if mechanism is Mechanism.OWN_ERROR and symptom is BugClass.MISSING_PACKAGES:
        invoked = evidence.step == "invoke"
        return BugClass.INVOKE_FAILED if invoked else BugClass.STARTUP_ERROR
    if mechanism is Mechanism.NEIGHBOUR_PAUSED:
        return BugClass.FROZEN
    if mechanism is Mechanism.NEIGHBOUR_UPDATED:
        return BugClass.RESOURCES_CHANGED
    if mechanism is Mechanism.OOM:
        return BugClass.OOM_KILLED
    if mechanism is Mechanism.SHIM_DEATH:
        return BugClass.SHIM_LOST
    by_neighbour = mechanism in (Mechanism.CGROUP_REMOVED, Mechanism.CGROUP_OCCUPIED)
    if symptom is BugClass.CGROUP_SETUP and by_neighbour:
        return BugClass.CREATE_REJECTED
    if mechanism is Mechanism.CGROUP_NOT_JOINED and evidence.step in own_cgroup.ENDING:
        return symptom if symptom is BugClass.DEADLINE else BugClass.REMOVAL_FAILED
    return symptom


def _daemon_restart(symptom: BugClass, evidence: Evidence) -> Suspicion | None:
    """Requests failed because containerd itself was not there, or not the same any more."""
    if symptom not in (BugClass.DAEMON_UNAVAILABLE, BugClass.DEADLINE, BugClass.SHIM_LOST):
        return None
    supports = []
    before, now = evidence.daemon_before, evidence.daemon_now
    if before is not None and now is not None and before != now:
        supports.append(
            f"containerd was process {before.pid} when the container was made, "
            f"and is process {now.pid}, begun {now.started_at - before.started_at:.1f} s after it"
        )
    if evidence.daemon_reachable is False:
        supports.append("nobody answers at containerd's socket any more")
    if not supports and before is not None and before == now:
        return ruled_out(Mechanism.DAEMON_RESTART, f"containerd was process {now.pid} throughout")
    # A connection to a shim breaks with the daemon as it does with the shim.
    shim_gone = symptom is BugClass.SHIM_LOST and evidence.shim_alive is not True
    objections = ["the container's shim is not known to live"] if shim_gone else []
    return suspicion(Mechanism.DAEMON_RESTART, supports, objections)


def _rules(
    largest_share: float,
) -> tuple[Callable[[BugClass, Evidence], Suspicion | None], ...]:
    return (
        _daemon_restart,
        whole_cgroups.neighbour_updated,
        whole_cgroups.neighbour_paused,
        outsiders.restart_race,
        deaths.oom,
        partial(deaths.collateral_kill, largest_share=largest_share),
        deaths.own_kill,
        deaths.shim_death,
        outsiders.unit_stopped,
        outsiders.restart_monitor,
        outsiders.foreign_kill,
        files.snapshot_collected,
        files.parent_collected,
        files.no_room_for_output,
        processor_time.throttled,
        processor_time.starved,
        own_cgroup.occupied,
        own_cgroup.not_joined,
        own_cgroup.controller_missing,
        own_cgroup.removed,
        own_cgroup.program_replaced,
        own_cgroup.program_gone,
        files.by_text,
        files.own_error,
    )
