"""A reqs.txt that includes other files: followed inside the function's folder, refused outside."""

from __future__ import annotations

from pathlib import Path

import pytest

from iluvatar_bench.errors import UsageError
from iluvatar_bench.functions import build_image, load_function
from iluvatar_bench.functions.requirements import with_absolute_includes


def function_folder(tmp_path: Path, **files: str) -> Path:
    folder = tmp_path / "greeter"
    folder.mkdir()
    (folder / "main.py").write_text("def main(args):\n    return {}\n")
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_txt", ".txt")
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return folder


def test_pip_follows_files_beside_the_one_that_names_them(tmp_path: Path) -> None:
    """What the innermost file asks for is what pip complains about: it was read."""
    folder = function_folder(
        tmp_path,
        reqs_txt="-r more/first.txt\n",
        more__first_txt="--requirement=second.txt  # beside this one\n",
        more__second_txt="flask!!\n",
    )
    from iluvatar_bench.errors import ImageError

    with pytest.raises(ImageError, match=r"function greeter do not install: ERROR: .*flask!!"):
        build_image(load_function(str(folder)), home=tmp_path / "cache")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("-r ../common.txt", r"reqs\.txt of function greeter includes \.\./common\.txt, which is "),
        ("-r/etc/reqs.txt", "not in the function's folder; put it there"),
        ("-c bounds.txt", r"includes bounds\.txt, which cannot be read: No such file"),
        (
            "  --requirement  more.txt",
            r"more\.txt of function greeter includes more\.txt in a circ",
        ),
    ],
)
def test_includes_that_cannot_be_followed_are_one_line(
    text: str, words: str, tmp_path: Path
) -> None:
    folder = function_folder(tmp_path, reqs_txt=text, more_txt="-r more.txt")
    (tmp_path / "common.txt").touch()
    with pytest.raises(UsageError, match=words) as caught:
        load_function(str(folder))
    assert "\n" not in str(caught.value)


def test_only_includes_are_changed(tmp_path: Path) -> None:
    text = "requests -r\n# -r no\n--no-binary :all:\n-r https://host/x.txt\n-r a.txt # b\n./w.whl\n"
    changed = with_absolute_includes(text, Path("/f"))
    assert changed == text.replace("-r a.txt", "-r /f/a.txt")
