"""Classes and mechanisms explained, as labelled lines: what the terminal and docs are made from."""

from __future__ import annotations

from iluvatar_bench.bugs.class_guide import CLASS_GUIDES
from iluvatar_bench.bugs.mechanism_guide import MECHANISM_GUIDES
from iluvatar_bench.bugs.taxonomy import BugClass, Mechanism
from iluvatar_bench.errors import UsageError, meant

Line = tuple[str, str]
"""A label and its text."""


_NO_TEXT = "none: no program writes one; the evidence of a run tells it"


def explained_names() -> tuple[str, ...]:
    """Every class and every mechanism, in the order of reports; two names are both."""
    return tuple(dict.fromkeys([*map(str, BugClass), *map(str, Mechanism)]))


def guide_lines(name: str) -> tuple[Line, ...]:
    """What there is to say of a class, of a mechanism, or of both where they share a name.

    Raises:
        UsageError: it is neither; the message says what there is.
    """
    lines: list[Line] = []
    if name in list(BugClass):
        lines += class_lines(BugClass(name))
    if name in list(Mechanism):
        lines += mechanism_lines(Mechanism(name))
    if not lines:
        raise UsageError(
            f"no class or mechanism {name!r}{meant(name, explained_names())}; "
            "iluvatar-bench classes lists them"
        )
    return tuple(lines)


def class_lines(bug_class: BugClass) -> tuple[Line, ...]:
    """A bug class: its meaning, causes, mechanisms with what proves each, and what mends it."""
    guide = CLASS_GUIDES[bug_class]
    behind = [(f"mechanism {m}", MECHANISM_GUIDES[m].happens) for m in guide.mechanisms]
    proof = [(f"proof of {m}", MECHANISM_GUIDES[m].proof) for m in guide.mechanisms]
    return (
        ("what one sees", guide.meaning),
        ("likely causes", guide.causes),
        *behind,
        *proof,
        ("what mends it", guide.fix),
        ("example", guide.example or _NO_TEXT),
        ("next", guide.command),
    )


def mechanism_lines(mechanism: Mechanism) -> tuple[Line, ...]:
    """A mechanism: what happens, what proves it, the classes that it is seen as, and the fix."""
    guide = MECHANISM_GUIDES[mechanism]
    seen_as = [str(name) for name, one in CLASS_GUIDES.items() if mechanism in one.mechanisms]
    return (
        ("mechanism", guide.happens),
        ("what proves it", guide.proof),
        *((("seen as", ", ".join(seen_as)),) if seen_as else ()),
        ("what prevents it", guide.fix),
    )
