"""Every minimal set up to a size is found: against brute force, for any way factors may work."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from iluvatar_bench.studies.controlled_probes import GONE_RATIO, THERE_RATIO, probe_test
from iluvatar_bench.studies.set_search import how_many_sets, left_unsearched, sets_of_size

NAMES = ("a", "b", "c", "d", "e")


def searched(removes, largest):
    """What the search finds where ``removes`` says of a set whether the class is gone."""
    found, asked = [], 0
    for size in range(1, largest + 1):
        sets = sets_of_size(NAMES, size, found)
        asked += len(sets)
        found += [one for one in sets if removes(one)]
    return set(found), asked


def subsets():
    return [frozenset(c) for n in range(1, 6) for c in itertools.combinations(NAMES, n)]


@given(st.sets(st.sampled_from(subsets()), max_size=12), st.integers(1, 5))
def test_all_minimal_sets_are_found_even_if_more_changes_bring_it_back(gone, largest):
    """Whatever subset of all sets removes the class: nothing monotone is assumed."""
    minimal = {one for one in gone if len(one) <= largest and not any(o < one for o in gone)}
    found, asked = searched(gone.__contains__, largest)
    assert found == minimal
    assert asked <= how_many_sets(5, largest)


def test_d_alone_is_not_hidden_behind_a_with_b():
    """What delta debugging answers with {a, b}: either suffices, and it never sees d."""

    def removes(names):
        return "d" in names or {"a", "b"} <= names

    assert searched(removes, 2)[0] == {frozenset("d"), frozenset("ab")}


def test_what_was_not_searched_is_counted():
    assert how_many_sets(6, 2) == 21
    assert left_unsearched(6, 2) == 2**6 - 1 - 21 - 1
    assert left_unsearched(2, 2) == 0
    assert left_unsearched(1, 1) == 0


def test_the_test_of_a_probe_keeps_its_errors_whatever_the_rate():
    """Exact, by the forward recursion of the sequential test; it asks for events and not trials."""
    test = probe_test(0.0022)
    gone = test.characteristics(GONE_RATIO / (1 + GONE_RATIO))
    there = test.characteristics(THERE_RATIO / (1 + THERE_RATIO))
    assert gone.p_high <= 0.0022
    assert there.p_low <= 0.0022
    assert gone.expected_trials < 30
    assert test.characteristics(0.0).expected_trials == 20
