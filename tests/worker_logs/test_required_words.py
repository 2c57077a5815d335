"""Every text that a signature matches contains one of the words derived from the table."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iluvatar_bench.bugs.signatures import SIGNATURES, Signature
from iluvatar_bench.worker_logs.required_words import failure_words, required_literals
from tests.bugs.failure_texts import CASES

MATCHES = st.sampled_from(SIGNATURES).flatmap(
    lambda s: st.tuples(st.just(s), st.from_regex(s.pattern))
)


@settings(deadline=None)  # generating a match of a long pattern takes its time
@given(MATCHES)
def test_whatever_matches_a_signature_contains_one_of_its_words(
    case: tuple[Signature, str],
) -> None:
    signature, text = case
    assert any(word in text for word in required_literals(signature.pattern))
    assert any(word in text for word in failure_words())


@pytest.mark.parametrize(("_class", "text"), CASES)
@pytest.mark.parametrize("depth", [0, 1, 2])
def test_every_known_wording_contains_a_required_word_at_any_quoting(
    _class: object, text: str, depth: int
) -> None:
    for _ in range(depth):
        text = json.dumps(text)
    assert any(word in text for word in failure_words())


def test_required_words_are_plain_ascii_and_selective() -> None:
    """Bytes are searched, so only ASCII is the same in every encoding; short words hit too much."""
    words = failure_words()
    assert all(word.isascii() and len(word) >= 6 and "\n" not in word for word in words)
    assert not any(a != b and a in b for a in words for b in words)
