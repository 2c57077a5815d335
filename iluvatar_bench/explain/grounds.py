"""What speaks for a verdict and against it, in words: from the rules that judged. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from iluvatar_bench.bugs.attribute import Attribution, attribute
from iluvatar_bench.bugs.evidence import Evidence
from iluvatar_bench.bugs.taxonomy import BugClass, Mechanism


@dataclass(frozen=True, slots=True, kw_only=True)
class Grounds:
    """The grounds of one verdict: lists of sentences, each fact once.

    ``speaking_against`` are objections to the verdict, and what speaks for another mechanism;
    ``ruled_out`` are mechanisms that nothing speaks for; ``not_known`` is what nobody could see.
    """

    speaking_for: tuple[str, ...]
    speaking_against: tuple[str, ...]
    ruled_out: tuple[str, ...]
    not_known: tuple[str, ...]


_QUESTIONS = {
    "snapshot_found": "whether the snapshot was still there",
    "oom_kills": "how many processes the kernel killed at the memory limit",
}
"""Facts that every failure leaves, unless it destroys their trace; what is open without them."""


def grounds(symptom: BugClass, evidence: Evidence, mechanism: Mechanism) -> Grounds:
    """The grounds of a verdict that was ``mechanism``.

    The evidence is judged anew: where the rules have changed since it was recorded and find another
    mechanism, that is said among what speaks against it.
    """
    verdict = attribute(symptom, evidence)
    return Grounds(
        speaking_for=_for(verdict, mechanism),
        speaking_against=tuple(_against(verdict, mechanism)),
        ruled_out=tuple(
            f"{found.mechanism}: {fact}" for found in verdict.ruled_out for fact in found.objections
        ),
        not_known=(
            *(text for name, text in _QUESTIONS.items() if getattr(evidence, name) is None),
            *evidence.notes,
        ),
    )


def _for(verdict: Attribution, mechanism: Mechanism) -> tuple[str, ...]:
    return tuple(
        fact
        for found in verdict.considered
        if found.mechanism is mechanism
        for fact in found.supports
    )


def _against(verdict: Attribution, mechanism: Mechanism) -> Iterator[str]:
    if verdict.mechanism is not mechanism:
        yield f"by the rules of this version the mechanism is {verdict.mechanism}"
    for found in verdict.considered:
        if found.mechanism is mechanism:
            yield from found.objections
        else:
            yield f"for {found.mechanism}: {'; '.join(found.supports)}"
            yield from (f"but not for {found.mechanism}: {fact}" for fact in found.objections)
