"""What the command line prints and writes."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from iluvatar_bench.errors import UnusablePath
from iluvatar_bench.worker_logs import scan
from iluvatar_bench.worker_logs.class_table import class_table, remarks, save_failures

SEED = Path(__file__).parents[2] / "data" / "seed"


def test_the_table_of_the_notes_of_2022() -> None:
    table = class_table(scan([SEED]))
    assert table["failures"].to_dict() == {
        "missing_packages": "2",
        "process_died": "1",
        "snapshot_overlay": "1",
    }
    assert table.loc["process_died", "of containers"] == "1/3 [6.1–79.2 %]"
    assert table.loc["process_died", "first seen (UTC)"] == "2022-07-08 19:59:21"
    assert table.loc["missing_packages", "first seen (UTC)"] == ""


def test_the_remarks_say_what_has_no_row(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(
        b"OOMKilled\n\xff\n[2022-07-08 15:59:16.1 -04:00] [ERROR] [m] [CtrMrgWorker] of nobody\n"
    )
    report = scan([path])
    assert remarks(report) == [
        "read: 1 file, 0.0 MB, 3 lines, 0 containers, 0 invocations, 0 memory changes",
        f"could not be read as it should: 1 line; the first is {path}, line 2: not UTF-8",
        "errors of the worker's background tasks, of no container: 1",
    ]
    assert class_table(report)["of containers"].tolist() == ["unknown"]
    # Neither is it unsure of any, nor does the log name a time.
    assert list(class_table(report)) == ["failures", "of containers"]
    path.write_text("exit status 137\n")
    assert class_table(scan([path]))["of them likely"].tolist() == ["1"]


def test_the_failures_are_written(tmp_path: Path) -> None:
    report = scan([SEED])
    save_failures(report, csv=tmp_path / "a.table", parquet=tmp_path / "b.table")
    for again in (pd.read_csv(tmp_path / "a.table"), pd.read_parquet(tmp_path / "b.table")):
        assert again["bug_class"].tolist() == report.failures["bug_class"].tolist()
        assert again["text"].tolist() == report.failures["text"].tolist()


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_file_that_cannot_be_written_is_said(tmp_path: Path, kind: str) -> None:
    with pytest.raises(UnusablePath, match="absent"):
        save_failures(scan([SEED]), **{kind: tmp_path / "absent" / "x"})


def test_half_a_character_in_json_can_be_stored(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text(
        '{"timestamp":"2025-03-05 10:11:12.5","level":"ERROR","fields":{"message":"ttrpc: closed '
        '\\ud800","tid":"t1\\udfff"}}\n'
    )
    report = scan([path])
    save_failures(report, parquet=tmp_path / "a.parquet")
    assert report.failures["transaction_id"].tolist() == ["t1?"]
