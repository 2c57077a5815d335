"""Notebooks: strict about parameters, honest about failures, stored without outputs."""

from __future__ import annotations

import ast
import json
import subprocess
from pathlib import Path
from typing import Any

import nbformat
import pytest

from iluvatar_bench.batch.filing import new_folder
from iluvatar_bench.batch.notebook import NotebookFailed, run_notebook
from iluvatar_bench.batch.notebook_files import NOTEBOOK_HOME, notebook_names
from iluvatar_bench.batch.parameters import check_parameters
from iluvatar_bench.errors import UnusablePath, UsageError
from iluvatar_bench.profiles import PRESETS
from iluvatar_bench.profiles.profile_file import write_profile
from tests.support.command import PROGRAM

RECORDED = NOTEBOOK_HOME.parent / "data" / "runs"


def outputs_of(path: Path) -> list[Any]:
    notebook = nbformat.read(path, as_version=4)
    return [output for cell in notebook.cells for output in cell.get("outputs", ())]


@pytest.fixture
def no_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No containerd, runc or other program is to be found."""
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))


def test_parameters_are_converted_to_their_declared_types() -> None:
    given = {"trials": "12", "ready_seconds": "2.5", "settings": "cgroup=own, kill=init"}
    assert check_parameters("cold_start", given) == {
        "trials": 12,
        "ready_seconds": 2.5,
        "settings": ["cgroup=own", "kill=init"],
    }


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("cold_strat", {}, r"no notebook 'cold_strat' \(did you mean cold_start\?\); there are: "),
        (
            "cold_start",
            {"trails": 1},
            r"no parameter 'trails' \(did you mean trials\?\); there are: source, profile",
        ),
        ("cold_start", {"trials": "many"}, r"parameter trials must be a whole number, not 'many'"),
        ("cold_start", {"trials": 2.5}, r"parameter trials must be a whole number, not 2.5"),
        (
            "cold_start",
            {"hold_ms": "a,b"},
            r"parameter hold_ms must be whole numbers with commas between them, not 'a,b'",
        ),
    ],
)
def test_wrong_parameters_start_nothing(
    name: str, given: dict[str, object], message: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=message):
        run_notebook(name, given, results=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_results_that_cannot_be_written_start_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UnusablePath, match="cannot write results"):
        run_notebook("cold_start", {}, results=tmp_path / "file")


@pytest.mark.parametrize("name", notebook_names())
def test_notebooks_are_stored_without_outputs_and_with_one_parameters_cell(name: str) -> None:
    notebook = nbformat.read(NOTEBOOK_HOME / f"{name}.ipynb", as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in code)
    tagged = [cell for cell in code if "parameters" in cell.metadata.get("tags", ())]
    assert len(tagged) == 1


@pytest.mark.parametrize(
    "run",
    [
        pytest.param(name, marks=[] if name == "iluvatar-2022-07" else pytest.mark.slow)
        for name in sorted(path.name for path in RECORDED.iterdir())
    ],
)
def test_a_recorded_run_feeds_the_notebook_without_a_daemon(
    run: str, tmp_path: Path, no_programs: None
) -> None:
    executed = run_notebook(
        "cold_start",
        {"source": "recorded", "recorded": str(RECORDED / run)},
        results=tmp_path,
        progress=False,
    )
    assert executed.run_folders == ()
    page = executed.html.read_text()
    for wanted in ("Failure rates", "upper_bound_if_zero"):
        assert wanted in page
    outputs = outputs_of(executed.notebook)
    assert [o for o in outputs if o.output_type == "error" or o.get("name") == "stderr"] == []
    pictures = [o for o in outputs if "image/png" in o.get("data", {})]
    assert [o.metadata["image/png"]["alt"].split(":")[0] for o in pictures] == [
        "Bars",
        "Box plots",
        "Gantt chart",
    ]
    assert page.count("<img alt=") + page.count('<img src="data:image/png;base64') == 3


def test_values_are_checked_by_their_meaning_and_paths_are_the_callers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match=r"no profile 'guardd' \(did you mean guarded\?\)"):
        run_notebook("cold_start", {"profile": "guardd"}, results=tmp_path)
    assert list(tmp_path.iterdir()) == []
    monkeypatch.chdir(RECORDED.parent)
    read = {"source": "recorded", "recorded": "runs/guarded"}
    assert check_parameters("cold_start", {**read, "results": "r"}) == {
        "source": "recorded",
        "recorded": str(RECORDED / "guarded"),
        "results": str(RECORDED.parent / "r"),
    }
    assert check_parameters("cold_start", {**read, "recorded": "guarded"})["recorded"] == str(
        RECORDED / "guarded"
    )
    assert check_parameters("worker_logs", {"paths": "seed"})["paths"] == [
        str(RECORDED.parent / "seed")
    ]


def test_the_monitor_notebook_reads_what_is_recorded_without_a_daemon(
    tmp_path: Path, no_programs: None
) -> None:
    executed = run_notebook(
        "monitor",
        {"source": "recorded", "results": str(tmp_path)},
        results=tmp_path,
        progress=False,
    )
    assert executed.run_folders == ()
    outputs = outputs_of(executed.notebook)
    assert [o for o in outputs if o.output_type in ("error", "stream")] == []
    pictures = [o for o in outputs if "image/png" in o.get("data", {})]
    kinds = [o.metadata["image/png"]["alt"].split(":")[0] for o in pictures]
    assert [kind[:9] for kind in kinds] == ["Dots", "Lines", "One trial", "One trial"]
    page = executed.html.read_text()
    for wanted in ("median_ms", "collateral_kill", "in the same cgroup"):
        assert wanted in page


def test_the_monitor_notebook_knows_two_sources(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="source must be"):
        run_notebook("monitor", {"source": "dead"}, results=tmp_path, progress=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.daemon
@pytest.mark.slow
def test_the_monitor_notebook_makes_both_runs_and_keeps_them(tmp_path: Path) -> None:
    executed = run_notebook(
        "monitor",
        {
            "containers": 3,
            "poll_seconds": 0.5,
            "trials": 4,
            "concurrency": 2,
            "results": str(tmp_path),
        },
        results=tmp_path,
        progress=False,
    )
    (folder,) = executed.run_folders
    assert executed.html.parent == folder
    for name in ("detection/deaths.parquet", "samples.parquet", "deaths.parquet", "memory.svg"):
        assert (folder / name).is_file()
    assert [o for o in outputs_of(executed.notebook) if o.output_type == "error"] == []


def test_a_failure_inside_is_one_line_with_the_right_exit_code(tmp_path: Path) -> None:
    with pytest.raises(NotebookFailed) as caught:
        run_notebook("cold_start", {"settings": ["cgroup=mine"]}, results=tmp_path, progress=False)
    assert caught.value.exit_code == 2
    assert str(caught.value).startswith("factor cgroup has no level 'mine'")
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def notebook_home(folder: Path, monkeypatch: pytest.MonkeyPatch, *cells: str) -> None:
    """A folder of notebooks with one, ``tiny``, whose first cell is its parameters."""
    made = [nbformat.v4.new_code_cell(source) for source in cells]
    made[0].metadata["tags"] = ["parameters"]
    folder.mkdir()
    notebook = nbformat.v4.new_notebook(cells=made, metadata={"language_info": {"name": "python"}})
    nbformat.write(notebook, folder / "tiny.ipynb")
    monkeypatch.setattr("iluvatar_bench.batch.notebook_files.NOTEBOOK_HOME", folder)


def test_an_error_in_a_cell_says_where_the_notebook_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notebook_home(tmp_path / "n", monkeypatch, "x: int = 1", "raise ValueError('one\\ntwo')")
    with pytest.raises(NotebookFailed) as caught:
        run_notebook("tiny", {}, results=tmp_path / "r", progress=False)
    (kept,) = (tmp_path / "r").glob("*/tiny.ipynb")
    assert str(caught.value) == f"ValueError: one (notebook tiny, kept at {kept})"
    assert any(output.output_type == "error" for output in outputs_of(kept))


def test_lines_with_two_equals_signs_and_missing_tags(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notebook_home(tmp_path / "n", monkeypatch, 'a: list[str] = ["cgroup=own"]  # b=c\nb: int = 1')
    assert check_parameters("tiny", {"b": "2"}) == {"b": 2}
    notebook = nbformat.read(tmp_path / "n" / "tiny.ipynb", as_version=4)
    notebook.cells[0].metadata["tags"] = []
    nbformat.write(notebook, tmp_path / "n" / "tiny.ipynb")
    with pytest.raises(UsageError, match="has 0 cells tagged 'parameters', not 1"):
        check_parameters("tiny", {})


@pytest.mark.daemon
def test_a_live_run_keeps_notebook_and_html_in_the_runs_folder(tmp_path: Path) -> None:
    executed = run_notebook(
        "cold_start",
        {
            "profile": "guarded",
            "settings": ["server=http_server", "byte_code=shipped"],
            "trials": 4,
            "hold_ms": [10, 50],
            "results": str(tmp_path),
        },
        results=tmp_path,
        progress=False,
    )
    (folder,) = executed.run_folders
    assert executed.notebook.parent == executed.html.parent == folder
    assert [path for path in tmp_path.iterdir() if path.is_dir()] == [folder]
    for name in ("trials.csv", "failure_rates.png", "failure_rates.svg", "steps.png"):
        assert (folder / name).is_file()
    assert json.loads((folder / "manifest.json").read_text())["plan"]["seed"] == 1
    progress, no_failure = [
        o.text for o in outputs_of(executed.notebook) if o.output_type == "stream"
    ]
    # The bar's last state, not all of them.
    assert progress.count("\n") == 1
    assert "4/4" in progress
    assert "4 ok" in progress
    assert no_failure == "No failure.\n"


def test_the_recorded_churn_runs_feed_their_notebook_without_a_daemon(
    tmp_path: Path, no_programs: None
) -> None:
    executed = run_notebook("churn", {"source": "recorded"}, results=tmp_path, progress=False)
    assert executed.run_folders == ()
    outputs = outputs_of(executed.notebook)
    assert [o for o in outputs if o.output_type == "error" or o.get("name") == "stderr"] == []
    pictures = [o for o in outputs if "image/png" in o.get("data", {})]
    kinds = [o.metadata["image/png"]["alt"].split(":")[0] for o in pictures]
    assert kinds == ["Points", "Areas", "Bars", "Steps"]
    page = executed.html.read_text()
    for wanted in ("evicted for memory", "latency warm, ms", "iluvatar-2022-07", "guarded"):
        assert wanted in page


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"source": "recoded"}, "source must be live or recorded, not 'recoded'"),
        ({"source": "recorded", "recorded": ["/nowhere"]}, "no run '/nowhere'"),
        ({"source": "recorded", "recorded": ["guarded"]}, "has no pool.parquet"),
        ({"recorded": ["churn-guarded"]}, "add -p source=recorded, or leave recorded away"),
        ({"functions": ["nope"]}, "no function 'nope'"),
        ({"budget_mib": 1}, "never fits into a budget of 1 MiB"),
        ({"profiles": ["guarded", "guardd"]}, "did you mean guarded?"),
    ],
)
def test_a_wrong_request_of_the_churn_notebook_starts_nothing(
    given: dict[str, object], message: str, tmp_path: Path
) -> None:
    with pytest.raises((UsageError, NotebookFailed)) as caught:
        run_notebook("churn", {**given, "results": str(tmp_path)}, results=tmp_path, progress=False)
    assert caught.value.exit_code == 2
    assert message in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_what_is_read_is_a_run_or_a_folder_of_tables(tmp_path: Path) -> None:
    home = RECORDED.parent / "tables" / "dose_response"
    for name in (str(home), "dose_response"):
        checked = check_parameters("dose_response", {"source": "recorded", "tables": name})
        assert checked == {"source": "recorded", "tables": str(home)}
    with pytest.raises(UsageError, match=r"no tables 'nowhere': .* detection, dose_response"):
        check_parameters("dose_response", {"source": "recorded", "tables": "nowhere"})
    with pytest.raises(UsageError, match=r"has no manifest\.json"):
        check_parameters("cold_start", {"source": "recorded", "recorded": str(NOTEBOOK_HOME)})


def test_a_profiles_file_is_found_from_where_the_user_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_profile(PRESETS["guarded"].model_dump(), tmp_path / "mine.toml")
    for name in ("cold_start", "root_cause", "monitor"):
        found = check_parameters(name, {"profile": "mine.toml"})
        assert found == {"profile": str(tmp_path / "mine.toml")}
    (tmp_path / "guarded").mkdir()
    assert check_parameters("churn", {"profiles": "mine.toml,guarded"}) == {
        "profiles": [str(tmp_path / "mine.toml"), "guarded"]
    }


def defaults(name: str) -> dict[str, Any]:
    """The parameters of a notebook with the values that they have in it."""
    notebook = nbformat.read(NOTEBOOK_HOME / f"{name}.ipynb", as_version=4)
    (cell,) = [c for c in notebook.cells if "parameters" in c.metadata.get("tags", ())]
    values: dict[str, Any] = {}
    for statement in ast.parse(cell.source).body:
        assert isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)
        assert statement.value is not None
        values[statement.target.id] = ast.literal_eval(statement.value)
    return values


@pytest.mark.parametrize("name", notebook_names())
def test_the_parameters_that_notebooks_share_mean_the_same_in_all(name: str) -> None:
    values = defaults(name)
    assert values["results"] == "results"
    if "source" in values:
        assert values["source"] == "live"
        assert {"recorded", "tables", "checks"} & set(values)
    else:
        assert not {"recorded", "tables", "checks"} & set(values)
    for key in values:
        assert not key.startswith("recorded_")
    read = {key: values[key] for key in ("recorded", "tables", "checks") if key in values}
    checked = check_parameters(name, {"source": "recorded", **read} if read else {})
    for key in read:
        one = checked[key] if isinstance(checked[key], list) else [checked[key]]
        assert all(Path(path).is_dir() for path in one)


def test_notebooks_that_begin_in_the_same_millisecond_have_folders_of_their_own(
    tmp_path: Path,
) -> None:
    made = [new_folder(tmp_path / "results", "notebook-tiny-20260101T000000000") for _ in range(3)]
    assert [folder.name.removeprefix("notebook-tiny-20260101T") for folder in made] == [
        "000000000",
        "000000000-2",
        "000000000-3",
    ]
    assert all(folder.is_dir() for folder in made)


def test_two_notebooks_at_once_do_not_disturb_each_other(tmp_path: Path) -> None:
    """Started from one folder: Jupyter's own sockets would be the same files there.

    Results in one folder, too: each tells all that it wrote, and neither writes over the other's.
    """
    begun = [
        subprocess.Popen(
            [*PROGRAM, "notebook", "compare", "--out", str(tmp_path / "results")],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
        )
        for _ in range(2)
    ]
    ended = [process.communicate(timeout=120) for process in begun]
    assert [process.returncode for process in begun] == [0, 0], ended
    assert [errors for _, errors in ended] == ["", ""]
    told = [Path(line.split(": ", 1)[1]) for text, _ in ended for line in text.splitlines()]
    assert len(set(told)) == len(told) == 10
    assert sorted(told) == sorted(path for path in tmp_path.rglob("*") if path.is_file())
    kept = [path for path in told if path.name == "compare.ipynb"]
    assert len({path.parent for path in kept}) == 2
    for path in kept:
        assert "guarded 0/40 not ok: described, not judged" in path.read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["results"]
