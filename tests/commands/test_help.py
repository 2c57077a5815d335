"""Help that helps: an example for every command, and every example is one that works."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from iluvatar_bench.commands.groups import GROUPS
from tests.support.command import command, own_process
from tests.support.command_lines import all_commands, mistakes
from tests.support.run_folders import make_run


@pytest.mark.parametrize("words", all_commands())
def test_every_command_has_an_example_that_exists(words: str) -> None:
    epilog = all_commands()[words].epilog or ""
    examples = [line.strip() for line in epilog.splitlines() if "iluvatar-bench" in line]
    assert "Example:" in epilog
    assert examples
    assert any(line.startswith(f"iluvatar-bench {words}") for line in examples)
    for line in examples:
        assert mistakes(line) == [], line


def test_mistakes_in_a_line_are_found() -> None:
    assert mistakes("./bench comapre a b") == ["no command comapre"]
    assert mistakes("./bench compare a b --fail-if-wrose") == [
        "no option --fail-if-wrose of compare"
    ]
    assert mistakes("./bench notebook compare -p alhpa=1") == ["no parameter alhpa=1 of compare"]
    assert mistakes("./bench notebook compare -p force true") == ["no parameter force of compare"]
    assert mistakes("./bench test --al") == ["no option --al"]
    assert mistakes("./bench docs --out x --plian") == ["no option --plian"]
    assert mistakes("./bench notebook nope") != []
    assert mistakes("./bench classify - --zone UTC < worker.log | less --oops") == []


def test_the_help_says_the_exit_codes_and_keeps_its_lines() -> None:
    text = command("--help").stdout
    assert text.startswith("Usage: iluvatar-bench ")
    for line in (
        "  0    done",
        "  2    the request was wrong; nothing was started",
        "  130  stopped by Ctrl-C (129: SIGHUP, 143: SIGTERM)",
    ):
        assert f"\n  {line}" in text
    assert "\n    iluvatar-bench compare iluvatar-2022-07 guarded" in text


def test_every_command_stands_in_one_group_with_a_whole_line() -> None:
    """In the order of need; a line that is cut off says nothing."""
    grouped = [name for names in GROUPS.values() for name in names]
    assert sorted(grouped) == sorted({words.split()[0] for words in all_commands()})
    lines = command("--help").stdout.splitlines()
    places = [lines.index(f"{title}:") for title in GROUPS]
    assert places == sorted(places)
    for title, names in GROUPS.items():
        start = lines.index(f"{title}:") + 1
        shown = lines[start : start + len(names)]
        assert [line.split()[0] for line in shown] == list(names)
        assert not [line for line in shown if line.endswith("...") or len(line) > 80]


def test_a_shell_completes_commands() -> None:
    asked = {
        "_ILUVATAR_BENCH_COMPLETE": "complete_bash",
        "COMP_WORDS": "iluvatar-bench co",
        "COMP_CWORD": "1",
    }
    assert own_process(env={**os.environ, **asked}).stdout.split() == ["compare"]


def test_colours_only_on_a_terminal_and_never_with_no_color() -> None:
    escape = re.compile(r"\x1b\[[0-9;]*m")
    plain = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR")}
    arguments = ("compare", "iluvatar-2022-07", "guarded")
    assert not escape.search(command(*arguments, env=plain).stdout)
    # FORCE_COLOR makes rich take the pipe for a terminal.
    bright = own_process(*arguments, env={**plain, "FORCE_COLOR": "1", "COLUMNS": "200"}).stdout
    assert escape.search(bright)
    dull = own_process(*arguments, env={**plain, "FORCE_COLOR": "1", "NO_COLOR": "1"}).stdout
    assert not re.search(r"\x1b\[(3|4|9)[0-9;]*m", dull)


def test_what_a_script_reads_is_json_and_nothing_else(tmp_path: Path) -> None:
    make_run(tmp_path / "run", ok=2)
    for arguments in (
        ["doctor", "--json"],
        ["compare", str(tmp_path / "run"), "guarded", "--json"],
    ):
        assert json.loads(command(*arguments).stdout)
