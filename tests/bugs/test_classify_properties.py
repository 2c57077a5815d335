"""Whatever the text, an answer; and what is added to one only moves it to an earlier cause."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from iluvatar_bench.bugs.classify import MATCHED_LIMIT, classify_text
from iluvatar_bench.bugs.signatures import BY_OBJECT, SIGNATURES
from iluvatar_bench.bugs.taxonomy import BugClass
from tests.bugs.failure_texts import CASES


@given(st.text())
def test_any_text_gets_an_answer(text: str) -> None:
    found = classify_text(text)
    # What no signature knows may have words of a class ("Undefined").
    assert (found.known is None) == (found.signature is None and not found.by_words)
    assert len(found.matched) <= MATCHED_LIMIT
    assert found.matched in text or "\x1b" in text


PIECES = st.sampled_from(
    [
        "\\",
        '"',
        "'",
        "\n",
        "\r",
        "\0",
        "{",
        "}",
        ": ",
        "exec: ",
        "snapshot ",
        "level=info",
        "\x1b[0m",
    ]
    + [word for _, text in CASES for word in text.split(" ")[:6]]
)


@example("unknown container")  # its wording is of no class, its words are of one
@given(st.lists(PIECES, max_size=60).map(" ".join))
def test_shuffled_pieces_of_failures_get_an_answer(text: str) -> None:
    found = classify_text(text)
    assert (found.bug_class is None) == (found.matched == "")
    if found.signature is not None:
        assert found.signature.bug_class in (found.bug_class, *found.alternatives)


@given(st.sampled_from(CASES), st.integers(min_value=0, max_value=400))
def test_a_truncated_text_never_gets_a_class_before_its_cause(
    case: tuple[BugClass, str], length: int
) -> None:
    """Adding text can only move the answer towards the earlier cause."""
    _, text = case
    order = {id(signature): n for n, signature in enumerate((*SIGNATURES, *BY_OBJECT))}
    whole, part = classify_text(text).signature, classify_text(text[:length]).signature
    assert whole is not None
    if part is not None:
        assert order[id(part)] >= order[id(whole)]
