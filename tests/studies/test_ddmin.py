"""The search for the smallest set of changes, with oracles that know the truth or err."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iluvatar_bench.stats import Decision, Sprt, rate
from iluvatar_bench.studies.ddmin import Changes, Search, most_probes, smallest_sets
from iluvatar_bench.studies.sequential_probe import probe_test

SIX = ("a", "b", "c", "d", "e", "f")


def drive(search: Search, gone: object) -> tuple[tuple[Changes, ...], list[Changes]]:
    """The result and the probes asked for; ``gone`` is a function of the set of changes."""
    asked: list[Changes] = []
    try:
        probe = next(search)
        while True:
            asked.append(probe)
            probe = search.send(gone(probe))  # type: ignore[operator]
    except StopIteration as end:
        return end.value, asked


@pytest.mark.parametrize("cause", SIX)
def test_one_cause_among_six_is_found_alone(cause: str) -> None:
    found, asked = drive(smallest_sets(SIX), lambda changed: cause in changed)
    assert found == (frozenset({cause}),)
    assert len(asked) <= 12


def test_two_single_causes_are_both_reported() -> None:
    found, _ = drive(smallest_sets(SIX), lambda changed: bool(changed & {"b", "e"}))
    assert set(found) == {frozenset("b"), frozenset("e")}


@pytest.mark.parametrize("cause", list(itertools.combinations(SIX, 2)))
def test_two_changes_that_are_needed_together(cause: tuple[str, str]) -> None:
    found, _ = drive(smallest_sets(SIX), lambda changed: set(cause) <= changed)
    assert found == (frozenset(cause),)


@given(
    size=st.integers(1, 9),
    needed=st.lists(st.sets(st.integers(0, 8), min_size=1), min_size=1, max_size=3),
)
def test_whatever_removes_it_nothing_can_be_left_out(size: int, needed: list[set[int]]) -> None:
    names = tuple(f"f{n}" for n in range(size))
    ways = [frozenset(f"f{n % size}" for n in way) for way in needed]

    def gone(changed: Changes) -> bool:
        return any(way <= changed for way in ways)

    found, asked = drive(smallest_sets(names), gone)
    assert len(asked) <= most_probes(size)
    for answer in found:
        assert gone(answer)
        assert not any(gone(answer - {name}) for name in answer)
    singles = {way for way in ways if len(way) == 1}
    if len(found[0]) == 1:
        assert set(found) == singles


def sampled(test: Sprt, true_rate: float, source: random.Random) -> Decision:
    failures = trials = 0
    while True:
        trials += 1
        failures += source.random() < true_rate
        decision = test.decide(failures, trials)
        if decision is not Decision.GO_ON:
            return decision


def test_the_whole_search_keeps_its_error_with_a_sampling_oracle() -> None:
    """Two causes of six; the class comes at 25 % or never. 200 searches, at most 5 % wrong.

    Half the plausible rate is looked for, so the power is more than enough: wrong answers stay
    below the promised alpha (at most 20 of 200 at p < 1e-3 for a true 5 %).
    """
    source = random.Random(8)
    test = probe_test(rate(20, 80), 6, 0.05)
    wrong = 0
    for _ in range(200):

        def gone(changed: Changes) -> bool:
            true_rate = 0.0 if changed & {"b", "e"} else 0.25
            return sampled(test, true_rate, source) is Decision.LOW

        found, _ = drive(smallest_sets(SIX), gone)
        wrong += set(found) != {frozenset("b"), frozenset("e")}
    assert wrong <= 20


def test_a_probe_looks_for_less_than_was_seen_and_divides_alpha() -> None:
    seen = rate(20, 80)
    test = probe_test(seen, 6, 0.05)
    assert test.high_rate == seen.low / 2
    assert test.alpha + test.beta == pytest.approx(0.05 / (most_probes(6) + 1))
    there = test.characteristics(test.high_rate)
    assert there.p_low <= test.beta / (1 - test.alpha)
    clean = test.characteristics(0.0)
    assert clean.p_low == 1
    assert clean.expected_trials < 120
