"""The commands in groups, in the order in which a user comes to need them."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperGroup

from iluvatar_bench.commands.refusal import refusal

GROUPS: dict[str, tuple[str, ...]] = {
    "Look at yours": (
        "doctor",
        "classify",
        "audit",
        "observe",
        "explain",
        "classes",
        "check",
        "proxy",
    ),
    "Reproduce": (
        "demo",
        "run",
        "repeat",
        "root-cause",
        "blame",
        "test-hypothesis",
        "dose",
        "sweep",
    ),
    "Compare and publish": (
        "ab",
        "runs",
        "compare",
        "trials-needed",
        "fleet",
        "rejudge",
        "figure",
        "report",
        "notebook",
        "record",
        "archive",
        "open",
    ),
    "Keep house": ("profile", "image", "function", "clean", "daemon"),
    "Measure ourselves": (
        "ground-truth",
        "false-alarms",
        "overhead",
        "start-benchmark",
        "record-benchmark",
        "creation-benchmark",
        "network-benchmark",
        "monitor-benchmark",
        "log-benchmark",
    ),
}
"""Every command stands in one group; a test holds that."""


class GroupedCommands(TyperGroup):
    """Lists its commands by ``GROUPS``.

    Typer's own groups (``rich_help_panel``) come with rich's help only, which joins the lines of
    the examples and exit codes at the end of a help text into one.
    """

    def invoke(self, ctx: typer.Context) -> Any:  # type: ignore[override]
        """Run the command; a value that is none is told in plain words, with the value."""
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            error.message = refusal(error)
            raise

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]
        """The names, in the order of the groups."""
        return [name for names in GROUPS.values() for name in names]

    def format_commands(self, ctx: typer.Context, formatter: Any) -> None:  # type: ignore[override]
        """A section a group."""
        width = max(map(len, self.commands))
        limit = formatter.width - 6 - width
        for title, names in GROUPS.items():
            rows = [
                (name.ljust(width), self.commands[name].get_short_help_str(limit)) for name in names
            ]
            with formatter.section(title):
                formatter.write_dl(rows)
