"""Rules for a process that ended: who ended it. Pure.

Where the kernel's record is whole (``senders``) it decides. Without it, Kills that fall together
with the exit are circumstances (``coincidence``); two causes that fit the same death alike object
to each other, so that neither stands.
"""

from __future__ import annotations

import re

from iluvatar_bench.bugs.evidence import Evidence, KillFact, Target
from iluvatar_bench.bugs.rules.coincidence import (
    FROZEN,
    HIT_FROM_OUTSIDE,
    KILLED_STATUS,
    LARGEST_SHARE,
    SIGNALLED,
    SURELY_OVER_SECONDS,
    fitting_kills,
    kill_share,
    kills_in_time,
)
from iluvatar_bench.bugs.rules.senders import (
    Sender,
    asked_to_end,
    decided_by,
    own_kill_behind,
    time_text,
    told,
    witness_sees,
)
from iluvatar_bench.bugs.rules.suspicion import Suspicion, ruled_out, suspicion
from iluvatar_bench.bugs.signals import SignalFact
from iluvatar_bench.bugs.taxonomy import BugClass, Mechanism

KILLABLE = frozenset({BugClass.PROCESS_DIED, BugClass.SILENT_STARTUP, BugClass.CREATE_REJECTED})
_DEATHS = frozenset({BugClass.PROCESS_DIED, BugClass.SILENT_STARTUP})

_NO_SIGNAL = "the kernel recorded no signal that ended it"

_NO_PID = "not decidable: no PID is known of a process that died"


def collateral_kill(
    symptom: BugClass, evidence: Evidence, *, largest_share: float = LARGEST_SHARE
) -> Suspicion | None:
    """A neighbour's Kill(all) in the same cgroup, or in one above it."""
    if symptom not in KILLABLE:
        return None
    if witness_sees(evidence):
        decided = decided_by(evidence)
        if decided is not None:
            return _by_neighbour(*decided, evidence)
        if evidence.pid is not None and not FROZEN.search(evidence.error):
            return ruled_out(Mechanism.COLLATERAL_KILL, _NO_SIGNAL)
    found = fitting_kills(evidence)
    if not found:
        return ruled_out(Mechanism.COLLATERAL_KILL, *_no_fitting_kill(evidence))
    kill = found[-1]
    objections = _own_kills_before(evidence) + _oom_objection(evidence) + _not_decidable(evidence)
    supports = [
        f"Kill(all) of {kill.container_id} in {_which_cgroup(kill, evidence)} began "
        f"{_when(kill, evidence)}"
    ]
    if not objections:
        supports.append("this container had not been killed by this client before")
    if not FROZEN.search(evidence.error):
        said, covers_little = _share(evidence, largest_share)
        (supports if covers_little else objections).append(said)
    return suspicion(Mechanism.COLLATERAL_KILL, supports, objections, circumstantial=True)


def _by_neighbour(fact: SignalFact, sender: Sender, evidence: Evidence) -> Suspicion | None:
    """What the record says of a neighbour, with this client's Kill that its runtime carried out."""
    if sender is not Sender.NEIGHBOUR:
        return ruled_out(Mechanism.COLLATERAL_KILL, told(fact, evidence))
    supports = [told(fact, evidence)]
    for kill in reversed(evidence.neighbour_kills):
        if kill.container_id == fact.sender_container and kill.started_at <= fact.at:
            before = time_text(fact.at - kill.started_at)
            what = "Kill(all)" if kill.all_processes else "Kill"
            supports.append(
                f"this client's {what} of {kill.container_id} in {_which_cgroup(kill, evidence)} "
                f"had begun {before} before that"
            )
            break
    return suspicion(Mechanism.COLLATERAL_KILL, supports)


def _share(evidence: Evidence, largest: float) -> tuple[str, bool]:
    """How much of the time neighbours' Kills cover, in words, and whether that is little."""
    share = kill_share(evidence)
    if share is None:
        return "how much of the time neighbours' Kills cover is not known", False
    said = f"neighbours' Kills cover {100 * share:.1f} % of the time before it"
    if share <= largest:
        return said, True
    return f"{said}, more than {100 * largest:g} %: any kill may have fallen into one", False


