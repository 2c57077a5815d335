"""Blocks of two profiles: what is counted, what decides, and what is left out."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from iluvatar_bench.stats import (
    COMPARISON_COLUMNS,
    NOT_OK,
    Verdict,
    block_classes,
    block_differences,
    judge_blocks,
    sign_flip_test,
)

SIDES = ("old", "new")


def blocks(counts, repeats=4, bug_class="process_died", outcome="failed"):
    """Trials with so many failures of each side in each block."""
    rows = []
    for block, pair in enumerate(counts):
        for side, failures in zip(SIDES, pair, strict=True):
            for number in range(repeats):
                bad = number < failures
                failed = bad and outcome == "failed"
                rows.append(
                    {
                        "block": block,
                        "side": side,
                        "outcome": outcome if bad else "ok",
                        "bug_class": bug_class if failed else None,
                    }
                )
    return pd.DataFrame(rows).sample(frac=1, random_state=1)


def compared(counts, **options):
    return judge_blocks(blocks(counts), sides=SIDES, repeats=4, **options)


FIX = [(3, 0), (2, 0), (4, 1), (3, 0), (2, 1), (4, 0), (3, 0), (1, 0)]


def test_a_fix_is_better_and_its_reverse_is_worse_by_the_exact_test():
    found = compared(FIX)
    assert (found.baseline_count, found.candidate_count, found.blocks) == (22, 2, 8)
    assert found.difference == pytest.approx(-20 / 32)
    assert found.p_value == 2 / 2**8 == sign_flip_test([-3, -2, -3, -3, -1, -4, -3, -1]).p_value
    assert found.verdict is Verdict.BETTER
    assert found.low < found.difference < found.high
    assert compared([pair[::-1] for pair in FIX]).verdict is Verdict.WORSE
    assert json.loads(json.dumps(found.as_json()))["verdict"] == "better"


def test_who_looks_needs_evidence_and_not_a_p():
    assert compared(FIX[:6]).verdict is Verdict.BETTER
    assert compared(FIX[:6], looked=True).verdict is Verdict.NO_DIFFERENCE_SHOWN
    assert compared(FIX * 2, looked=True).verdict is Verdict.BETTER
    # What was shown once stays shown.
    assert compared(FIX * 2 + [(0, 1)] * 6, looked=True).better == compared(FIX * 2).better


def test_better_by_needs_the_bound_and_not_the_point():
    found = compared(FIX * 5)
    assert found.is_better_by(0.2)
    assert not found.is_better_by(-found.difference)


def test_lost_answers_count_as_not_ok_but_not_as_a_class():
    lost = blocks([(0, 3)] * 8, outcome="unknown").assign(unknown_class=None)
    lost.loc[lost["outcome"] == "unknown", "unknown_class"] = "answer_lost"
    assert judge_blocks(lost, sides=SIDES, repeats=4).verdict is Verdict.WORSE
    one_class = judge_blocks(lost, sides=SIDES, repeats=4, endpoint="process_died")
    assert (one_class.candidate_count, one_class.p_value) == (0, 1.0)


def test_blocks_that_are_not_complete_are_left_out():
    trials = blocks(FIX).query("not (block == 2 and side == 'new' and outcome == 'failed')")
    found = judge_blocks(trials, sides=SIDES, repeats=4)
    assert (found.blocks, found.baseline_count, found.candidate_count) == (7, 18, 1)
    assert len(block_differences(trials, sides=SIDES, repeats=4)) == 7


def test_classes_are_corrected_by_holm_unless_somebody_looked():
    trials = pd.concat(
        [blocks(FIX), blocks(FIX, bug_class="oom_killed").assign(block=lambda t: t["block"] + 8)]
    )
    table = block_classes(trials, sides=SIDES, repeats=4).set_index("bug_class")
    assert tuple(table.reset_index()[list(COMPARISON_COLUMNS)].columns) == COMPARISON_COLUMNS
    assert table["p_holm"].notna().sum() == 3
    assert table.loc["process_died", "p_holm"] == pytest.approx(2 * 2 / 2**8)
    assert table.loc["failed", "p_holm"] == pytest.approx(3 * 2 / 2**16)
    assert table.loc["failed", "verdict"] == Verdict.BETTER
    looked = block_classes(trials, sides=SIDES, repeats=4, looked=True)
    assert looked["p_holm"].isna().all()
    assert set(looked["verdict"]) == {Verdict.DESCRIBED}


def test_exchanging_the_sides_turns_everything():
    rng = np.random.default_rng(2)
    counts = [tuple(pair) for pair in rng.integers(0, 5, (12, 2)).tolist()]
    there, back = compared(counts), compared([pair[::-1] for pair in counts])
    assert there.p_value == pytest.approx(back.p_value)
    assert (there.worse, there.better) == pytest.approx((back.better, back.worse))
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low), abs=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"alpha": 0}, "alpha must lie"),
        ({"endpoint": "nope"}, "no endpoint"),
        ({"repeats": 5}, "no block is complete"),
        ({"sides": ("old", "other")}, "no block is complete"),
    ],
)
def test_impossible_requests_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        judge_blocks(blocks(FIX), **{"sides": SIDES, "repeats": 4, **options})
    assert compared(FIX).endpoint == NOT_OK
