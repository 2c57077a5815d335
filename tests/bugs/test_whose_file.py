"""A module or file that is missing: whose it was, and whether the image should have had it."""

from __future__ import annotations

import sys

import pytest

from iluvatar_bench.bugs.classify import classify_text
from iluvatar_bench.bugs.python_modules import STANDARD_LIBRARY
from iluvatar_bench.bugs.taxonomy import BugClass, Certainty

HANDLER = '  File "/app/handler.py", line 2, in <module>\n    import x\n'
FLASK = (
    '  File "/usr/lib/python3.11/site-packages/flask/app.py", line 9, in <module>\n    import x\n'
)


@pytest.mark.parametrize(
    ("frames", "module", "bug_class", "certainty"),
    [
        (HANDLER, "json.decoder", BugClass.MISSING_PACKAGES, Certainty.CERTAIN),
        (HANDLER, "pandas", BugClass.STARTUP_ERROR, Certainty.LIKELY),
        (HANDLER + FLASK, "click", BugClass.MISSING_PACKAGES, Certainty.LIKELY),
        ("", "click", BugClass.MISSING_PACKAGES, Certainty.LIKELY),
    ],
)
def test_whose_module_is_missing(
    frames: str, module: str, bug_class: BugClass, certainty: Certainty
) -> None:
    head = "Traceback (most recent call last):\n" if frames else ""
    found = classify_text(f"{head}{frames}ModuleNotFoundError: No module named '{module}'")
    assert (found.bug_class, found.certainty) == (bug_class, certainty)
    # With evidence it is judged whether it was lost.
    assert found.symptom is BugClass.MISSING_PACKAGES
    if certainty is Certainty.LIKELY:
        (other,) = found.alternatives
        assert {found.bug_class, other} == {BugClass.MISSING_PACKAGES, BugClass.STARTUP_ERROR}


def test_the_standard_library_of_this_interpreter_is_known() -> None:
    assert sys.stdlib_module_names <= STANDARD_LIBRARY


@pytest.mark.parametrize(
    ("path", "missing"),
    [
        ("/usr/lib/app/table.csv", True),
        ("/var/run/web.pid", False),
        ("/run/web/api.sock", False),
        ("/proc/sys/net/odd", False),
        ("/home/anna/.web/daemon.pid", False),
        ("/app/pid.py", True),
    ],
)
def test_a_file_that_only_a_running_program_makes_is_not_one_of_the_image(
    path: str, missing: bool
) -> None:
    texts = (
        f"FileNotFoundError: [Errno 2] No such file or directory: '{path}'",
        f"Error: ENOENT: no such file or directory, open '{path}'",
        f"panic: open {path}: no such file or directory",
    )
    found = {classify_text(text).bug_class is BugClass.MISSING_PACKAGES for text in texts}
    assert found == {missing}
