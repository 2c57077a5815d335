"""Grids: every combination once, one table, and nothing is run twice."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from iluvatar_bench.batch.grid import grid_points, run_grid
from iluvatar_bench.batch.stop import NotebookStop
from iluvatar_bench.errors import UsageError
from tests.batch.test_notebook import notebook_home
from tests.support.run_folders import make_run

RUN_CELL = """
from pathlib import Path
from iluvatar_bench.runs import open_run
from dataclasses import replace
import shutil
if colour == "red" and not Path(allow).exists():
    raise RuntimeError("no red today")
folder = Path(results) / f"run-{colour}-{size}"
shutil.copytree(given, folder)
Path(log).open("a").write(f"{colour}-{size} ")
replace(open_run(folder), recorded=False)
"""


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A notebook that notes that it ran, and fails at red until a file allows it."""
    make_run(tmp_path / "given", ok=3, process_died=1)
    parameters = (
        'colour: str = "blue"\nsize: int = 1\nmembers: list[str] = []\nresults: str = ""\n'
        f"given: str = {str(tmp_path / 'given')!r}\nlog: str = {str(tmp_path / 'log')!r}\n"
        f"allow: str = {str(tmp_path / 'allow')!r}"
    )
    notebook_home(tmp_path / "n", monkeypatch, parameters, RUN_CELL)
    return tmp_path


def test_points_are_every_combination_and_lists_are_not_split(tiny: Path) -> None:
    given = {"colour": ["red,blue"], "size": ["1", "2"], "members": ["a,b", "c"]}
    points = grid_points("tiny", given)
    assert len(points) == 8
    assert points[0] == {"colour": "red", "size": 1, "members": ["a", "b"]}
    assert points[-1] == {"colour": "blue", "size": 2, "members": ["c"]}
    assert grid_points("tiny", {}) == ({},)
    with pytest.raises(UsageError, match="size must be a whole number, not 'x'"):
        grid_points("tiny", {"size": ["1,x"]})
    with pytest.raises(UsageError, match="no parameter 'colr'"):
        grid_points("tiny", {"colr": ["1,2"]})


def test_a_grid_that_is_stopped_before_its_first_point_has_none(tiny: Path) -> None:
    stop = NotebookStop()
    stop.ask()
    points = grid_points("tiny", {"colour": ["red,blue"]})
    grid = run_grid("tiny", points, results=tiny / "r", progress=False, stop=stop)
    assert (grid.points, list(grid.table)) == ((), [])
    assert not (tiny / "log").exists()


def test_a_grid_keeps_what_failed_and_resumes_only_that(tiny: Path) -> None:
    points = grid_points("tiny", {"colour": ["red,blue"]})
    said: list[str] = []
    first = run_grid("tiny", points, results=tiny / "r", progress=False, say=said.append)
    assert (tiny / "log").read_text().split() == ["blue-1"]
    assert [bool(point.error) for point in first.points] == [True, False]
    assert said[0].startswith("1/2 colour=red: RuntimeError: no red today")
    assert said[-1] == "2/2 colour=blue: finished"

    with pytest.raises(UsageError, match="begun before: --resume goes on in"):
        run_grid("tiny", points, results=tiny / "r", progress=False)

    # A record that something else wrote over is that of a point to be run.
    (first.folder / "point-0.json").write_text('{"parameters": 7}')
    (tiny / "allow").touch()
    again = run_grid("tiny", points, results=tiny / "r", resume=True, progress=False)
    assert (tiny / "log").read_text().split() == ["blue-1", "red-1"]
    assert again.failed == ()
    table = pd.read_csv(again.folder / "grid.csv")
    deaths = table[table["bug_class"] == "process_died"]
    assert list(deaths["param_colour"]) == ["red", "blue"]
    assert set(deaths["rate"]) == {0.25}
    assert all((again.folder / path).is_file() for path in table["notebook"].unique())


@pytest.mark.slow
def test_a_point_that_fails_has_a_row_of_its_own(tiny: Path) -> None:
    points = grid_points("tiny", {"colour": ["red,blue"]})
    table = run_grid("tiny", points, results=tiny / "r", progress=False).table
    (row,) = table[table["point"] == 0].to_dict(orient="records")
    assert "no red today" in row["error"]
    assert pd.isna(row["rate"])
    assert (table["point"] == 1).sum() > 1
