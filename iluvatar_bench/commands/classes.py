"""``classes``: the bug classes and mechanisms, explained."""

from __future__ import annotations

from typing import Annotated

import typer

from iluvatar_bench.commands.called_as import as_called
from iluvatar_bench.commands.options import AsJson
from iluvatar_bench.commands.output import print_json, print_plain, print_rows


def classes_command(
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="a class or a mechanism; default: list all"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """What the bug classes and mechanisms are: what one sees, causes, proof, fix, an example."""
    from iluvatar_bench.bugs.class_guide import CLASS_GUIDES
    from iluvatar_bench.bugs.guide_lines import guide_lines
    from iluvatar_bench.bugs.mechanism_guide import MECHANISM_GUIDES

    if name is None:
        classes = [(str(one), guide.meaning) for one, guide in CLASS_GUIDES.items()]
        mechanisms = [(str(one), guide.happens) for one, guide in MECHANISM_GUIDES.items()]
        if as_json:
            print_json({"classes": dict(classes), "mechanisms": dict(mechanisms)})
            return
        print_rows(("bug class", "what one sees"), classes)
        print_plain("")
        print_rows(("mechanism", "what happens"), mechanisms)
        return
    lines = guide_lines(name)
    if as_json:
        print_json({"name": name, **dict(lines)})
        return
    print_plain(name)
    width = max(len(label) for label, _ in lines)
    for label, text in lines:
        print_plain(f"  {label.ljust(width)}  {as_called(text)}")
