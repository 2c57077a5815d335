"""What a rule reports: a fixed text, and the objects it was found on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from iluvatar_bench.bugs import BugClass


class Severity(StrEnum):
    """How bad it is. The order is that of reports."""

    HIGH = "high"
    """Data or a container can be lost now."""
    MEDIUM = "medium"
    """They can be lost under load, or once something else happens: a removal, an expiry."""
    LOW = "low"
    """Something is untidy, or cannot be judged."""

    @property
    def meaning(self) -> str:
        """The same in a few words, for people."""
        return _MEANING[self]


_MEANING = {
    Severity.HIGH: "can lose data or a container now",
    Severity.MEDIUM: "can lose them under load, or once something else happens",
    Severity.LOW: "untidy",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One thing that can be wrong with a client of containerd.

    ``what`` is a noun phrase that a count follows ("container records ...: 3"); ``why`` says what
    comes of it and ``source`` where that can be read up; ``fix`` is one sentence with the field or
    call to change.
    """

    name: str
    what: str
    why: str
    fix: str
    source: str
    bug_classes: tuple[BugClass, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenRule:
    """A rule that was broken.

    ``objects`` are ``namespace/id`` (a path or an address for things of the host), all of them.
    ``bug_classes`` are those that this makes possible here, with the versions found.
    """

    rule: Rule
    severity: Severity
    objects: tuple[str, ...]
    details: tuple[str, ...] = ()
    bug_classes: tuple[BugClass, ...] = ()
    clients: tuple[str, ...] = ()
    """Whose these are, ``namespace: client``, where the objects tell."""

    @property
    def count(self) -> int:
        """How many objects."""
        return len(self.objects)

    @property
    def first_three(self) -> str:
        """The first three objects, for a table."""
        shown = ", ".join(self.objects[:3])
        return f"{shown}, …" if self.count > 3 else shown

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready values; ``objects`` is complete."""
        return {
            "rule": self.rule.name,
            "severity": str(self.severity),
            "meaning": self.severity.meaning,
            "clients": list(self.clients),
            "count": self.count,
            "objects": list(self.objects),
            "what": self.rule.what,
            "why": self.rule.why,
            "details": list(self.details),
            "bug_classes": [str(name) for name in self.bug_classes],
            "fix": self.rule.fix,
            "source": self.rule.source,
        }


def broken_rule(
    rule: Rule,
    severity: Severity,
    objects: Iterable[str],
    *,
    details: Iterable[str] = (),
    bug_classes: tuple[BugClass, ...] | None = None,
) -> list[BrokenRule]:
    """The rule's finding on these objects, sorted; none where there are none."""
    named = tuple(sorted(set(objects)))
    if not named:
        return []
    classes = rule.bug_classes if bug_classes is None else bug_classes
    return [
        BrokenRule(
            rule=rule,
            severity=severity,
            objects=named,
            details=tuple(detail for detail in details if detail),
            bug_classes=classes,
        )
    ]
