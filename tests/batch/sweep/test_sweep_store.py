"""What a sweep keeps: parts that make one dataset, records, and what a second sweep finds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import fsspec
import pandas as pd
import pyarrow.parquet as pq
import pytest

from iluvatar_bench.batch.sweep.job_outcome import JobEnd
from iluvatar_bench.batch.sweep.sweep_cells import AXES, SweepCell
from iluvatar_bench.batch.sweep.sweep_store import CELL_COLUMNS, CellRecord, SweepStore
from iluvatar_bench.batch.sweep.trial_part import counts_of, part_path, trial_part
from iluvatar_bench.errors import MissingExtra, UnusablePath, UsageError
from iluvatar_bench.profiles import PRESETS
from iluvatar_bench.shipped import DATA

RUNS = ("guarded", "iluvatar-2022-07")


def cell_of(profile: str) -> SweepCell:
    return SweepCell(
        profile=PRESETS[profile],
        concurrency=4,
        # As an image may be called; in a folder's name it would be another folder.
        function={"name": "my/fn:1=2", "kind": "image", "digest": "sha256:0"},
        seed=1,
        trials=1,
        hold_ms=(0, 1),
        ready_seconds=1.0,
    )


def record_of(cell: SweepCell, end: JobEnd = JobEnd.FINISHED) -> CellRecord:
    return CellRecord(
        cell=cell.id,
        **cell.axes,  # type: ignore[arg-type]
        end=end,
        host="10.0.0.1",
        hostname="a",
        run="/srv/run",
        classes={"process_died": 2},
    )


@pytest.fixture(params=["folder", "memory"])
def out(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "folder":
        yield str(tmp_path / "out")
        return
    yield f"memory://{tmp_path.name}"
    fsspec.filesystem("memory").rm(f"/{tmp_path.name}", recursive=True)


def test_parts_of_runs_with_different_gaps_are_one_dataset(tmp_path: Path) -> None:
    """One run without any failure, one with failures of several classes."""
    store = SweepStore(str(tmp_path), name="grid")
    frames = {}
    for profile in RUNS:
        path = DATA / "runs" / profile / "trials.parquet"
        frames[profile] = pd.read_parquet(path)
        cell = cell_of(profile)
        store.keep_part(part_path(cell), trial_part(path.read_bytes(), cell, host="10.0.0.1"))
    files = sorted((tmp_path / "sweep-grid" / "trials").rglob("*.parquet"))
    assert len(files) == 2
    assert pq.read_schema(files[0]) == pq.read_schema(files[1])
    dataset = pd.read_parquet(store.url + "/trials")
    assert {*AXES, "cell", "host"} <= set(dataset.columns)
    for profile, frame in frames.items():
        part = dataset[dataset["profile"] == profile].sort_values("trial").reset_index(drop=True)
        assert set(part["cell"]) == {cell_of(profile).id}
        assert set(part["function"].astype(str)) == {"my/fn:1=2"}
        for column in set(frame.columns) - {"profile", "function", "snapshotter"}:
            expected = frame.sort_values("trial")[column].reset_index(drop=True)
            given = part[column]
            assert given.isna().equals(expected.isna()), column
            if pd.api.types.is_datetime64_any_dtype(expected):
                difference = (given - expected).abs().max()
                assert difference < pd.Timedelta(microseconds=1), column
            else:
                told = expected.notna()
                assert list(given[told]) == list(expected[told]), column


def test_counts_are_those_of_the_runs_own_table() -> None:
    for profile in RUNS:
        path = DATA / "runs" / profile / "trials.parquet"
        frame = pd.read_parquet(path)
        counts = counts_of(path.read_bytes())
        assert counts.trials == len(frame) == counts.ok + counts.failed + counts.unknown
        assert counts.ok == (frame["outcome"] == "ok").sum()
        assert dict(counts.classes) == frame["bug_class"].dropna().value_counts().to_dict()


def test_a_second_sweep_finds_what_is_finished(out: str) -> None:
    store = SweepStore(out, name="grid")
    assert store.finished(resume=False) == {}
    done, failed = (record_of(cell_of(name), end) for name, end in zip(RUNS, JobEnd, strict=False))
    store.keep_record(done)
    store.keep_record(failed)
    again = SweepStore(out, name="grid")
    assert again.finished(resume=True) == {done.cell: done}
    with pytest.raises(UsageError, match="this sweep was begun before: --resume goes on in "):
        again.finished(resume=False)
    assert SweepStore(out, name="other").finished(resume=False) == {}
    # Of another version, or torn: as if it had not been run.
    files, root = fsspec.core.url_to_fs(again.url)
    files.pipe_file(f"{root}/cells/{done.cell}.json", b'{"cell": ')
    assert again.finished(resume=True) == {}


def test_a_sweep_is_begun_once_and_its_runs_are_its_own(out: str) -> None:
    store = SweepStore(out, name="grid")
    begun = store.begun(versions={"dask": "1"})
    assert begun.runs.startswith("sweep-grid-") and begun.versions == {"dask": "1"}
    with_hosts = replace(begun, hosts={"10.0.0.1": {"cpus": 2}})
    store.keep_sweep(with_hosts)
    assert SweepStore(out, name="grid").begun(versions={"dask": "2"}) == with_hosts
    assert SweepStore(out + "/elsewhere", name="grid").begun(versions={}).runs != begun.runs


def test_the_table_has_a_row_a_cell(out: str) -> None:
    store = SweepStore(out, name="grid")
    store.keep_table([record_of(cell_of(name)) for name in RUNS])
    table = pd.read_csv(store.url + "/cells.csv")
    assert tuple(table.columns) == CELL_COLUMNS
    assert sorted(table["profile"]) == sorted(RUNS)
    assert set(table["classes"]) == {'{"process_died": 2}'}


def test_a_part_takes_the_place_of_an_earlier_one_and_nothing_is_left(out: str) -> None:
    store = SweepStore(out, name="grid")
    for content in (b"one", b"other"):
        store.keep_part("seed=1/x.parquet", content)
    files, root = fsspec.core.url_to_fs(store.url)
    assert [str(name).removeprefix(str(root)) for name in files.find(root)] == [
        "/trials/seed=1/x.parquet"
    ]
    assert files.cat_file(f"{root}/trials/seed=1/x.parquet") == b"other"


def test_places_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--out nix://a: Protocol not known: nix"):
        SweepStore("nix://a", name="grid")
    with pytest.raises(MissingExtra, match=r"--out s3://bucket: .*s3fs"):
        SweepStore("s3://bucket", name="grid")
    (tmp_path / "file").touch()
    store = SweepStore(str(tmp_path / "file"), name="grid")
    with pytest.raises(UnusablePath, match=r"cannot use .*file/sweep-grid: "):
        store.keep_record(record_of(cell_of("guarded")))
