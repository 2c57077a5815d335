"""The main job: two profiles, their comparison, and one page of it all."""

from __future__ import annotations

from pathlib import Path

import pytest

from iluvatar_bench.batch.demo import PROFILES, run_demo


@pytest.mark.daemon
@pytest.mark.slow
def test_the_demo_ends_with_a_report_and_names_files_that_are_there(tmp_path: Path) -> None:
    said: list[str] = []
    done = run_demo(
        trials=6,
        concurrency=3,
        arrivals=6,
        seed=1,
        ready_seconds=30.0,
        results=tmp_path,
        progress=False,
        say=said.append,
    )
    workloads = ("cold-start", "churn")
    expected = [f"{workload}, {profile}" for workload in workloads for profile in PROFILES]
    assert [f"{run.workload}, {run.label}" for run in done.runs] == expected
    assert [line.split(":")[0] for line in said] == expected
    assert {run.manifest["request"]["ready_seconds"] for run in done.runs} == {30.0}
    assert list(done.tables) == list(workloads)
    assert all(list(table.columns[:2]) == list(PROFILES) for table in done.tables.values())
    assert len(set(done.files.values())) == len(done.files) == 17
    assert all(path.is_file() for path in done.files.values())
    page = done.files["report"].read_text()
    assert "guarded, cold-start: 6 of 6 trials without failure." in page
    assert "described, not judged (single runs at two times" in page
    assert ">Arrivals</h2>" in page
    for name, path in done.files.items():
        if name != "report":
            assert f'href="{path.relative_to(done.files["report"].parent)}"' in page
