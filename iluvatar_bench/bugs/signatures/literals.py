r"""Plain words that a text must contain before a pattern can match it.

Whether a pattern can match at all is answered by its words a hundred times faster than by itself,
so the words are derived from the patterns: whoever adds a signature adds its words.

The method is that of RE2's and Code Search's prefilters (https://swtch.com/~rsc/regexp/
regexp4.html): walk the parsed pattern, keep the sets of strings that every match must contain, and
take the most selective one.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

# Private, but the only parser there is, unchanged since Python 2 but for its name, and what
# Hypothesis builds its strategies on. `test_required_words.py` fails if it ever goes.
from re import _constants as opcodes  # type: ignore[attr-defined]
from re import _parser as regex_parser  # type: ignore[attr-defined]
from typing import Any

_MOST_STRINGS = 16
"""A set of alternatives larger than this selects too little for its cost."""

_Strings = frozenset[str]
_EMPTY: _Strings = frozenset({""})


@dataclass(frozen=True, slots=True)
class PrefilteredPattern:
    """A pattern, and the words of which one is in each of its matches."""

    pattern: re.Pattern[str]
    words: tuple[str, ...]

    def occurs_in(self, text: str) -> bool:
        """Whether the pattern matches in ``text``; without a word it is not searched for.

        That costs a tenth of the search. With hundreds of words it costs as much as the search.
        """
        return any(map(text.__contains__, self.words)) and self.pattern.search(text) is not None


def prefiltered(pattern: str, flags: int = 0) -> PrefilteredPattern:
    """``pattern``, compiled, with its required literals.

    Raises:
        ValueError: as :func:`required_literals` does.
    """
    compiled = re.compile(pattern, flags)
    return PrefilteredPattern(compiled, tuple(sorted(required_literals(compiled))))


def required_literals(pattern: re.Pattern[str]) -> frozenset[str]:
    """Strings of which every match of ``pattern`` contains at least one.

    Raises:
        ValueError: there are none, or the pattern ignores case.
    """
    if pattern.flags & re.IGNORECASE:
        raise ValueError(f"a pattern that ignores case has no fixed words: {pattern.pattern!r}")
    _, required = _sequence(regex_parser.parse(pattern.pattern, pattern.flags))
    if required is None:
        raise ValueError(f"no fixed word is in every match of {pattern.pattern!r}")
    return required


def _sequence(items: Iterable[Any]) -> tuple[_Strings | None, _Strings | None]:
    """What a sequence of parsed nodes matches exactly, if that is a short list; what it requires.

    ``run`` is every string that the current stretch of exactly known nodes can match.
    """
    run, candidates, whole = _EMPTY, [], True
    for item in items:
        exact, required = _node(item)
        if exact is not None and len(exact) * len(run) <= _MOST_STRINGS:
            run = frozenset(a + b for a, b in itertools.product(run, exact))
            continue
        whole = False
        candidates += [run, required or _EMPTY]
        run = exact if exact is not None else _EMPTY
    best = _most_selective([*candidates, run])
    return (run if whole else None), best


def _node(item: Any) -> tuple[_Strings | None, _Strings | None]:
    opcode, argument = item
    if opcode is opcodes.LITERAL:
        return frozenset({chr(argument)}), None
    if opcode in (opcodes.AT, opcodes.ASSERT, opcodes.ASSERT_NOT):
        return _EMPTY, None
    if opcode is opcodes.IN:
        return _character_class(argument), None
    if opcode is opcodes.BRANCH:
        return _branch(argument[1])
    if opcode is opcodes.SUBPATTERN:
        return _sequence(argument[-1])
    if opcode in (opcodes.MAX_REPEAT, opcodes.MIN_REPEAT, opcodes.POSSESSIVE_REPEAT):
        low, high, inner = argument
        exact, required = _sequence(inner)
        if high == 1 and exact is not None:
            return (exact if low else exact | _EMPTY), None
        return None, (required if low else None)
    return None, None


def _branch(branches: Sequence[Any]) -> tuple[_Strings | None, _Strings | None]:
    parts = [_sequence(branch) for branch in branches]
    exacts = [exact for exact, _ in parts if exact is not None]
    union = frozenset().union(*exacts)
    exact = union if len(exacts) == len(parts) and len(union) <= _MOST_STRINGS else None
    needed = [required for _, required in parts if required is not None]
    required = frozenset().union(*needed) if len(needed) == len(parts) else None
    return exact, required


def _character_class(members: Sequence[Any]) -> _Strings | None:
    if len(members) > 3 or any(opcode is not opcodes.LITERAL for opcode, _ in members):
        return None
    return frozenset(chr(code) for _, code in members)


def _most_selective(candidates: Iterable[_Strings]) -> _Strings | None:
    """The set whose shortest string is longest; of equals, the smaller set."""
    usable = [c for c in candidates if c and "" not in c]
    return max(usable, key=lambda c: (min(map(len, c)), -len(c)), default=None)
