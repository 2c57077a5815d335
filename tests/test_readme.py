"""The README promises nothing that the command line does not keep."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.command_lines import mistakes

ROOT = Path(__file__).resolve().parents[1]


def command_lines() -> list[str]:
    """Every command of the README, from its blocks of shell and from its running text."""
    text = (ROOT / "README.md").read_text()
    blocks = re.findall(r"^```(?:sh|shell|bash|console)\n(.*?)^```", text, re.M | re.S)
    lines = [line.strip().removeprefix("$ ") for block in blocks for line in block.splitlines()]
    without_blocks = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    inline = re.findall(r"`((?:\./bench|iluvatar-bench) [^`]+)`", without_blocks)
    found = [line for line in lines if re.match(r"(\./bench|iluvatar-bench)\b", line)]
    return list(dict.fromkeys([*found, *(" ".join(line.split()) for line in inline)]))


@pytest.mark.parametrize("line", command_lines())
def test_a_command_of_the_readme_exists_with_its_options(line: str) -> None:
    assert mistakes(line) == []


def test_the_two_commands_are_among_them() -> None:
    first_words = {" ".join(line.split()[:2]) for line in command_lines()}
    assert {"./bench demo", "./bench test"} <= first_words
    assert len(command_lines()) > 8


def test_every_file_that_the_readme_links_to_is_there() -> None:
    text = (ROOT / "README.md").read_text()
    targets = re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", text)
    assert [target for target in targets if not (ROOT / target).exists()] == []
