"""Kills and exits that fall together, and how much that says. Pure.

A neighbour's Kill can have ended a process that ended while it was under way, or so soon after its
answer as the shim takes to reap. Where such windows cover much of the time, anybody's kill falls
into one: the share of the time that they cover is the chance of that.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from iluvatar_bench.bugs.evidence import Evidence, KillFact, Target

SIGNALLED = 128
"""Exit statuses above this are death by signal (shells' and containerd's convention)."""

KILLED_STATUS = SIGNALLED + 9
"""Death by SIGKILL, as containerd reports it."""

USUAL_REAPING_SECONDS = 0.03
"""How long after the answer to a Kill an exit may still be its doing, where that was not measured:
the time of an exit is that of the shim's reaping, which comes late on a busy host (1 to 30 ms seen
as a rule). No exit is the doing of a Kill that had not begun: both times are of one clock."""

LONGEST_REAPING_SECONDS = 0.5
"""Measured or not, what comes later than this is not taken for the doing of a Kill."""

SURELY_OVER_SECONDS = 1.0
"""So long after its answer a Kill of the container itself may yet have been what it ended for with
a status of its own: nothing is put down to the function alone before. Of 291 exits whose signal the
kernel recorded, at a load of 10 to 13 on 2 processors, the latest came 0.36 s after the answer."""

LARGEST_SHARE = 0.05
"""Where Kills cover more of the time than this, that an exit falls into one says too little."""

_KNOWN_BEFORE_SECONDS = 2.0
"""How far before the failed step runs kept neighbours' Kills before they said how far."""


def late_seconds(evidence: Evidence) -> float:
    """How long after the answer to a Kill an exit may be its doing."""
    measured = evidence.reaping_seconds
    return min(USUAL_REAPING_SECONDS if measured is None else measured, LONGEST_REAPING_SECONDS)


def kills_in_time(
    kills: Iterable[KillFact], evidence: Evidence, *, late: float | None = None
) -> list[KillFact]:
    """Those that the exit can be the doing of, earliest first; ``late``: so long after the answer,
    by default what the evidence says of this host's reaping."""
    exited_at = evidence.exited_at
    if exited_at is None:
        return []
    late = late_seconds(evidence) if late is None else late
    fitting = [
        kill
        for kill in kills
        if kill.started_at <= exited_at
        and (kill.ended_at is None or exited_at <= kill.ended_at + late)
    ]
    return _ordered(fitting)


def neighbours_kills(evidence: Evidence) -> list[KillFact]:
    """Neighbours' Kill(all) requests, with the signal that the exit status tells."""
    kills = [k for k in evidence.neighbour_kills if k.all_processes and k.target is Target.PROCESS]
    status = evidence.exit_status
    if evidence.exited_at is None or status is None:
        return kills
    return [kill for kill in kills if status == SIGNALLED + kill.signal]


def fitting_kills(evidence: Evidence) -> list[KillFact]:
    """Neighbours' Kill(all) requests that can have done it, by time and status, earliest first."""
    kills = neighbours_kills(evidence)
    if evidence.exited_at is not None:
        known = evidence.exit_status is not None
        return kills_in_time(kills, evidence) if known else []
    started_at, ended_at = evidence.step_started_at, evidence.step_ended_at
    if started_at is None or ended_at is None:
        return []
    # The process never had an exit of its own to report: it was hit, or frozen, inside the
    # step. That needs the error to say so, or a coincidence would be taken for the cause.
    if not HIT_FROM_OUTSIDE.search(evidence.error):
        return []
    fitting = [
        kill
        for kill in kills
        if kill.started_at <= ended_at and (kill.ended_at is None or kill.ended_at >= started_at)
    ]
    return _ordered(fitting)


def kill_share(evidence: Evidence) -> float | None:
    """The share of the time before the end in which an exit would have fallen to a neighbour.

    None: from when on neighbours' Kills are known is not, so nobody can say.
    """
    until = evidence.exited_at if evidence.exited_at is not None else evidence.step_ended_at
    since = evidence.kills_known_since
    if since is None and evidence.step_started_at is not None:
        since = evidence.step_started_at - _KNOWN_BEFORE_SECONDS
    if since is None or until is None or not since < until:
        return None
    return covered_share(
        neighbours_kills(evidence), since=since, until=until, late_seconds=late_seconds(evidence)
    )


def covered_share(
    kills: Sequence[KillFact], *, since: float, until: float, late_seconds: float
) -> float:
    """The share, 0 to 1, of the time from ``since`` to ``until`` that the kills' windows cover.

    A window begins with the request and ends ``late_seconds`` after its answer; one that has no
    answer lasts. Windows that overlap count once.
    """
    covered, reached = 0.0, since
    for kill in _ordered(kills):
        end = until if kill.ended_at is None else min(kill.ended_at + late_seconds, until)
        begin = max(kill.started_at, reached)
        if end > begin:
            covered += end - begin
            reached = end
    return min(covered / (until - since), 1.0)


def _ordered(kills: Iterable[KillFact]) -> list[KillFact]:
    return sorted(kills, key=lambda kill: (kill.started_at, kill.container_id))


FROZEN = re.compile(
    # A new process that joined a cgroup which a neighbour's Kill had frozen.
    r"unexpectedly frozen|in the paused state|from stopped to paused"
)

HIT_FROM_OUTSIDE = re.compile(
    FROZEN.pattern
    # The init was gone when it was to be looked at, or started.
    + r"|getting pipe fds for pid \d{1,10}: readlink"
    r"|cannot start a stopped process|that has stopped|already dead|already running"
    # runc 1.0 and 1.1, when the init that it has just forked goes away without a word: the end
    # of the pipe, or an error that wraps no error.
    r"|\bEOF\b|init-p: (?:broken pipe|connection reset)|%!w\(<nil>\)|signal: killed"
)
