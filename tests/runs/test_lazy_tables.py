"""A run that is opened has read no more than it has to, and what is asked for is all there."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest

from iluvatar_bench.errors import UsageError
from iluvatar_bench.runs import find_run, open_run
from iluvatar_bench.runs.load_trials import load_run
from iluvatar_bench.runs.observations import NAMED_IN

NAME = "monitored"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of a recorded run, which has tables and no journals."""
    return Path(shutil.copytree(find_run(NAME), tmp_path / NAME))


def test_a_table_is_read_when_it_is_asked_for_and_kept(folder: Path) -> None:
    run = open_run(folder)
    events = run.seen["events"]
    assert len(events) > 0
    for name in NAMED_IN:
        (folder / f"{name}.parquet").unlink()
    assert run.seen["events"] is events
    # Not read before, so it is not there any more.
    assert run.seen["deaths"].empty
    assert set(NAMED_IN) <= set(run.seen)
    assert run.seen.get("no such table") is None


@pytest.mark.parametrize("name", NAMED_IN)
def test_the_rows_of_one_container_are_all_that_name_it(folder: Path, name: str) -> None:
    whole = open_run(folder).seen[name]
    one = str(whole["container_id"].dropna().iloc[0])
    mine = pd.concat([whole[column] == one for column in NAMED_IN[name]], axis=1).any(axis=1)
    assert 0 < mine.sum() < len(whole)
    run = open_run(folder)
    pd.testing.assert_frame_equal(
        run.seen_of(name, one), whole[mine.fillna(False)].reset_index(drop=True)
    )
    # Of a table that is in memory there is nothing to read.
    assert run.seen[name] is run.seen_of(name, one)


@pytest.mark.parametrize("name", NAMED_IN)
def test_a_torn_table_is_refused_before_it_is_read(folder: Path, name: str) -> None:
    table = folder / f"{name}.parquet"
    table.write_bytes(table.read_bytes()[:-20])
    with pytest.raises(UsageError, match=f"the {name} in .* cannot be read"):
        open_run(folder)


def test_of_the_trials_no_more_than_the_columns_that_are_asked_for(folder: Path) -> None:
    whole = load_run(folder)[1]
    some = load_run(folder, columns=["outcome", "trial", "of no run"])[1]
    pd.testing.assert_frame_equal(
        some[["outcome", "trial"]], whole[["outcome", "trial"]], check_like=True
    )
    assert "evidence" not in some
