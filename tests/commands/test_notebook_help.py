"""``notebook --help``: which notebooks there are, what each asks, and what each can be told."""

from __future__ import annotations

import pytest

from iluvatar_bench.batch.notebook_files import (
    declared_parameters,
    notebook_name,
    notebook_names,
    notebook_question,
)
from iluvatar_bench.errors import UsageError
from tests.support.command import command


def test_the_help_lists_every_notebook_with_its_question() -> None:
    done = command("notebook", "--help")
    assert done.returncode == 0
    for name in notebook_names():
        assert notebook_question(name).split()[0] in done.stdout
        assert f"\n  {name}" in done.stdout
    assert "--cell-timeout" in done.stdout
    assert "Example:" in done.stdout


def test_the_help_of_one_has_its_parameters_with_type_default_unit_and_range() -> None:
    for words in (["cold_start"], ["cold_start.ipynb"], ["notebooks/cold_start.ipynb"]):
        done = command("notebook", *words, "--help")
        assert done.returncode == 0
        lines = done.stdout.splitlines()
        assert lines[0] == "cold_start: Cold start: how often does a container fail, and why?"
        place = lines.index("  hold_ms: list[int] = [200, 1500]")
        assert (
            lines[place + 1].strip() == "a ready container lives this long: milliseconds, uniform"
        )


@pytest.mark.parametrize("name", notebook_names())
def test_every_parameter_of_every_notebook_is_told(name: str) -> None:
    said = command("notebook", name, "--help").stdout
    for parameter in declared_parameters(name):
        assert parameter.meaning, f"{parameter.name} of {name} has no comment"
        assert f"  {parameter.name}: {parameter.type} = " in said


def test_the_names_of_files_are_taken() -> None:
    assert notebook_name("cold_start") == notebook_name("a/cold_start.ipynb") == "cold_start"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["notebook", "cold-start"], "no notebook 'cold-start' (did you mean cold_start?)"),
        (["notebook", "cold_strat", "--help"], "(did you mean cold_start?)"),
        (["notebook", "nope.ipynb"], "no notebook 'nope.ipynb'; there are: 00_start_here"),
        (["notebook", "cold_start", "-p", "trails=1"], "(did you mean trials?); there are: source"),
        (["run", "cold-start", "--function", "helo"], "(did you mean hello?)"),
        (["dose", "start_delay", "0", "1"], "(did you mean start_delay_ms?)"),
        (["blame", "iluvatar-2022-07", "guarded", "--bug-class", "proces_died"], "process_died?)"),
        (["image", "export", "helo", "x.tar"], "nor a function of that name (did you mean hello?)"),
        (["run", "churn", "--pattern", "poison"], "'poison' (did you mean poisson?); there are: "),
        (["check", "--faults", "colection", "--", "true"], "(did you mean collection?)"),
        (["ab", "guarded", "guarded", "--bug-class", "oom_kiled"], "(did you mean oom_killed?)"),
        (["report", "gaurded"], "no run 'gaurded' (did you mean guarded?)"),
    ],
)
def test_a_wrong_name_is_answered_with_the_one_that_was_meant(
    arguments: list[str], message: str
) -> None:
    done = command(*arguments)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert message in done.stderr


def test_a_wrong_command_or_option_too() -> None:
    assert "Did you mean 'compare'?" in command("comapre").stderr
    assert "--trials" in command("run", "cold-start", "--trails", "3").stderr


def test_a_folder_that_holds_no_such_cell_is_no_surprise() -> None:
    with pytest.raises(UsageError, match="there are: 00_start_here"):
        declared_parameters("../README")
