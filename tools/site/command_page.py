"""Every command with its help, as the command itself prints it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer

from iluvatar_bench.commands.app import app
from iluvatar_bench.commands.groups import GROUPS

_WIDTH = 96
"""Letters of a line: what fits beside the site's table of contents."""


def command_sections() -> str:
    """A heading for each group and each command, and below it what ``--help`` prints."""
    root = typer.main.get_command(app)
    parts = []
    for title, names in GROUPS.items():
        parts.append(f"## {title}\n")
        for name in names:
            for words, text in _helps(root, ("iluvatar-bench",), name):
                parts.append(f"### `{words}`\n\n```text\n{text.strip()}\n```\n")
    return "\n".join(parts)


def _helps(group: Any, above: tuple[str, ...], name: str) -> Iterator[tuple[str, str]]:
    """The command's words, without the program's, and its help; of a group those of its members."""
    command = group.commands[name]
    words = (*above, name)
    members = getattr(command, "commands", None)
    if members is not None:
        for member in members:
            yield from _helps(command, words, member)
        return
    context = typer.Context(command, info_name=" ".join(words), terminal_width=_WIDTH)
    yield " ".join(words[1:]), command.get_help(context)
