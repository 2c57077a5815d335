"""Files and folders are there whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from iluvatar_bench.host import whole_files
from iluvatar_bench.host.whole_files import replace_folder, whole_file, write_whole


def test_a_file_is_replaced_only_by_a_whole_one(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    write_whole(path, "one")
    with pytest.raises(RuntimeError), whole_file(path) as draft:
        draft.write_text("half")
        assert path.read_text() == "one"
        raise RuntimeError("the disk is full")
    assert path.read_text() == "one"
    write_whole(path, "two")
    assert path.read_text() == "two"
    assert list(tmp_path.iterdir()) == [path], "no draft stays"


@pytest.fixture(params=["exchange", "two renames"])
def folders(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Path, Path]:
    if request.param == "two renames":
        # As on a file system that cannot exchange names: it is asked for what does not exist.
        monkeypatch.setattr(whole_files, "_RENAME_EXCHANGE", 1 << 20)
    target, draft = tmp_path / "kept", tmp_path / ".kept.new"
    for folder, text in ((target, "old"), (draft, "new")):
        folder.mkdir()
        (folder / "file").write_text(text)
    return draft, target


def test_a_folder_takes_the_place_of_another(folders: tuple[Path, Path]) -> None:
    draft, target = folders
    replace_folder(draft, target)
    assert (target / "file").read_text() == "new"
    assert list(target.parent.iterdir()) == [target], "nothing of the old one stays"


def test_where_it_cannot_be_done_the_old_folder_stays(
    folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    draft, target = folders
    away = draft.rename(draft.with_name("away"))
    with pytest.raises(OSError, match="No such file"):
        replace_folder(draft, target)
    with pytest.raises(OSError, match="No such file"):
        whole_files._swap(draft, target)
    assert (target / "file").read_text() == "old"
    replace_folder(away, target.with_name("other"))
    assert (target.with_name("other") / "file").read_text() == "new"