def _which_cgroup(kill: KillFact, evidence: Evidence) -> str:
    """A cgroup above the container's is said to be one; any other is the container's own."""
    above = evidence.cgroup is not None and evidence.cgroup.startswith(f"{kill.cgroup}/")
    return f"the cgroup {kill.cgroup} above its own" if above else f"the same cgroup {kill.cgroup}"


def own_kill(symptom: BugClass, evidence: Evidence) -> Suspicion | None:
    """This client's own Kill of this container, or its own signal to the process."""
    if symptom not in _DEATHS:
        return None
    if witness_sees(evidence):
        return _by_us(evidence)
    fitting = [
        kill
        for kill in kills_in_time(_own(evidence, Target.PROCESS), evidence)
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
    return suspicion(Mechanism.OWN_KILL, supports, objections, circumstantial=True)


def _by_us(evidence: Evidence) -> Suspicion | None:
    decided = decided_by(evidence)
    if decided is None:
        return ruled_out(Mechanism.OWN_KILL, _NO_SIGNAL)
    fact, sender = decided
    if sender is Sender.CLIENT:
        return suspicion(Mechanism.OWN_KILL, [told(fact, evidence)])
    if sender is Sender.OWN_RUNTIME and (kill := own_kill_behind(fact, evidence)) is not None:
        asked = f"this client's own Tasks.Kill (signal {kill.signal}) was under way"
        return suspicion(Mechanism.OWN_KILL, [told(fact, evidence), asked])
    return ruled_out(Mechanism.OWN_KILL, told(fact, evidence))


def oom(symptom: BugClass, evidence: Evidence) -> Suspicion | None:
    """The kernel, at the memory limit."""
    if symptom is BugClass.DAEMON_UNAVAILABLE:
        return None
    victims = _victims(evidence) if witness_sees(evidence) else None
    supports, objections = _oom_facts(evidence) if victims is None else (victims, [])
    if not supports:
        return ruled_out(Mechanism.OOM, *_no_victim(evidence))
    if evidence.exit_status == KILLED_STATUS:
        supports.append("exit status 137 (SIGKILL)")
    elif evidence.exit_status is not None:
        objections.append(f"it ended with status {evidence.exit_status}, not by SIGKILL")
    elif symptom is not BugClass.OOM_KILLED:
        objections.append("how the process ended is not known")
    if victims is not None:
        decided = decided_by(evidence)
        if decided is not None and decided[1] is not Sender.KERNEL:
            objections.append(told(decided[0], evidence))
        return suspicion(Mechanism.OOM, supports, objections)
    if fitting_kills(evidence):
        # A shared cgroup has one counter for all.
        objections.append("a neighbour's Kill(all) fell into the same moment")
    if kills_in_time(_own(evidence, Target.PROCESS), evidence):
        objections.append("this client's own Kill fell into the same moment")
    return suspicion(Mechanism.OOM, supports, objections, circumstantial=True)


def _victims(evidence: Evidence) -> list[str]:
    """The kernel's victims that are this container's own, and the counter beside them."""
    own = [
        f"the kernel's record: out of memory, it killed process {victim.pid} ({victim.command}) "
        "of this container"
        for victim in evidence.oom_victims or ()
        if victim.pid == evidence.pid
        or (victim.container_id is not None and victim.container_id == evidence.container_id)
    ]
    return own + (_counter(evidence) if own else [])


def _no_victim(evidence: Evidence) -> list[str]:
    if not witness_sees(evidence):
        return ["the cgroup's oom_kill counter did not rise"] if evidence.oom_kills == 0 else []
    others = [f"{v.pid} ({v.command})" for v in evidence.oom_victims or ()]
    named = f"{', '.join(others)}, none of this container" if others else "nobody"
    return [f"the kernel's record: for want of memory it killed {named}"]


def _oom_facts(evidence: Evidence) -> tuple[list[str], list[str]]:
    """What the counter and the kernel's log say, and that a shared counter names nobody."""
    lines = [line for line in evidence.kernel_log or () if _OOM_LINE.search(line)]
    named = [line for line in lines if _names_process(line, evidence)]
    shared = _shares_cgroup(evidence)
    if not named and not shared:
        named = [line for line in lines if _names_cgroup(line, evidence)]
    supports = _counter(evidence)
    supports += [f"the kernel says: {line}" for line in named]
    objections = []
    if supports and shared and not named:
        objections.append("the cgroup is shared, and nothing says whose process was killed")
    return supports, objections


def _counter(evidence: Evidence) -> list[str]:
    rose = evidence.oom_kills is not None and evidence.oom_kills > 0
    return [f"the cgroup's oom_kill counter rose by {evidence.oom_kills}"] if rose else []


_OOM_LINE = re.compile(r"oom-kill:|[Oo]ut of memory: Killed process")


def _names_process(line: str, evidence: Evidence) -> bool:
    """Whether it is this container's process that the line says was killed."""
    pid = evidence.pid
    return pid is not None and bool(re.search(rf"(?:pid=|Killed process ){pid}\b", line))


def _names_cgroup(line: str, evidence: Evidence) -> bool:
    cgroup = evidence.cgroup
    return bool(cgroup and re.search(rf"task_memcg={re.escape(cgroup)}(?:,|/|$)", line))


def _shares_cgroup(evidence: Evidence) -> bool:
    """Whether others may be in the cgroup: as recorded, or told by its name in older runs."""
    if evidence.cgroup_shared is not None:
        return evidence.cgroup_shared
    return evidence.cgroup is not None and "/shared" in evidence.cgroup


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
    if witness_sees(evidence):
        to_shim = [f for f in evidence.signals or () if f.delivered and f.pid == evidence.shim_pid]
        supports += [told(fact, evidence) for fact in to_shim[:1]]
        decided = decided_by(evidence)
        by_others = decided is not None and decided[1] not in (
            Sender.OWN_RUNTIME,
            Sender.NOT_KNOWN,
        )
        objections = [told(decided[0], evidence)] if decided is not None and by_others else []
        return suspicion(Mechanism.SHIM_DEATH, supports, objections)
    objections = []
    if fitting_kills(evidence):
        objections.append("a neighbour's Kill(all) in the same cgroup fits this moment as well")
    if kills_in_time(_own(evidence, Target.PROCESS), evidence):
        objections.append("this client's own Kill fits this moment as well")
    return suspicion(Mechanism.SHIM_DEATH, supports, objections, circumstantial=True)


def signalled_from_outside(evidence: Evidence) -> str | None:
    """What a process that ended with a status of its own may have answered; None: nothing known."""
    if witness_sees(evidence):
        asked = asked_to_end(evidence)
        return told(asked[-1], evidence) if asked else None
    neighbours = [kill for kill in evidence.neighbour_kills if kill.all_processes]
    own = _own(evidence, Target.PROCESS)
    fell = kills_in_time(neighbours, evidence) or kills_in_time(
        own, evidence, late=SURELY_OVER_SECONDS
    )
    return "a Kill of this client fell into the same moment" if fell else None


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


def _not_decidable(evidence: Evidence) -> list[str]:
    """A record that is whole may be silent because nobody knows whom to look up in it."""
    if not witness_sees(evidence) or FROZEN.search(evidence.error):
        return []
    return [f"{_NO_PID} inside Tasks.Create" if evidence.step == "task_create" else _NO_PID]


def _no_fitting_kill(evidence: Evidence) -> list[str]:
    """Why no neighbour's Kill(all) can have done it, where that is known."""
    status = evidence.exit_status
    if evidence.exited_at is not None and status is not None and status <= SIGNALLED:
        return [f"the process ended with status {status}, not by SIGKILL ({KILLED_STATUS})"]
    if evidence.exited_at is not None:
        return ["no Kill(all) of another container in the same cgroup fits the exit's time"]
    if evidence.step_started_at is not None and evidence.step_ended_at is not None:
        return ["no Kill(all) of another container in the same cgroup can be tied to this failure"]
    return []


def _when(kill: KillFact, evidence: Evidence) -> str:
    if evidence.exited_at is None:
        hit = HIT_FROM_OUTSIDE.search(evidence.error)
        said = hit.group() if hit else ""
        return f"while {evidence.step} was under way, whose error says {said!r}"
    when = (
        f"{time_text(evidence.exited_at - kill.started_at)} before this exit with status "
        f"{evidence.exit_status}"
    )
    if kill.ended_at is not None and kill.ended_at < evidence.exited_at:
        late = time_text(evidence.exited_at - kill.ended_at)
        when += f", and was answered {late} before it"
    return when
