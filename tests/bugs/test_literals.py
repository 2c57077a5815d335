"""A pattern that is searched for only where one of its words stands finds what it finds alone."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iluvatar_bench.bugs.signatures.literals import PrefilteredPattern, prefiltered

PATTERN = r"""
    [Ff]ailed\ to\ (?:start|load)\ \w{1,8}
  | exec:\ \d{1,3}:\ not\ found
"""


def test_the_words_are_those_of_the_pattern_with_its_flags() -> None:
    words = (": not found", "Failed to load ", "Failed to start ", "failed to load ")
    assert prefiltered(PATTERN, re.VERBOSE).words == (*words, "failed to start ")


@given(st.text() | st.from_regex(re.compile(PATTERN, re.VERBOSE)))
def test_the_words_hide_no_match(text: str) -> None:
    pattern = prefiltered(PATTERN, re.VERBOSE)
    assert pattern.occurs_in(text) == (pattern.pattern.search(text) is not None)


def test_a_word_alone_is_no_match() -> None:
    assert not prefiltered(PATTERN, re.VERBOSE).occurs_in("failed to start ")


def test_without_a_word_nothing_is_searched() -> None:
    assert not PrefilteredPattern(re.compile("abc"), ("xyz",)).occurs_in("abc")


def test_a_pattern_without_fixed_words_has_no_prefilter() -> None:
    with pytest.raises(ValueError, match="no fixed word"):
        prefiltered(r"\d+")
