"""The main job: two profiles, their comparison, and one page of it all."""

from __future__ import annotations

from pathlib import Path

import pytest

from iluvatar_bench.demo import PROFILES, run_demo


@pytest.mark.daemon
@pytest.mark.slow
def test_the_demo_ends_with_a_report_and_names_files_that_are_there(tmp_path: Path) -> None:
    said: list[str] = []
    done = run_demo(
        trials=6, concurrency=3, seed=1, results=tmp_path, progress=False, say=said.append
    )
    assert [run.label for run in done.runs] == list(PROFILES)
    assert [line.split(":")[0] for line in said] == list(PROFILES)
    assert len(done.files) == 10
    assert all(path.is_file() for path in done.files.values())
    page = done.files["report"].read_text()
    assert "guarded: 6 of 6 trials without failure." in page
    for name, path in done.files.items():
        if name != "report":
            assert f'href="{path.relative_to(done.files["report"].parent)}"' in page
