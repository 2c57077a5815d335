"""A run that ended before its first trial is kept, and every reader says so in one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from iluvatar_bench.errors import UsageError
from iluvatar_bench.explain import explain_trial
from iluvatar_bench.report import comparison_table, failure_examples, report_page
from iluvatar_bench.runs import RunFolder, RunResult, open_run, record_run
from iluvatar_bench.stats import compare_runs
from tests.support.command import command
from tests.support.run_folders import MANIFEST, make_run


@pytest.fixture(params=["stopped", "interrupted", "running", "daemon_lost", "disk_full"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> RunResult:
    folder = RunFolder.create(tmp_path, profile_name="early")
    folder.write_manifest({**MANIFEST, "run_id": folder.run_id, "status": request.param})
    return open_run(folder.path)


def test_it_opens_without_trials_and_says_why(empty: RunResult) -> None:
    assert empty.trials.empty
    assert list(empty.trials.columns) == list(
        make_run(empty.folder.parent / "one", ok=1).trials.columns.drop("cgroup")
    )
    assert str(empty).startswith("no trials; kept in ")
    assert "before its first trial" in str(empty)
    assert "\n" not in str(empty)
    assert empty.as_json()["trials"] == 0
    assert "before its first trial" in empty.as_json()["caveat"]
    assert list(comparison_table(empty.rates).columns) == ["mechanism"], "no profile to show"
    assert failure_examples(empty.trials).empty


@pytest.mark.parametrize("reader", ["compare", "compare other", "report", "explain", "record"])
def test_the_command_line_says_it_in_one_line(empty: RunResult, reader: str) -> None:
    name, other = str(empty.folder), str(make_run(empty.folder.parent / "one", ok=3).folder)
    arguments = {
        "compare": ("compare", name, other),
        "compare other": ("compare", other, name),
        "report": ("report", name, "--out", str(empty.folder / "page.html")),
        "explain": ("explain", name, "0"),
        "record": ("record", name, "mine"),
    }
    done = command(*arguments[reader])
    assert done.returncode == 2
    assert "before its first trial" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert f"run {empty.folder.name} holds no trial" in done.stderr


def test_the_library_refuses_it_where_there_is_nothing_to_say(empty: RunResult) -> None:
    full = make_run(empty.folder.parent / "one", ok=3)
    with pytest.raises(UsageError, match="holds no trial"):
        compare_runs(full, empty)
    with pytest.raises(UsageError, match="holds no trial"):
        explain_trial(empty, 0)
    with pytest.raises(UsageError, match="holds no trial"):
        record_run(empty.folder, "mine", home=empty.folder.parent / "home")
    page = report_page([full, empty])
    assert "before its first trial" in page


def test_notebooks_ask_for_trials_before_they_draw(request: pytest.FixtureRequest) -> None:
    for name in ("cold_start", "churn", "monitor"):
        path = request.config.rootpath / "notebooks" / f"{name}.ipynb"
        cells = ["".join(cell["source"]) for cell in json.loads(path.read_text())["cells"]]
        asks = next(n for n, cell in enumerate(cells) if ".require_trials()" in cell)
        draws = next(
            n
            for n, cell in enumerate(cells)
            if "plot_rates(" in cell
            or "axes =" in cell
            or "show(" in cell
            or "latency_figure(" in cell
        )
        assert asks < draws
