"""Command lines of documents, held against the command line that there is."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from typing import Any

import typer

from iluvatar_bench.batch.notebook_files import notebook_names
from iluvatar_bench.batch.parameters import parameter_types
from iluvatar_bench.commands.app import app

# ./bench itself knows these words and does not hand them on.
OF_THE_SCRIPT = {
    "test": {"--all", "--cgroup2", "--vm", "--namespaces", "--steps", "-k"},
    "docs": {"--check", "--out", "--plain"},
}
IN_MEMORY = "--in-memory"
SHELL = {"|", "<", ">", ">>", "&&", "||", ";"}


def all_commands() -> dict[str, Any]:
    """Every command by its words, groups left out: ``{"run cold-start": command, ...}``."""

    def walk(words: tuple[str, ...], command: Any) -> Iterator[tuple[str, Any]]:
        if hasattr(command, "commands"):
            for name, child in command.commands.items():
                yield from walk((*words, name), child)
        else:
            yield " ".join(words), command

    return dict(walk((), _root()))


@cache
def _root() -> Any:
    return typer.main.get_command(app)


def mistakes(line: str) -> list[str]:
    """What is wrong with a line that begins with ``./bench`` or ``iluvatar-bench``."""
    words = shlex.split(line, comments=True)[1:]
    words = words[: next((at for at, word in enumerate(words) if word in SHELL), len(words))]
    if words[:1] == [IN_MEMORY] and line.startswith("./bench"):
        words = words[1:]
    if words and words[0] in OF_THE_SCRIPT:
        given = [word for word in words[1:] if word.startswith("-")]
        return [f"no option {word}" for word in given if word not in OF_THE_SCRIPT[words[0]]]
    command: Any = _root()
    while words and hasattr(command, "commands") and not words[0].startswith("-"):
        if words[0] not in command.commands:
            return [f"no command {words[0]}"]
        command = command.commands[words.pop(0)]
    known = {name for parameter in command.params for name in parameter.opts} | {"--help"}
    if "--" in words:
        # What follows is somebody else's command.
        words = words[: words.index("--")]
    given = [word.split("=")[0] for word in words if word.startswith("-") and word != "-"]
    wrong = [f"no option {name} of {command.name}" for name in given if name not in known]
    return wrong + (_notebook_mistakes(words) if command.name == "notebook" else [])


def _notebook_mistakes(words: list[str]) -> list[str]:
    names = [word for word in words if word in notebook_names()]
    if not names:
        return [] if "--help" in words else [f"no notebook in {words}"]
    given = [after for word, after in pairwise(words) if word == "-p"]
    return [
        f"no parameter {one} of {names[0]}"
        for one in given
        if "=" not in one or one.split("=")[0] not in parameter_types(names[0])
    ]
