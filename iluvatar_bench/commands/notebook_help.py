"""The help of ``notebook``: which there are, and the parameters of each."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any

import typer
from typer.core import TyperCommand

from iluvatar_bench.commands.called_as import program

_LONGEST_DEFAULT = 48
_NAMED = f"{__name__}.named"


class NotebookHelp(TyperCommand):
    """``notebook --help`` lists the notebooks; ``notebook NAME --help`` is about one."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        """As ever; but the help, which comes before any argument is looked at, knows the first."""
        if args and not args[0].startswith("-"):
            ctx.meta[_NAMED] = args[0]
        return super().parse_args(ctx, args)

    def format_help(self, ctx: typer.Context, formatter: Any) -> None:  # type: ignore[override]
        """The usual help with the list, or that of the notebook which stands before ``--help``."""
        from iluvatar_bench.batch.notebook_files import (
            declared_parameters,
            notebook_name,
            notebook_names,
            notebook_question,
        )

        given = ctx.meta.get(_NAMED)
        if given is None:
            self.format_usage(ctx, formatter)
            self.format_help_text(ctx, formatter)
            with formatter.section("Notebooks (notebook NAME --help: its parameters)"):
                formatter.write_dl([(name, notebook_question(name)) for name in notebook_names()])
            self.format_options(ctx, formatter)
            self.format_epilog(ctx, formatter)
            return
        name = notebook_name(given)
        formatter.write(f"{name}: {notebook_question(name)}\n\n")
        formatter.write(f"Usage: {program()} notebook {name} [-p NAME=VALUE]...\n\nParameters:\n")
        for parameter in declared_parameters(name):
            for line in _described(parameter):
                formatter.write(f"{line}\n")


def _described(parameter: Any) -> Iterator[str]:
    """Name, type and default; below them what it means, with its unit and range."""
    default = textwrap.shorten(parameter.default, _LONGEST_DEFAULT, placeholder=" ...")
    yield f"  {parameter.name}: {parameter.type} = {default}"
    if parameter.meaning:
        yield f"      {parameter.meaning}"
