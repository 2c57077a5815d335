"""Tables that are written a part at a time against frames that are made of everything at once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iluvatar_bench.records import Death, Event, Outcome, Sample, Trial, Way
from iluvatar_bench.records.frames import invocations_frame, trials_frame
from iluvatar_bench.runs import table_parts
from iluvatar_bench.runs.observations import journaled, load_observations
from iluvatar_bench.runs.run_tables import write_tables
from iluvatar_bench.runs.store import RunFolder
from iluvatar_bench.stats import failure_rates

AT = "2026-01-01T00:00:{:02}.25+00:00"


@st.composite
def trials(draw: st.DrawFn) -> list[Trial]:
    """In any order, some failed, some with invocations; levels of one factor of one kind or two."""
    made = []
    for number in draw(st.permutations(range(draw(st.integers(0, 9))))):
        levels = {
            "cgroup": draw(st.sampled_from(["own", "shared"])),
            "cpus": draw(st.sampled_from([1, 0.5])),
        }
        if draw(st.booleans()):
            levels["start_delay_ms"] = draw(st.integers(0, 3))
        failed = draw(st.booleans())
        made.append(
            Trial(
                run_id="r",
                trial=number,
                container_id=f"c{number}",
                profile=draw(st.sampled_from(["p", "q"])),
                factors=levels,
                function="hello",
                submitted_at=AT.format(draw(st.integers(0, 59))),
                outcome=Outcome.FAILED if failed else Outcome.OK,
                bug_class="oom_killed" if failed else None,
                error='it, "failed"\nhere' if failed else None,
                exit_status=137 if failed else None,
                steps={"create_ms": 1.25} if draw(st.booleans()) else {},
                invocations=tuple(
                    {
                        "attachment": None,
                        "operation": "invoke",
                        "first": True,
                        "sent_at": AT.format(second),
                        "duration_ms": 0.5,
                        "status": draw(st.sampled_from([200, None])),
                        "response_bytes": 3,
                        "cause": None,
                        "error": None,
                    }
                    for second in draw(st.lists(st.integers(0, 59), max_size=2))
                ),
            )
        )
    return made


@st.composite
def deaths(draw: st.DrawFn) -> list[Death]:
    """Each told once or several times, with more known each time, between the words on others."""
    told = []
    for number in range(draw(st.integers(0, 5))):
        first = Death(
            run_id="r",
            container_id=f"c{number}",
            pid=draw(st.sampled_from([7, None])),
            first_way=Way.PIDFD,
            first_seen_at=AT.format(number),
        )
        told.append(first)
        told += [replace(first, exit_status=9)] * draw(st.integers(0, 2))
    return draw(st.permutations(told))


@settings(max_examples=5, deadline=None)
@given(trials(), deaths(), st.integers(0, 7))
def test_tables_in_parts_are_those_of_everything_at_once(
    recorded: list[Trial], ends: list[Death], seen: int
) -> None:
    write_and_compare(recorded, ends, seen)


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(trials(), deaths(), st.integers(0, 7))
def test_tables_in_parts_are_those_of_everything_at_once_in_many_cases(
    recorded: list[Trial], ends: list[Death], seen: int
) -> None:
    write_and_compare(recorded, ends, seen)


def write_and_compare(recorded: list[Trial], ends: list[Death], seen: int) -> None:
    # In memory: each table of each example is synced.
    with TemporaryDirectory(dir="/dev/shm") as home, pytest.MonkeyPatch.context() as patch:
        patch.setattr(table_parts, "ROWS_AT_A_TIME", 3)
        folder = RunFolder(Path(home))
        folder.write_manifest({"status": "finished"})
        for trial in recorded:
            folder.append(trial)
        for death in ends:
            folder.observations["deaths"].append(death.as_row())
        for number in range(seen):
            event = Event(run_id="r", timestamp=AT.format(number), topic="/x", pid=number or None)
            folder.observations["events"].append(event.as_row())
            sample = Sample(
                run_id="r",
                round=number,
                sampled_at=AT.format(number),
                container_id=None,
                rss_bytes=number or None,
                diff_bytes=None,
            )
            folder.observations["samples"].append(sample.as_row())
        write_tables(folder)
        folder.close()
        assert_same(pd.read_parquet(folder.path / "trials.parquet"), trials_frame(recorded))
        for name, frame in journaled(folder).frames().items():
            assert_same(load_observations(folder.path)[name], frame)
        sent = pd.read_parquet(folder.path / "invocations.parquet")
        expected = invocations_frame(recorded)
        assert sent["sent_at"].is_monotonic_increasing
        keys = ["trial", "sent_at", "status"]
        assert_same(
            sent.sort_values(keys, ignore_index=True),
            expected.sort_values(keys, ignore_index=True),
        )
        whole = pd.read_csv(folder.path / "trials.csv")
        assert_same(whole[["trial", "error"]], trials_frame(recorded)[["trial", "error"]])
        rates = pd.read_csv(folder.path / "failure_rates.csv")
        assert rates["count"].tolist() == failure_rates(trials_frame(recorded))["count"].tolist()


def assert_same(found: pd.DataFrame, expected: pd.DataFrame) -> None:
    """Columns, order and values; whole numbers that may be missing stay whole."""
    assert set(found.columns) == set(expected.columns)
    for name in expected.columns[expected.isna().all()]:
        assert found[name].isna().all()
    filled = list(expected.columns[expected.notna().any()])
    pd.testing.assert_frame_equal(found[filled], expected[filled], check_dtype=False)
    for name in expected.columns:
        if str(expected[name].dtype) == "Int64" and len(expected):
            assert str(found[name].dtype) == "Int64"
