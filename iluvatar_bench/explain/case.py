"""One container's case: what happened when, the verdict, and what speaks for and against it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Actor(StrEnum):
    """Who did something, or showed it. The order is that of the lanes of a timeline."""

    CLIENT = "this client"
    OBSERVED_CLIENT = "its client"
    """Somebody else's, that made a container which was only observed."""
    WORKER_LOG = "worker log"
    """What that client's own log tells."""
    CONTAINERD = "containerd"
    KERNEL = "kernel"
    NEIGHBOUR = "neighbours"
    """This client's requests for *other* containers that reach this one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """Something that happened, in seconds since the epoch on the host's clock.

    ``ended_at`` is None for what has no length. ``exact`` is False where the time was worked out
    from durations. ``bad`` marks what belongs to the failure.
    """

    at: float
    actor: Actor
    text: str
    ended_at: float | None = None
    exact: bool = True
    bad: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """What would have prevented it: a sentence, and the settings of a profile that do it."""

    text: str
    settings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Everything there is to say about one container, for a page that people read.

    ``verdict`` is label and value, in the order to be shown.
    """

    title: str
    summary: str
    verdict: tuple[tuple[str, str], ...]
    moments: tuple[Moment, ...] = ()
    evidence_for: tuple[str, ...] = ()
    evidence_against: tuple[str, ...] = ()
    ruled_out: tuple[str, ...] = ()
    not_known: tuple[str, ...] = ()
    remedies: tuple[Remedy, ...] = ()
    outputs: tuple[tuple[str, str], ...] = ()
    """Texts to be shown as they are, each under its heading: an error, the process's words."""
    heading_for: str = "Evidence for"
    heading_ruled_out: str = "Ruled out"
