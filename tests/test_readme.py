"""The README and docs/daily.md promise nothing that the command line does not keep, nor
docs/edges.md the tests.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.command_lines import mistakes

ROOT = Path(__file__).resolve().parents[1]


def command_lines() -> list[str]:
    """Every command of both pages, from their blocks of shell and from their running text."""
    text = "\n".join((ROOT / page).read_text() for page in ("README.md", "docs/daily.md"))
    blocks = re.findall(r"^```(?:sh|shell|bash|console)\n(.*?)^```", text, re.M | re.S)
    lines = [line.strip().removeprefix("$ ") for block in blocks for line in block.splitlines()]
    without_blocks = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    inline = re.findall(r"`((?:\./bench|iluvatar-bench) [^`]+)`", without_blocks)
    found = [line for line in lines if re.match(r"(\./bench|iluvatar-bench)\b", line)]
    return list(dict.fromkeys([*found, *(" ".join(line.split()) for line in inline)]))


@pytest.mark.parametrize("line", command_lines())
def test_a_command_of_the_documentation_exists_with_its_options(line: str) -> None:
    assert mistakes(line) == []


def test_the_two_commands_are_among_them() -> None:
    first_words = {" ".join(line.split()[:2]) for line in command_lines()}
    assert {"./bench demo", "./bench test"} <= first_words
    assert len(command_lines()) > 8


def test_every_file_that_the_readme_links_to_is_there() -> None:
    text = (ROOT / "README.md").read_text()
    targets = re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", text)
    assert [target for target in targets if not (ROOT / target).exists()] == []


def named_tests() -> list[str]:
    """Every test that docs/edges.md names, as a path below ``tests`` and a function."""
    return re.findall(r"`([\w/]+\.py::\w+)`", (ROOT / "docs" / "edges.md").read_text())


@pytest.mark.parametrize("name", named_tests())
def test_a_test_that_the_documentation_names_exists(name: str) -> None:
    path, function = name.split("::")
    text = (ROOT / "tests" / path).read_text()
    assert re.search(rf"^(?:async )?def {function}\(", text, re.M), name


def test_every_row_of_the_documentation_names_a_test() -> None:
    rows = re.findall(r"^\| (?!promise).*\|$", (ROOT / "docs" / "edges.md").read_text(), re.M)
    assert len(rows) > 20
    assert [row for row in rows if not re.search(r"\.py::test_", row)] == []
