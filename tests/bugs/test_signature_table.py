"""Of the table itself: every row is needed, has its source, and costs little to look for."""

from __future__ import annotations

from re import _constants as opcodes  # type: ignore[attr-defined]
from re import _parser as regex_parser  # type: ignore[attr-defined]

import pytest

from iluvatar_bench.bugs.classify import classify_text
from iluvatar_bench.bugs.signatures import SIGNATURES, Signature
from iluvatar_bench.bugs.taxonomy import BugClass
from tests.bugs.failure_texts import CASES
from tests.bugs.labelled_texts import labelled_texts, public_reports, written_texts
from tests.support.textless_classes import NOT_IN_WORDS


def test_every_signature_is_needed_by_some_text() -> None:
    labelled = (*labelled_texts(), *public_reports(), *written_texts())
    texts = [*(text for _, text in CASES), *(t.text for t in labelled)]
    used = [classify_text(text).signature for text in texts]
    assert [s.pattern.pattern for s in SIGNATURES if s not in used] == []


def test_every_class_that_text_can_show_has_a_signature_and_a_source() -> None:
    assert {s.bug_class for s in SIGNATURES} == set(BugClass) - set(NOT_IN_WORDS)
    assert all(s.source and s.versions for s in SIGNATURES)


def _search_cost(parsed: object) -> int:
    """An upper bound for the ways to try a parsed pattern from one position of a text."""
    cost = 1
    for opcode, argument in parsed:  # type: ignore[attr-defined]
        if opcode in (opcodes.MAX_REPEAT, opcodes.MIN_REPEAT, opcodes.POSSESSIVE_REPEAT):
            low, high, inner = argument
            assert high != opcodes.MAXREPEAT, "an unbounded repeat: quadratic on a long line"
            ways = 1 if opcode is opcodes.POSSESSIVE_REPEAT else high - low + 1
            cost *= ways * _search_cost(inner)
        elif opcode is opcodes.BRANCH:
            cost *= sum(_search_cost(branch) for branch in argument[1])
        elif opcode is opcodes.SUBPATTERN:
            cost *= _search_cost(argument[-1])
        elif opcode in (opcodes.ASSERT, opcodes.ASSERT_NOT):
            cost *= _search_cost(argument[1])
        else:
            assert opcode in (
                opcodes.LITERAL,
                opcodes.NOT_LITERAL,
                opcodes.IN,
                opcodes.ANY,
                opcodes.AT,
            ), opcode
    return cost


def _alternatives(signature: Signature) -> list[object]:
    """The top-level alternatives of a pattern, each parsed."""
    parsed = regex_parser.parse(signature.pattern.pattern, signature.pattern.flags)
    if len(parsed) == 1 and parsed[0][0] is opcodes.BRANCH:
        return list(parsed[0][1][1])
    return [parsed]


@pytest.mark.parametrize("signature", SIGNATURES, ids=lambda s: s.pattern.pattern[:40])
def test_the_cost_of_a_search_is_linear_in_the_text(signature: Signature) -> None:
    """No unbounded repeat, and a bounded number of ways to try a pattern from one position."""
    for alternative in _alternatives(signature):
        assert _search_cost(alternative) <= 5_000
    if signature.near is not None:
        assert _search_cost(regex_parser.parse(signature.near.pattern)) <= 5_000
        assert signature.within <= 2_000


def test_a_megabyte_of_near_misses_is_no_failure() -> None:
    near = 'to mount rootfs componen exec: "' + "a" * 5000 + ' ENOENT: "level":"inf '
    assert classify_text(near * 200).known is None
