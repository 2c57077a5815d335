"""From what was seen of a run to its cell in the matrix. Pure."""

from __future__ import annotations

from iluvatar_bench.clients.check.advice import Advice, advice_for
from iluvatar_bench.clients.check.columns import FaultRun, expiry_words
from iluvatar_bench.clients.check.matrix import Cell
from iluvatar_bench.clients.check.outcome import (
    ClientOutcome,
    Facts,
    Fault,
    beyond,
    is_unsafe,
    outcome_of,
)

_AT_ONCE_SECONDS = 1.0
"""What is gone by then needed no lifeline."""


def cell_of(trial: FaultRun, undisturbed_left: tuple[str, ...]) -> Cell:
    """The cell of one run."""
    ended = trial.run.ended
    assert ended is not None
    killed = trial.fault is Fault.CLIENT_KILLED
    left = beyond(trial.left.words(trial.run.id), undisturbed_left)
    lost = _lost(trial)
    again = None if trial.again is None or trial.again.ended is None else trial.again.ended.status
    facts = Facts(
        fault=trial.fault,
        reached=trial.hook.reached,
        status=ended.status,
        hung=ended.status is None,
        lost=lost,
        asserted=trial.run.asserted,
        left=left,
        restarted=again == 0 if killed else None,
    )
    outcome = outcome_of(facts)
    call = trial.position.call
    return Cell(
        position=trial.position.number,
        call=call,
        fault=trial.fault,
        outcome=outcome,
        run=trial.repetition,
        container_id=trial.run.id,
        label=trial.run.label,
        exit_status=ended.status,
        seconds=ended.seconds,
        noticed=ended.status != 0,
        what=tuple(_what(trial, outcome, lost, left)),
        advice=_advice(trial, outcome, call, left),
    )


def _lost(trial: FaultRun) -> tuple[str, ...]:
    run_id = trial.run.id
    words = [f"{thing.short} was collected: {why}" for thing, why in trial.hook.lost.items()]
    words += [f"the process of {name} was ended" for _, name in trial.hook.died]
    words += [f"{name} is gone" for name in trial.gone]
    return tuple(dict.fromkeys(word.replace(run_id, "{id}") for word in words))


def _what(
    trial: FaultRun, outcome: ClientOutcome, lost: tuple[str, ...], left: tuple[str, ...]
) -> list[str]:
    ended = trial.run.ended
    assert ended is not None
    what = list(lost)
    if trial.hook.collections:
        what.append(f"{trial.hook.collections} collections while the call went on")
    if left:
        what.append(f"left: {', '.join(left)}")
    if trial.fault is Fault.CLIENT_KILLED:
        what += expiry_words(trial.left)
        if (trial.clean_after_seconds or 0.0) > _AT_ONCE_SECONDS:
            what.append(f"nothing was left after {trial.clean_after_seconds:.1f} s")
        again = trial.again
        if again is not None and again.ended is not None and again.ended.status != 0:
            what.append(f"cannot start again under the same name: {again.ended.output}")
    elif outcome is ClientOutcome.LOST and ended.status == 0:
        what.append("the client did not notice")
    elif outcome is not ClientOutcome.SAFE and ended.output:
        what.append(f"it said: {ended.output}")
    return [text.replace(trial.run.id, "{id}") for text in what] + trial.problems


def _advice(
    trial: FaultRun, outcome: ClientOutcome, call: str, left: tuple[str, ...]
) -> Advice | None:
    if not is_unsafe(trial.fault, outcome):
        return None
    return advice_for(
        trial.fault,
        outcome,
        call,
        lost=_kind_of_loss(trial),
        kinds=tuple(word.partition(" ")[0] for word in left),
    )


def _kind_of_loss(trial: FaultRun) -> str:
    if trial.hook.died:
        return "process"
    if any(thing.kind == "content" for thing in trial.hook.lost) or trial.gone:
        return "content"
    mounted = any(why.startswith("a process") for why in trial.hook.lost.values())
    return "mounted" if mounted else "unmounted"
