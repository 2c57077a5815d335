"""The one table of classes and mechanisms: whole, true where that can be tried, also in docs."""

from __future__ import annotations

import json

import pytest

from iluvatar_bench.bugs import BugClass, Mechanism, classify_text
from iluvatar_bench.bugs.class_guide import CLASS_GUIDES
from iluvatar_bench.bugs.guide_lines import class_lines, explained_names
from iluvatar_bench.bugs.mechanism_guide import MECHANISM_GUIDES
from iluvatar_bench.explain.remedy import remedy
from tests.support.command import command
from tests.support.textless_classes import NOT_IN_WORDS
from tools.classes_page import PAGE, classes_page


def test_every_class_and_every_mechanism_is_explained() -> None:
    assert list(CLASS_GUIDES) == list(BugClass)
    assert list(MECHANISM_GUIDES) == list(Mechanism)
    behind = {m for guide in CLASS_GUIDES.values() for m in guide.mechanisms}
    assert set(Mechanism) - behind == {Mechanism.UNKNOWN}


@pytest.mark.parametrize("bug_class", BugClass)
def test_an_example_is_of_its_class(bug_class: BugClass) -> None:
    example = CLASS_GUIDES[bug_class].example
    if bug_class in NOT_IN_WORDS:
        assert example is None
        assert "no program writes one" in dict(class_lines(bug_class))["example"]
    else:
        assert example is not None
        assert classify_text(example).bug_class is bug_class


@pytest.mark.parametrize("name", explained_names())
def test_each_is_explained_at_the_terminal(name: str) -> None:
    done = command("classes", name)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0] == name


def test_a_class_with_its_mechanisms_and_what_proves_them() -> None:
    said = command("classes", "silent_startup").stdout
    for text in ("mechanism collateral_kill", "proof of collateral_kill", "docs/witness.md"):
        assert text in said
    # A name that is both is told as both.
    both = json.loads(command("classes", "disk_full", "--json").stdout)
    assert {"what one sees", "mechanism", "what proves it"} <= set(both)


def test_all_are_listed() -> None:
    said = command("classes").stdout
    assert [name for name in explained_names() if f"\n{name} " not in said] == []


def test_a_wrong_name_has_a_hint() -> None:
    done = command("classes", "proces_died")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "no class or mechanism 'proces_died' (did you mean process_died?)" in done.stderr


def test_explain_takes_its_remedies_from_the_table() -> None:
    for mechanism, guide in MECHANISM_GUIDES.items():
        assert (
            remedy(mechanism, {"cgroup": "shared", "snapshot_reference": "none"}).text == guide.fix
        )


def test_the_page_of_the_documentation_is_that_of_the_table() -> None:
    assert PAGE.read_text() == classes_page(), "python -m tools.classes_page"
