"""``function``: the functions that are there to run."""

from __future__ import annotations

import typer

from iluvatar_bench.commands.output import example, print_plain

function_app = typer.Typer(no_args_is_help=True, help="Functions.")


@function_app.command("list", epilog=example("function list"))
def function_list() -> None:
    """The built-in functions."""
    from iluvatar_bench.functions import builtin_names

    for name in builtin_names():
        print_plain(name)
