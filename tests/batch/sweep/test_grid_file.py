"""A grid's file: what it means, and with which line and key it is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from iluvatar_bench.batch.sweep.grid_file import SweepGrid, read_sweep_grid
from iluvatar_bench.batch.sweep.sweep_cells import SweepCell
from iluvatar_bench.errors import NoSuchFile, UsageError
from iluvatar_bench.functions.catalog import BUILTIN_HOME

GRID = """\
profiles:
  - guarded
  - {base: guarded, set: [kill=all]}
snapshotters: [overlayfs, native]
concurrency: [1, 4]
seeds: [1, 2, 3]
trials: 8
"""


def written(folder: Path, text: str) -> SweepGrid:
    path = folder / "grid.yaml"
    path.write_text(text)
    return read_sweep_grid(path)


def test_a_grid_is_every_combination_once(tmp_path: Path) -> None:
    grid = written(tmp_path, GRID)
    assert grid.name == "grid"
    assert len(grid.cells) == 2 * 2 * 2 * 1 * 3 == len({cell.id for cell in grid.cells})
    assert {tuple(cell.axes.values()) for cell in grid.cells} == {
        (profile, snapshotter, concurrency, "hello", seed)
        for profile in ("guarded", "guarded+kill=all")
        for snapshotter in ("overlayfs", "native")
        for concurrency in (1, 4)
        for seed in (1, 2, 3)
    }
    assert {(cell.profile.name, cell.profile.kill) for cell in grid.cells} == {
        ("guarded", "init"),
        ("guarded+kill=all", "all"),
    }
    assert {cell.profile.snapshotter for cell in grid.cells} == {"overlayfs", "native"}


def test_a_value_alone_is_a_list_of_one(tmp_path: Path) -> None:
    assert len(written(tmp_path, "profiles: guarded\nseeds: 7").cells) == 1


def test_a_cell_survives_the_way_to_another_process(tmp_path: Path) -> None:
    for cell in written(tmp_path, GRID).cells:
        assert SweepCell.from_json(json.loads(json.dumps(cell.as_json()))) == cell


def test_a_cell_is_called_by_what_it_asks_and_not_by_how_that_was_written(tmp_path: Path) -> None:
    grid = "profiles: [guarded]\nfunctions: [{}]\n"
    copied = tmp_path / "elsewhere" / "hello"
    shutil.copytree(BUILTIN_HOME / "hello", copied)
    names = {
        written(tmp_path, text).cells[0].id
        for text in (
            grid.format("hello"),
            "concurrency: 4\nprofiles:\n- base: guarded\nsnapshotters: overlayfs",
            grid.format("elsewhere/hello"),
        )
    }
    assert len(names) == 1
    with (copied / "main.py").open("a") as file:
        file.write("# another function\n")
    others = {
        written(tmp_path, text).cells[0].id
        for text in (
            grid.format("elsewhere/hello"),
            "profiles: [guarded]\ntrials: 41",
            "profiles: [guarded]\nhold_ms: [200, 1501]",
            "profiles: [guarded]\nready_seconds: 21",
            "profiles: [guarded]\nconcurrency: 5",
            "profiles: [guarded]\nseeds: 2",
            "profiles: [{base: guarded, set: [kill=all]}]",
        )
    }
    assert len(others) == 7
    assert names.isdisjoint(others)


def test_files_that_a_grid_names_stand_beside_it(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('base = "guarded"\nkill = "all"\n')
    (cell,) = written(tmp_path, "profiles: [mine.toml]").cells
    assert (cell.profile.name, cell.profile.kill) == ("mine", "all")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "profiles: [guarded]\nconcurrency: [1, 0]",
            ":2: concurrency[1]: must be at least 1, not 0",
        ),
        (
            "profiles: [guarded]\nconcurrency: 513",
            ":2: concurrency[0]: must be at most 512, not 513",
        ),
        (
            "profiles: [guarded]\n\nconcurency: 4",
            ":3: concurency: no such key (did you mean concurrency?); there are: profiles, ",
        ),
        (
            "profiles:\n- guarded\n- guardd",
            ":3: profiles[1]: no profile 'guardd' (did you mean guarded?)",
        ),
        ("profiles:\n- {bse: guarded}", ":2: profiles[0].bse: no such key (did you mean base?)"),
        ("profiles:\n- {base: guarded, set: [kil=x]}", ":2: profiles[0]: no factor 'kil'"),
        ("profiles: [guarded, 5]", ":1: profiles[1]: must be a profile's name, or {base: NAME"),
        ("profiles: []", ":1: profiles: must have at least 1, not 0"),
        ("trials: 3", ": profiles: it is missing"),
        ("profiles: guarded\nprofiles: guarded", ":2: profiles: a second time"),
        ("profiles: guarded\nseeds: [1,\n  1]", ":3: seeds[1]: 1: a second time"),
        ("profiles: [guarded, {base: guarded}]", ":1: profiles[1]: guarded: a second time"),
        ("profiles: guarded\nseeds: -1", ":2: seeds[0]: must be at least 0, not -1"),
        ("profiles: guarded\ntrials: true", ":2: trials: must be a whole number, not True"),
        ("profiles: guarded\nhold_ms: [5, 1]", ":2: hold_ms: the shortest time comes first"),
        ("profiles: guarded\nhold_ms: [5]", ":2: hold_ms: must have at least 2, not 1"),
        ("profiles: guarded\nready_seconds: 0", ":2: ready_seconds: must be above 0, not 0"),
        (
            "profiles: guarded\nsnapshotters:\n- native\n- overlay",
            ":4: snapshotters[1]: no snapshotter 'overlay' (did you mean overlayfs?)",
        ),
        ("profiles: guarded\nfunctions: [nix]", ":2: functions[0]: no function 'nix'"),
        ("profiles: [\n", ":2: no YAML: expected the node content"),
        ("profiles: {}: x", ":1: no YAML: "),
        ("- guarded", ": a grid is a mapping, with at least the key 'profiles'"),
        ("", ": a grid is a mapping, with at least the key 'profiles'"),
        ("profiles: \x07", ": no YAML: "),
        ("profiles: 2026-99-99", ": no YAML: month must be in 1..12"),
        ("profiles: guarded\nready_seconds: true", ":2: ready_seconds: must be a number, not True"),
    ],
)
def test_a_bad_grid_is_told_with_its_line_and_key(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(UsageError) as caught:
        written(tmp_path, text)
    message = str(caught.value)
    assert message.startswith(f"{tmp_path / 'grid.yaml'}{told}")
    assert "\n" not in message


def test_too_many_cells_are_refused(tmp_path: Path) -> None:
    many = ", ".join(map(str, range(1, 102)))
    with pytest.raises(UsageError, match=r"grid\.yaml: 10201 cells; a grid has at most 10000"):
        written(tmp_path, f"profiles: guarded\nseeds: [{many}]\nconcurrency: [{many}]")


def test_two_profiles_of_one_name_are_refused(tmp_path: Path) -> None:
    """Their parts of the dataset would lie in one folder."""
    (tmp_path / "mine.toml").write_text('base = "guarded"\nkill = "all"\n')
    (tmp_path / "other.toml").write_text('base = "guarded"\nname = "mine"\n')
    with pytest.raises(UsageError, match=r":1: profiles: two of them, or two functions, have one"):
        written(tmp_path, "profiles: [mine.toml, other.toml]")


def test_a_grid_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(NoSuchFile, match=r"cannot read .*none\.yaml: No such file"):
        read_sweep_grid(tmp_path / "none.yaml")
