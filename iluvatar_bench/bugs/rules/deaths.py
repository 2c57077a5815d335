"""Rules for a process that ended: who ended it. Pure.

Each names the facts for and against; two causes that fit the same death alike object to each
other, so that neither is proven.
"""

from __future__ import annotations

import math
import re

from iluvatar_bench.bugs.evidence import Evidence, KillFact, Target
from iluvatar_bench.bugs.rules.suspicion import Suspicion, ruled_out, suspicion
from iluvatar_bench.bugs.taxonomy import BugClass, Mechanism

SIGNALLED = 128
"""Exit statuses above this are death by signal (shells' and containerd's convention)."""

KILLED_STATUS = SIGNALLED + 9
"""Death by SIGKILL, as containerd reports it."""

LATE_SECONDS = 0.5
"""How long after the answer to a Kill an exit may still be its doing: the time of an exit is that
of the shim's reaping, which comes late on a busy host (1 to 30 ms seen as a rule). No exit is the
doing of a Kill that had not begun: both times are of one clock."""

_KILLABLE = frozenset({BugClass.PROCESS_DIED, BugClass.SILENT_STARTUP, BugClass.CREATE_REJECTED})
_DEATHS = frozenset({BugClass.PROCESS_DIED, BugClass.SILENT_STARTUP})


def collateral_kill(symptom: BugClass, evidence: Evidence) -> Suspicion | None:
    """A neighbour's Kill(all) in the same cgroup, or in one above it."""
    if symptom not in _KILLABLE:
        return None
    found = fitting_kills(evidence)
    if not found:
        return ruled_out(Mechanism.COLLATERAL_KILL, *_no_fitting_kill(evidence))
    kill = found[-1]
    objections = _own_kills_before(evidence) + _oom_objection(evidence)
    supports = [
        f"Kill(all) of {kill.container_id} in {_which_cgroup(kill, evidence)} began "
        f"{_when(kill, evidence)}"
    ]
    if not objections:
        supports.append("this container had not been killed by this client before")
    return suspicion(Mechanism.COLLATERAL_KILL, supports, objections)


def _which_cgroup(kill: KillFact, evidence: Evidence) -> str:
    """A cgroup above the container's is said to be one; any other is the container's own."""
    above = evidence.cgroup is not None and evidence.cgroup.startswith(f"{kill.cgroup}/")
    return f"the cgroup {kill.cgroup} above its own" if above else f"the same cgroup {kill.cgroup}"


def own_kill(symptom: BugClass, evidence: Evidence) -> Suspicion | None:
    """This client's own Kill of this container, or its own signal to the process."""
    if symptom not in _DEATHS:
        return None
    fitting = [
        kill
        for kill in _in_time(_own(evidence, Target.PROCESS), evidence)
        if evidence.exit_status == SIGNALLED + kill.signal
    ]
    if not fitting:
        said = "no Kill of this container, or signal of ours to it, fits the exit's time and status"
        return ruled_out(Mechanism.OWN_KILL, said) if evidence.exited_at is not None else None
    kill = fitting[-1]
    how = "Tasks.Kill" if kill.pid is None else f"a signal from outside to process {kill.pid}"
    supports = [f"this client's own {how} (signal {kill.signal}) began {_when(kill, evidence)}"]
    objections = _oom_objection(evidence)
    if fitting_kills(evidence):
        objections.append("a neighbour's Kill(all) in the same cgroup fits this moment as well")
    if kill.pid is not None and evidence.pid is not None and kill.pid != evidence.pid:
        objections.append(f"the container's process is {evidence.pid}")
    return suspicion(Mechanism.OWN_KILL, supports, objections)


def oom(symptom: BugClass, evidence: Evidence) -> Suspicion | None:
    """The kernel, at the memory limit."""
    if symptom is BugClass.DAEMON_UNAVAILABLE:
        return None
    supports = []
    if evidence.oom_kills is not None and evidence.oom_kills > 0:
        supports.append(f"the cgroup's oom_kill counter rose by {evidence.oom_kills}")
    supports += [
        f"the kernel says: {line}"
        for line in evidence.kernel_log or ()
        if _OOM_LINE.search(line) and _names_victim(line, evidence)
    ]
    if not supports:
        said = ["the cgroup's oom_kill counter did not rise"] if evidence.oom_kills == 0 else []
        return ruled_out(Mechanism.OOM, *said)
    objections = []
    if evidence.exit_status == KILLED_STATUS:
        supports.append("exit status 137 (SIGKILL)")
    elif evidence.exit_status is not None:
        objections.append(f"it ended with status {evidence.exit_status}, not by SIGKILL")
    elif symptom is not BugClass.OOM_KILLED:
        objections.append("how the process ended is not known")
    if fitting_kills(evidence):
        # A shared cgroup has one counter for all.
        objections.append("a neighbour's Kill(all) fell into the same moment")
    if _in_time(_own(evidence, Target.PROCESS), evidence):
        objections.append("this client's own Kill fell into the same moment")
    return suspicion(Mechanism.OOM, supports, objections)


_OOM_LINE = re.compile(r"oom-kill:|[Oo]ut of memory: Killed process")


def _names_victim(line: str, evidence: Evidence) -> bool:
    """Whether it is this container's process that the line says was killed."""
    named = evidence.pid is not None and re.search(
        rf"(?:pid=|Killed process ){evidence.pid}\b", line
    )
    return bool(named) or bool(
        evidence.cgroup and re.search(rf"task_memcg={re.escape(evidence.cgroup)}(?:,|/|$)", line)
    )


