"""What an error says is missing, and the verdict on it."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iluvatar_bench.bugs import FileKind, FileVerdict, MissingName
from iluvatar_bench.bugs.rules.missing_file import (
    MOST_NAMES,
    file_verdict,
    holds_module,
    missing_names,
    traceback_folders,
)

TRACEBACK = """\
Traceback (most recent call last):
  File "/app/server.py", line 24, in <module>
    from flask import Flask, jsonify, request
  File "/usr/local/lib/python3.11/site-packages/flask/__init__.py", line 5, in <module>
    import csv
ModuleNotFoundError: No module named 'csv'
"""


@pytest.mark.parametrize(
    ("text", "kind", "name"),
    [
        ("ModuleNotFoundError: No module named 'csv'", "module", "csv"),
        ("No module named 'a.b'; 'a' is not a package", "module", "a.b"),
        ("/usr/bin/python3: No module named gunicorn", "module", "gunicorn"),
        (
            "ImportError: cannot import name 'json' from 'flask' (/x/flask/__init__.py)",
            "name",
            "flask.json",
        ),
        (
            "ImportError: cannot import name 'x' from partially initialized module 'a.b' (most "
            "likely due to a circular import) (/x)",
            "name",
            "a.b.x",
        ),
        (
            "FileNotFoundError: [Errno 2] No such file or directory: '/app/model.bin'",
            "file",
            "/app/model.bin",
        ),
        ('OSError: [Errno 2] No such file or directory: "/it\'s"', "file", "/it's"),
        (
            "/usr/local/bin/python3: can't open file '/app/server.py': [Errno 2] No such file or "
            "directory",
            "file",
            "/app/server.py",
        ),
        (
            "ImportError: libz.so.1: cannot open shared object file: No such file or directory",
            "library",
            "libz.so.1",
        ),
        (
            'runc create failed: exec: \\"/usr/local/bin/python3\\": stat /usr/local/bin/python3: '
            "no such file or directory",
            "file",
            "/usr/local/bin/python3",
        ),
    ],
)
def test_what_is_named(text: str, kind: str, name: str) -> None:
    assert missing_names(text) == (MissingName(FileKind(kind), name),)


def test_each_name_once_in_the_order_of_the_text_and_not_too_many() -> None:
    lines = [f"ModuleNotFoundError: No module named 'm{i}'" for i in range(MOST_NAMES + 2)]
    found = missing_names("\n".join([*lines, lines[-1]]))
    assert [name.name for name in found] == [f"m{i}" for i in range(2, MOST_NAMES + 2)]


def test_the_folders_of_a_traceback() -> None:
    assert traceback_folders(TRACEBACK) == (
        "/app",
        "/usr/local/lib/python3.11/site-packages/flask",
    )


@given(st.text(max_size=200), st.text(max_size=200))
def test_any_text_is_read(before: str, after: str) -> None:
    names = missing_names(f"{before}\nModuleNotFoundError: No module named 'csv'\n{after}")
    assert MissingName(FileKind.MODULE, "csv") in names or len(names) == MOST_NAMES
    assert isinstance(traceback_folders(before), tuple)


def test_what_an_import_would_load() -> None:
    for entry in ("csv", "csv.py", "csv.pyc", "csv.so", "csv.cpython-311-x86_64-linux-gnu.so"):
        assert holds_module(entry, "csv")
    for entry in ("csv.pyi", "csv.txt", "_csv.so", "csvx.py", "csvx.so"):
        assert not holds_module(entry, "csv")


MODULE = MissingName(FileKind.MODULE, "csv")


def test_the_verdicts() -> None:
    def verdict(image: bool | None, now: bool | None, later: bool | None = None) -> FileVerdict:
        return file_verdict(MODULE, in_image=image, visible_now=now, visible_later=later)

    assert verdict(False, False) is FileVerdict.ABSENT_FROM_IMAGE
    assert verdict(True, False, False) is FileVerdict.LOST
    assert verdict(True, True) is FileVerdict.LATE
    assert verdict(True, False, True) is FileVerdict.LATE
    assert verdict(None, False, False) is FileVerdict.UNKNOWN
    assert verdict(True, None) is FileVerdict.UNKNOWN


def test_absence_is_certain_only_where_one_can_look_everywhere() -> None:
    for name in (
        MissingName(FileKind.NAME, "flask.json"),
        MissingName(FileKind.LIBRARY, "libz.so.1"),
        MissingName(FileKind.FILE, "relative.txt"),
    ):
        verdict = file_verdict(name, in_image=False, visible_now=False, visible_later=None)
        assert verdict is FileVerdict.UNKNOWN
    absolute = MissingName(FileKind.FILE, "/app/x")
    verdict = file_verdict(absolute, in_image=False, visible_now=False, visible_later=None)
    assert verdict is FileVerdict.ABSENT_FROM_IMAGE


def test_nothing_known_is_never_a_loss() -> None:
    for image, now, later in itertools.product((None, True, False), repeat=3):
        verdict = file_verdict(MODULE, in_image=image, visible_now=now, visible_later=later)
        if verdict is FileVerdict.LOST:
            assert (image, now) == (True, False)
            assert later is not True
