"""One container of a live daemon, as an audit saw it: what protects it, what can fail it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveMoment:
    """Something that happened to it: seconds since the epoch, who told it, in words."""

    at: float
    told_by: Literal["client", "containerd", "kernel"]
    text: str
    bad: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveFix:
    """What would mend a broken rule: a sentence, and the profile settings that amount to it."""

    text: str
    settings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveContainer:
    """What an audit has to say about one container.

    ``broken`` counts the rules that it breaks; ``wrong`` and ``in_order`` are sentences, ``facts``
    label and value, in the order to be shown.
    """

    name: str
    facts: tuple[tuple[str, str], ...]
    moments: tuple[LiveMoment, ...]
    broken: int
    wrong: tuple[str, ...]
    in_order: tuple[str, ...]
    fixes: tuple[LiveFix, ...]
    not_known: tuple[str, ...]