def shim_death(symptom: BugClass, evidence: Evidence) -> Suspicion | None:
    """The shim is gone; containerd then ends the container that it served."""
    if symptom is not BugClass.SHIM_LOST and symptom not in _DEATHS:
        return None
    if evidence.shim_alive is not False:
        said = ["the container's shim is alive"] if evidence.shim_alive else []
        return ruled_out(Mechanism.SHIM_DEATH, *said)
    if symptom in _DEATHS and evidence.exit_status not in (KILLED_STATUS, 255):
        return None
    number = "" if evidence.shim_pid is None else f" {evidence.shim_pid}"
    signals = _own(evidence, Target.SHIM)
    if signals:
        supports = [
            f"the container's shim{number} is gone",
            f"this client itself sent it signal {signals[-1].signal}",
        ]
    else:
        supports = [f"the container's shim{number} is gone, and this client ended none"]
    objections = []
    if fitting_kills(evidence):
        objections.append("a neighbour's Kill(all) in the same cgroup fits this moment as well")
    if _in_time(_own(evidence, Target.PROCESS), evidence):
        objections.append("this client's own Kill fits this moment as well")
    return suspicion(Mechanism.SHIM_DEATH, supports, objections)


def signalled_by_us(evidence: Evidence) -> bool:
    """Whether a Kill of ours, be it of this container or of a neighbour, fits the exit's time.

    A process may answer a signal by ending with a status of its own.
    """
    neighbours = [kill for kill in evidence.neighbour_kills if kill.all_processes]
    return bool(_in_time([*_own(evidence, Target.PROCESS), *neighbours], evidence))


def _own(evidence: Evidence, target: Target) -> list[KillFact]:
    return [kill for kill in evidence.own_kills if kill.target == target]


def _own_kills_before(evidence: Evidence) -> list[str]:
    exited_at = evidence.exited_at
    if exited_at is None:
        return []
    begun = [k for k in _own(evidence, Target.PROCESS) if k.started_at <= exited_at]
    return ["this client had begun to kill the container itself before that"] if begun else []


def _oom_objection(evidence: Evidence) -> list[str]:
    rose = evidence.oom_kills is not None and evidence.oom_kills > 0
    if rose and evidence.exit_status == KILLED_STATUS:
        return [f"the cgroup's oom_kill counter rose by {evidence.oom_kills} as well"]
    return []


def _in_time(kills: list[KillFact], evidence: Evidence) -> list[KillFact]:
    """Those that the exit can be the doing of, earliest first."""
    exited_at = evidence.exited_at
    if exited_at is None:
        return []
    fitting = [
        kill
        for kill in kills
        if kill.started_at <= exited_at
        and (kill.ended_at is None or exited_at <= kill.ended_at + LATE_SECONDS)
    ]
    return sorted(fitting, key=lambda kill: (kill.started_at, kill.container_id))


def fitting_kills(evidence: Evidence) -> list[KillFact]:
    """Neighbours' Kill(all) requests that can have done it, by time and status, earliest first."""
    kills = [k for k in evidence.neighbour_kills if k.all_processes and k.target is Target.PROCESS]
    if evidence.exited_at is not None:
        return _in_time(kills, evidence) if evidence.exit_status == KILLED_STATUS else []
    started_at, ended_at = evidence.step_started_at, evidence.step_ended_at
    if started_at is None or ended_at is None:
        return []
    # The process never had an exit of its own to report: it was hit, or frozen, inside the
    # step. That needs the error to say so, or a coincidence would be taken for the cause.
    if not _HIT_FROM_OUTSIDE.search(evidence.error):
        return []
    fitting = [
        kill
        for kill in kills
        if kill.started_at <= ended_at and (kill.ended_at is None or kill.ended_at >= started_at)
    ]
    return sorted(fitting, key=lambda kill: (kill.started_at, kill.container_id))


def _no_fitting_kill(evidence: Evidence) -> list[str]:
    """Why no neighbour's Kill(all) can have done it, where that is known."""
    status = evidence.exit_status
    if evidence.exited_at is not None and status not in (None, KILLED_STATUS):
        return [f"the process ended with status {status}, not by SIGKILL ({KILLED_STATUS})"]
    if evidence.exited_at is not None:
        return ["no Kill(all) of another container in the same cgroup fits the exit's time"]
    if evidence.step_started_at is not None and evidence.step_ended_at is not None:
        return ["no Kill(all) of another container in the same cgroup can be tied to this failure"]
    return []


def _when(kill: KillFact, evidence: Evidence) -> str:
    if evidence.exited_at is None:
        hit = _HIT_FROM_OUTSIDE.search(evidence.error)
        said = hit.group() if hit else ""
        return f"while {evidence.step} was under way, whose error says {said!r}"
    when = (
        f"{_milliseconds(evidence.exited_at - kill.started_at)} before this exit with status "
        f"{evidence.exit_status}"
    )
    if kill.ended_at is not None and kill.ended_at < evidence.exited_at:
        late = _milliseconds(evidence.exited_at - kill.ended_at)
        when += f", and was answered {late} before it"
    return when


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if math.isfinite(seconds) else "an unknown time"


_HIT_FROM_OUTSIDE = re.compile(
    # A new process that joined a cgroup which a neighbour's Kill had frozen.
    r"unexpectedly frozen|in the paused state|from stopped to paused"
    # The init was gone when it was to be looked at, or started.
    r"|getting pipe fds for pid \d{1,10}: readlink"
    r"|cannot start a stopped process|that has stopped|already dead|already running"
    # runc 1.0 and 1.1, when the init that it has just forked goes away without a word: the end
    # of the pipe, or an error that wraps no error.
    r"|\bEOF\b|init-p: (?:broken pipe|connection reset)|%!w\(<nil>\)|signal: killed"
)
