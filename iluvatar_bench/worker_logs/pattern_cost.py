"""What a search for a pattern costs at most, read from its parse tree."""

from __future__ import annotations

import re

# See required_words: private, but the only parser there is.
from re import _constants as opcodes  # type: ignore[attr-defined]
from re import _parser as regex_parser  # type: ignore[attr-defined]
from typing import Any

MOST_WAYS = 5_000
"""Ways to try a pattern from one position of a text: what the own signatures keep to."""


def check_cost(pattern: re.Pattern[str]) -> None:
    """Refuse a pattern whose search is not linear in the text, or too slow for logs.

    Raises:
        ValueError: with the reason.
    """
    parsed = regex_parser.parse(pattern.pattern, pattern.flags)
    branches = [parsed]
    if len(parsed) == 1 and parsed[0][0] is opcodes.BRANCH:
        branches = list(parsed[0][1][1])
    for branch in branches:
        ways = _ways(branch)
        if ways > MOST_WAYS:
            raise ValueError(
                f"{ways} ways to try it from one position, more than {MOST_WAYS}: make its repeats "
                "shorter, or possessive ({1,300}+)"
            )


def _ways(parsed: Any) -> int:
    ways = 1
    for opcode, argument in parsed:
        if opcode in (opcodes.MAX_REPEAT, opcodes.MIN_REPEAT, opcodes.POSSESSIVE_REPEAT):
            low, high, inner = argument
            if high == opcodes.MAXREPEAT:
                raise ValueError("a repeat without an upper bound (* or +): write {0,200}")
            tries = 1 if opcode is opcodes.POSSESSIVE_REPEAT else high - low + 1
            ways *= tries * _ways(inner)
        elif opcode is opcodes.BRANCH:
            ways *= sum(_ways(branch) for branch in argument[1])
        elif opcode is opcodes.SUBPATTERN:
            ways *= _ways(argument[-1])
        elif opcode in (opcodes.ASSERT, opcodes.ASSERT_NOT):
            ways *= _ways(argument[1])
        elif opcode not in _SINGLE:
            raise ValueError("a construct whose cost is not known, such as a back-reference")
    return ways


_SINGLE = (opcodes.LITERAL, opcodes.NOT_LITERAL, opcodes.IN, opcodes.ANY, opcodes.AT)
