"""Folders that others remove when they are empty: made and listed whatever comes in between."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from iluvatar_bench.host.shared_folders import entries, make_below_shared


@pytest.fixture(params=["made here", "found"])
def leaving(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A shared folder that another process removes three times as soon as it is there.

    Whether that one made it itself, or we did, is what makes mkdir fail in two ways.
    """
    shared, make = tmp_path / "shared", os.mkdir
    moments = iter(range(3))

    def mkdir(path: Path, mode: int = 0o777) -> None:
        if Path(path) != shared or next(moments, None) is None:
            make(path, mode)
            return
        try:
            if request.param == "found":
                make(shared)
            make(path, mode)
        finally:
            shared.rmdir()

    monkeypatch.setattr(os, "mkdir", mkdir)
    return shared


@pytest.mark.parametrize("exist_ok", [False, True])
def test_a_folder_is_made_although_the_one_above_goes(leaving: Path, exist_ok: bool) -> None:
    make_below_shared(leaving / "own", mode=0o700, exist_ok=exist_ok)
    assert (leaving / "own").stat().st_mode & 0o777 == 0o700


def test_what_is_there_is_told(tmp_path: Path) -> None:
    make_below_shared(tmp_path / "own", mode=0o700)
    with pytest.raises(FileExistsError):
        make_below_shared(tmp_path / "own", mode=0o700)
    make_below_shared(tmp_path / "own", mode=0o700, exist_ok=True)
    (tmp_path / "file").touch()
    with pytest.raises(FileExistsError):
        make_below_shared(tmp_path / "file", mode=0o700, exist_ok=True)
    with pytest.raises(NotADirectoryError):
        make_below_shared(tmp_path / "file" / "own", mode=0o700)


def test_one_that_goes_each_time_is_not_tried_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nowhere(path: Path, mode: int = 0o777) -> None:
        raise FileNotFoundError(2, "gone", str(path))

    monkeypatch.setattr(os, "mkdir", nowhere)
    with pytest.raises(FileNotFoundError):
        make_below_shared(tmp_path / "a" / "own", mode=0o700)


def test_a_folder_that_is_not_there_has_nothing_in_it(tmp_path: Path) -> None:
    for name in ("b", "a"):
        (tmp_path / name).touch()
    assert entries(tmp_path) == (tmp_path / "a", tmp_path / "b")
    assert entries(tmp_path / "none") == ()
