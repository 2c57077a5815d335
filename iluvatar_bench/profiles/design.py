"""The design of a factorial experiment: which factors, which levels, which cells. Pure."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from iluvatar_bench.errors import UsageError
from iluvatar_bench.profiles.profile import (
    PRESETS,
    Profile,
    change_profile,
    factor_levels,
    factor_names,
    require_factor,
)

MAX_CELLS = 16
DEFAULT_FACTORS = ("snapshot_reference", "cgroup")

_USUAL_SUSPECTS: Mapping[str, Any] = {
    "cgroup": "shared",
    "snapshotter": "native",
    "server": "gunicorn",
}
"""The suspect where the base agrees with the reference and the factor has several other levels.

These had one other level once: a design that left it out keeps its meaning.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenFactor:
    """A factor with the two levels to compare: the harmless reference and the suspect."""

    name: str
    reference: Any
    suspect: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """Every combination of the factors' levels, all other factors as in ``base``."""

    base: Profile
    factors: tuple[ChosenFactor, ...]

    @property
    def cells(self) -> tuple[Profile, ...]:
        """One profile a cell, named by its levels; the suspects' cell is the last."""
        sides = [(factor.reference, factor.suspect) for factor in self.factors]
        names = [factor.name for factor in self.factors]
        return tuple(
            change_profile(
                self.base,
                dict(zip(names, levels, strict=True)),
                name=" ".join(f"{n}={v}" for n, v in zip(names, levels, strict=True)),
            )
            for levels in itertools.product(*sides)
        )

    @property
    def levels(self) -> dict[str, tuple[Any, Any]]:
        """Factor to (reference, suspect), as ``stats.class_effects`` wants it."""
        return {factor.name: (factor.reference, factor.suspect) for factor in self.factors}

    def as_json(self) -> dict[str, Any]:
        """The design as JSON-ready values."""
        return {
            "base": self.base.model_dump(),
            "factors": {name: list(pair) for name, pair in self.levels.items()},
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Design:
        """The design that :meth:`as_json` wrote."""
        return cls(
            base=Profile.model_validate(document["base"]),
            factors=tuple(
                ChosenFactor(name=name, reference=reference, suspect=suspect)
                for name, (reference, suspect) in document["factors"].items()
            ),
        )


def design(base: Profile, factors: Sequence[str] = DEFAULT_FACTORS) -> Design:
    """A design from texts: ``factor``, or ``factor=reference,suspect``.

    Without levels the reference is the level of the profile ``guarded``, and the suspect the level
    of ``base``, or, where the two agree, the factor's other level if it has just one; of
    ``cgroup`` it is ``shared``.

    Raises:
        UsageError: no such factor or level, a factor named twice, one whose two levels cannot be
            told or are equal, or more than 16 cells.
    """
    chosen = tuple(_chosen(base, text.strip()) for text in factors)
    if not chosen:
        raise UsageError(f"name at least one factor; there are: {', '.join(factor_names())}")
    names = [factor.name for factor in chosen]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise UsageError(f"factor {sorted(twice)[0]} is named twice")
    if 2 ** len(chosen) > MAX_CELLS:
        raise UsageError(
            f"{len(chosen)} factors make {2 ** len(chosen)} cells, more than {MAX_CELLS}; "
            "choose fewer factors, or use `blame`, which searches among many"
        )
    return Design(base=base, factors=chosen)


def _chosen(base: Profile, text: str) -> ChosenFactor:
    name, separator, given = text.partition("=")
    require_factor(name)
    if separator:
        levels = tuple(level.strip() for level in given.split(","))
        if len(levels) != 2:
            raise UsageError(f"{text!r} is not of the form factor=reference,suspect")
    else:
        levels = _levels(base, name)
    profiles = [change_profile(base, {name: level}, name=base.name) for level in levels]
    reference, suspect = (profile.factors[name] for profile in profiles)
    if reference == suspect:
        raise UsageError(f"factor {name}: reference and suspect are both {suspect!r}")
    return ChosenFactor(name=name, reference=reference, suspect=suspect)


def _levels(base: Profile, name: str) -> tuple[Any, Any]:
    reference, suspect = PRESETS["guarded"].factors[name], base.factors[name]
    if reference != suspect:
        return reference, suspect
    if name in _USUAL_SUSPECTS:
        return reference, _USUAL_SUSPECTS[name]
    others = [level for level in factor_levels(name) if level != reference]
    if len(others) != 1:
        known = factor_levels(name)
        free = "a name or a path" if isinstance(reference, str) else "a number"
        kinds = f"has the levels {', '.join(known)}" if known else f"takes {free}"
        raise UsageError(f"factor {name} {kinds}: say which two, {name}=REFERENCE,SUSPECT")
    return reference, others[0]


def changed_factors(failing: Profile, clean: Profile) -> tuple[str, ...]:
    """The factors in which two profiles differ, in the order of the definition.

    Raises:
        UsageError: they do not differ.
    """
    names = tuple(n for n in factor_names() if failing.factors[n] != clean.factors[n])
    if not names:
        raise UsageError(
            f"the profiles {failing.name} and {clean.name} do not differ in any factor"
        )
    return names
