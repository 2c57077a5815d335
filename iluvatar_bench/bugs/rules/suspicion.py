"""What a rule says of one mechanism: the facts for it and against it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from iluvatar_bench.bugs.taxonomy import Mechanism


@dataclass(frozen=True, slots=True)
class Suspicion:
    """The case for one mechanism.

    ``supports`` are facts that speak for it, ``objections`` those that speak against it, and what
    would have to be known and is not. Without supports it says why the mechanism is ruled out.
    ``circumstantial``: the facts fit, and a coincidence would look alike.
    """

    mechanism: Mechanism
    supports: tuple[str, ...]
    objections: tuple[str, ...] = ()
    circumstantial: bool = False

    @property
    def stands(self) -> bool:
        """Whether something speaks for it, and nothing against it."""
        return bool(self.supports) and not self.objections

    @property
    def proven(self) -> bool:
        """Whether it stands, and by more than circumstances."""
        return self.stands and not self.circumstantial


def suspicion(
    mechanism: Mechanism,
    supports: Sequence[str],
    objections: Sequence[str] = (),
    *,
    circumstantial: bool = False,
) -> Suspicion | None:
    """The finding, or None where nothing speaks for the mechanism: then nobody needs to object."""
    if not supports:
        return None
    return Suspicion(mechanism, tuple(supports), tuple(objections), circumstantial)


def ruled_out(mechanism: Mechanism, *facts: str) -> Suspicion | None:
    """What speaks against a mechanism that nothing speaks for; None where nothing is known."""
    return Suspicion(mechanism, (), facts) if facts else None
