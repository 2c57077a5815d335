"""The table of failure rates, and the accounting that it rests on."""

from __future__ import annotations

import io
import math

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iluvatar_bench.bugs.taxonomy import BugClass
from iluvatar_bench.records import Outcome, UnknownClass
from iluvatar_bench.stats import FAILURE_RATE_COLUMNS, check_accounting, failure_rates, rate

COLUMNS = ["profile", "outcome", "bug_class", "mechanism"]


def frame(*groups):
    """Trials from (how many, profile, outcome, bug class, mechanism)."""
    return pd.DataFrame([row for n, *row in groups for _ in range(n)], columns=COLUMNS)


def row_of(table, profile, name):
    found = table[(table["profile"] == profile) & (table["bug_class"] == name)]
    assert len(found) == 1
    return found.iloc[0]


@pytest.fixture
def trials():
    """Forty trials without the snapshot reference, forty with; one answer was lost."""
    return frame(
        (19, "no-reference", "ok", None, None),
        (12, "no-reference", "failed", "snapshot_overlay", "snapshot_collected"),
        (7, "no-reference", "failed", "missing_packages", "snapshot_collected"),
        (1, "no-reference", "failed", "missing_packages", None),
        (1, "no-reference", "unknown", None, None),
        (40, "guarded", "ok", None, None),
    )


def test_every_class_has_its_row_and_every_outcome(trials):
    table = failure_rates(trials)
    assert tuple(table.columns) == FAILURE_RATE_COLUMNS
    names = [str(name) for kind in (BugClass, UnknownClass, Outcome) for name in kind]
    assert list(table["bug_class"]) == names * 2
    assert list(table["profile"].unique()) == ["no-reference", "guarded"]
    assert table["count"].dtype == table["trials"].dtype == "int64"
    # The two vocabularies share a column, so they must not share a word.
    assert len(set(names)) == len(names)


def test_a_row_holds_the_rate_of_all_trials_with_the_unknown_ones(trials):
    row = row_of(failure_rates(trials), "no-reference", "snapshot_overlay")
    expected = rate(12, 40)
    assert (row["kind"], row["count"], row["trials"]) == ("bug_class", 12, 40)
    assert (row["rate"], row["low"], row["high"]) == (0.3, expected.low, expected.high)
    assert math.isnan(row["upper_bound_if_zero"])
    unknown = row_of(failure_rates(trials), "no-reference", "unknown")
    assert (unknown["kind"], unknown["count"], unknown["trials"]) == ("outcome", 1, 40)


def test_a_class_that_never_came_has_its_upper_bound(trials):
    row = row_of(failure_rates(trials), "guarded", "missing_packages")
    assert (row["count"], row["rate"], row["low"]) == (0, 0.0, 0.0)
    assert row["upper_bound_if_zero"] == pytest.approx(1 - 0.05 ** (1 / 40))
    assert row["mechanisms"] == ""


def test_mechanisms_are_counted_and_a_missing_one_is_unknown(trials):
    table = failure_rates(trials)
    found = {name: row_of(table, "no-reference", name)["mechanisms"] for name in table["bug_class"]}
    assert found["snapshot_overlay"] == "snapshot_collected 12/12"
    assert found["missing_packages"] == "snapshot_collected 7/8; unknown 1/8"
    assert found["failed"] == "snapshot_collected 19/20; unknown 1/20"
    assert found["ok"] == found["unknown"] == ""


def test_method_and_confidence_are_passed_on(trials):
    table = failure_rates(trials, method="clopper_pearson", confidence=0.99)
    row = row_of(table, "no-reference", "snapshot_overlay")
    expected = rate(12, 40, method="clopper_pearson", confidence=0.99)
    assert (row["low"], row["high"]) == (expected.low, expected.high)


def test_enum_members_csv_and_categories_give_the_same_table(trials):
    expected = failure_rates(trials)
    as_enum = trials.assign(
        outcome=[Outcome(v) for v in trials["outcome"]],
        bug_class=[None if pd.isna(v) else BugClass(v) for v in trials["bug_class"]],
    )
    as_csv = pd.read_csv(io.StringIO(trials.to_csv(index=False)))
    pd.testing.assert_frame_equal(failure_rates(as_enum), expected)
    pd.testing.assert_frame_equal(failure_rates(as_csv), expected)
    pd.testing.assert_frame_equal(failure_rates(trials.astype("category")), expected)
    assert all(type(v) is str for v in failure_rates(as_enum)["bug_class"])


def test_no_trials_give_no_rows():
    table = failure_rates(frame())
    assert len(table) == 0
    assert tuple(table.columns) == FAILURE_RATE_COLUMNS
    check_accounting(frame())


ROWS = st.one_of(
    st.tuples(st.sampled_from(["a", "b"]), st.sampled_from(["ok", "unknown"]), st.none()),
    st.tuples(
        st.sampled_from(["a", "b"]), st.just("failed"), st.sampled_from([str(c) for c in BugClass])
    ),
)


@given(st.lists(ROWS, min_size=1, max_size=30))
def test_the_table_accounts_for_every_trial(rows):
    trials = pd.DataFrame([(*row, None) for row in rows], columns=COLUMNS)
    for profile, part in failure_rates(trials).groupby("profile"):
        counts = part.set_index("bug_class")["count"]
        total = sum(row[0] == profile for row in rows)
        assert set(part["trials"]) == {total}
        assert counts["ok"] + counts["failed"] + counts["unknown"] == total
        assert part.loc[part["kind"] == "bug_class", "count"].sum() == counts["failed"]


@pytest.mark.parametrize(
    ("broken", "fault"),
    [
        ((1, "p", "passed", None, None), "none of ok|failed|unknown"),
        ((1, "p", None, None, None), "none of ok|failed|unknown"),
        ((1, "p", "failed", None, None), "a failure without a bug class"),
        ((1, "p", "ok", "process_died", None), "a bug class without a failure"),
        ((1, "p", "unknown", "process_died", None), "a bug class without a failure"),
        ((1, "p", "failed", "gremlins", None), "a bug class that nobody knows"),
    ],
)
def test_accounting_that_does_not_add_up_is_refused(broken, fault):
    trials = frame((2, "p", "ok", None, None), broken)
    with pytest.raises(ValueError) as caught:
        check_accounting(trials)
    assert fault in str(caught.value)
    assert "in 1 of 3 trials (rows 2)" in str(caught.value)
    with pytest.raises(ValueError):
        failure_rates(trials)


def test_the_message_names_five_rows_and_no_more():
    with pytest.raises(ValueError, match=r"in 9 of 9 trials \(rows 0, 1, 2, 3, 4, \.\.\.\)"):
        check_accounting(frame((9, "p", "failed", None, None)))


def test_missing_columns_and_profiles_are_refused(trials):
    with pytest.raises(ValueError, match="no column bug_class"):
        check_accounting(trials.drop(columns="bug_class"))
    with pytest.raises(ValueError, match="no column mechanism"):
        failure_rates(trials.drop(columns="mechanism"))
    with pytest.raises(ValueError, match="no profile in 1 of 1 trials"):
        failure_rates(frame((1, None, "ok", None, None)))


def test_the_caller_keeps_its_frame(trials):
    before = trials.copy(deep=True)
    failure_rates(trials)
    pd.testing.assert_frame_equal(trials, before)
