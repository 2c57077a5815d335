"""Words that each match contains; searched for first, they hide nothing that the pattern finds."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iluvatar_bench.bugs.signatures.literals import (
    PrefilteredPattern,
    prefiltered,
    required_literals,
)


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("abc", {"abc"}),
        ("[Ff]ailed x", {"Failed x", "failed x"}),
        (r"\bOOM(?:Killed)?\b", {"OOM", "OOMKilled"}),
        (r"failed to (?:start|load) shim", {"failed to start shim", "failed to load shim"}),
        (r"exec: \d{1,3}+: not found", {": not found"}),
        (r"(?<!warning )long enough|other", {"long enough", "other"}),
        (r"(?:abcdef){2,3}x?", {"abcdef"}),
        (r"a[b-z]longer", {"longer"}),
    ],
)
def test_the_words_a_match_must_contain(pattern: str, words: set[str]) -> None:
    assert required_literals(re.compile(pattern)) == words


@pytest.mark.parametrize("pattern", [r"\d+", "(?:abc)?", "a|.", r"x*"])
def test_a_pattern_without_fixed_words_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="no fixed word"):
        required_literals(re.compile(pattern))


def test_a_pattern_that_ignores_case_is_refused() -> None:
    with pytest.raises(ValueError, match="ignores case"):
        required_literals(re.compile("abc", re.IGNORECASE))


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
