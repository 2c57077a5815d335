"""What a fault at a position did to a client: the words, and how they are chosen. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Fault(StrEnum):
    """What is done at a position. The order is that of the matrix."""

    COLLECTION = "collection"
    """A forced collection before the call."""
    NEIGHBOUR = "neighbour"
    """A second container of the same client ends by the client's own removal before the call."""
    LOST_ANSWER = "lost-answer"
    """The call is carried out, its answer is lost (UNAVAILABLE)."""
    REFUSED = "refused"
    """The call is not carried out (UNAVAILABLE)."""
    DAEMON_RESTART = "daemon-restart"
    """The containerd is restarted before the call; streams and calls under way break."""
    DELAY = "delay"
    """The call waits for two seconds."""
    PAUSE = "pause"
    """The containerd answers nothing for fifteen seconds."""
    CLIENT_KILLED = "client-killed"
    """The client gets SIGKILL after the call was carried out."""


TAKES_A_CALL = frozenset({Fault.LOST_ANSWER, Fault.REFUSED, Fault.DAEMON_RESTART, Fault.PAUSE})
"""Faults after which a client may fail, if it says so and leaves nothing: that is right then."""


class ClientOutcome(StrEnum):
    """How a run with a fault ended. The worst that holds is the outcome."""

    LOST = "lost"
    """Something that the client still needed was gone, whether it noticed or not."""
    HUNG = "hung"
    """It did not end in its time."""
    WRONG = "wrong"
    """It ended with 0 though the container did not do its work."""
    LEAKED = "leaked"
    """It left something on the node that the undisturbed client does not leave."""
    FAILED = "failed"
    """It said that it failed, and cleaned up."""
    SAFE = "safe"
    """It went as without the fault."""
    NOT_MET = "not met"
    """The run did not come to the position, or the fault means nothing there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What was seen of one run with a fault."""

    fault: Fault
    reached: bool
    status: int | None
    """None where it was killed: at its deadline, or by the fault."""
    hung: bool = False
    lost: tuple[str, ...] = ()
    """What was gone though it was needed, in words."""
    asserted: bool | None = None
    left: tuple[str, ...] = ()
    """What it left beyond the undisturbed client, in words."""
    restarted: bool | None = None
    """After ``client-killed``: whether the client could run again under the same name."""


def outcome_of(facts: Facts) -> ClientOutcome:
    """The outcome of a run."""
    if not facts.reached:
        return ClientOutcome.NOT_MET
    if facts.lost:
        return ClientOutcome.LOST
    if facts.hung:
        return ClientOutcome.HUNG
    if facts.asserted is False:
        return ClientOutcome.WRONG
    if facts.left:
        return ClientOutcome.LEAKED
    if facts.fault is Fault.CLIENT_KILLED:
        return ClientOutcome.FAILED if facts.restarted is False else ClientOutcome.SAFE
    return ClientOutcome.SAFE if facts.status == 0 else ClientOutcome.FAILED


def is_unsafe(fault: Fault, outcome: ClientOutcome) -> bool:
    """Whether a cell speaks against the client."""
    if outcome is ClientOutcome.FAILED:
        return fault not in TAKES_A_CALL
    return outcome not in (ClientOutcome.SAFE, ClientOutcome.NOT_MET)


def beyond(left: Sequence[str], undisturbed: Sequence[str]) -> tuple[str, ...]:
    """What was left beyond what the undisturbed client leaves; of random names the kinds count."""
    expected = Counter(undisturbed)
    more = list((Counter(left) - expected).elements())
    spare = Counter(word.partition(" ")[0] for word in (expected - Counter(left)).elements())
    extra = []
    for word in more:
        kind = word.partition(" ")[0]
        if spare[kind] and "{id}" not in word:
            spare[kind] -= 1
        else:
            extra.append(word)
    return tuple(extra)
