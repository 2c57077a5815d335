"""What preceded failures: found on a run whose mechanism was taken out, and not made up.

``data/tables/mechanism-hidden`` was run for this: 160 containers of ``iluvatar-2022-07``. Evidence
and mechanisms are not in its trials; ``mechanisms.csv`` has what was proven then.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy

from iluvatar_bench.runs import open_run
from iluvatar_bench.runs.collections import load_collections
from iluvatar_bench.stats import Predicate, preceding
from iluvatar_bench.stats.preceding import PredicateKind
from iluvatar_bench.stats.trial_moments import Stream, lives
from tests.stats.made_runs import SHOCK, made_run

HIDDEN = Path("data/tables/mechanism-hidden")


@pytest.fixture(scope="module")
def hidden():
    return open_run(HIDDEN)


@pytest.mark.parametrize(
    ("bug_class", "kind", "name", "mechanism"),
    [
        ("missing_packages", PredicateKind.COLLECTION, "collection", "snapshot_collected"),
        ("snapshot_overlay", PredicateKind.COLLECTION, "collection", "snapshot_collected"),
        ("silent_startup", PredicateKind.CALL, "kill", "collateral_kill"),
    ],
)
def test_the_hidden_mechanism_is_found(hidden, bug_class, kind, name, mechanism):
    assert set(hidden.trials["evidence"]) == {"{}"}
    failed = hidden.trials[hidden.trials["bug_class"] == bug_class]
    assert set(failed["mechanism"]) == {"unknown"}

    first, *_ = preceding(
        hidden.trials,
        bug_class,
        events=hidden.seen["events"],
        collections=load_collections(HIDDEN),
    )
    assert (first.predicate.kind, first.predicate.name) == (kind, name)
    assert first.p_holm < 0.01
    assert first.effect.explained_at_least > 0.5

    truth = pd.read_csv(HIDDEN / "mechanisms.csv")
    assert set(truth.loc[truth["bug_class"] == bug_class, "mechanism"]) == {mechanism}


def test_without_the_log_of_collections_none_is_named(hidden):
    found = preceding(hidden.trials, "snapshot_overlay", events=hidden.seen["events"])
    assert found
    assert all(one.predicate.kind is not PredicateKind.COLLECTION for one in found)
    assert not any(one.p_holm <= 0.05 for one in found)


def sees_many_kills(trials):
    """For each trial, whether more others were killed while it lived than in half of the lives."""
    all_lives = lives(trials)
    spans = [list(life.steps.values()) for life in all_lives]
    kills = Stream.of([(life.steps["kill"].began, n) for n, life in enumerate(all_lives)])
    began = np.array([own[0].began for own in spans])
    ended = np.array([life.steps["kill"].began for life in all_lives])
    counts = kills.count_of_others(began, ended, np.arange(len(all_lives)))
    return counts > np.median(counts)


def test_shocks_of_nobody_are_blamed_on_nothing():
    """Clusters and drift, and no predicate is true of them: at most 5 % of runs may name one.

    How many neighbours' Kills a trial saw "differs" between bad and good trials of the same runs,
    for bad ones end early: the comparison that was not made is wrong in most of them.
    """
    rng = np.random.default_rng(18)
    named, naive, runs = 0, 0, 20
    for _ in range(runs):
        trials = made_run(rng)
        named += any(one.p_holm <= 0.05 for one in preceding(trials, SHOCK))
        saw, failed = sees_many_kills(trials), trials["bug_class"].notna()
        table = [
            [int((saw & (failed == bad)).sum()), int((~saw & (failed == bad)).sum())]
            for bad in (True, False)
        ]
        naive += scipy.stats.fisher_exact(table).pvalue <= 0.05
    assert named <= int(scipy.stats.binom.ppf(0.999, runs, 0.05))
    assert naive > runs / 2


def test_kills_that_take_others_are_named():
    rng = np.random.default_rng(19)
    firsts = [preceding(made_run(rng, by_kill=0.3), SHOCK)[0] for _ in range(5)]
    assert [one.predicate.name for one in firsts] == ["kill"] * 5
    assert all(one.p_holm <= 0.05 for one in firsts)
    assert all(one.step == "ready" for one in firsts)


def test_failures_of_one_moment_are_one_event():
    """A second container that ends 40 ms after the first says nothing new."""
    rng = np.random.default_rng(20)
    trials = made_run(rng, by_kill=0.3)
    failed = sorted(
        life.steps["ready"].ended for life in lives(trials) if life.failed_step is not None
    )
    apart = 1 + int((np.diff(failed) > 0.25).sum())
    assert apart < len(failed)
    assert preceding(trials, SHOCK)[0].effect.failures == apart


def test_a_class_that_never_came_and_columns_that_are_missing():
    trials = made_run(np.random.default_rng(1))
    assert preceding(trials, "oom_killed") == ()
    with pytest.raises(ValueError, match="spans"):
        preceding(trials.drop(columns="spans"), SHOCK)


def test_predicates_are_sentences():
    assert str(Predicate(PredicateKind.CALL, "kill", 200)) == (
        "another container's kill began in the 200 ms before"
    )
    assert str(Predicate(PredicateKind.COLLECTION, "collection")) == (
        "containerd collected garbage since the container's snapshot was there"
    )
