"""Writes the table of ``docs/clients.md`` from the recorded checks in ``data/checks``.

    .venv/bin/python -m tools.clients_table

To make a check anew: ``iluvatar-bench check --known NAME --record``.
"""

from __future__ import annotations

from pathlib import Path

from iluvatar_bench.clients import open_check, recorded_check_names
from iluvatar_bench.report import conformance_table, markdown_table

PAGE = Path(__file__).parents[1] / "docs" / "clients.md"
BEGIN, END = "<!-- the table begins -->\n", "<!-- the table ends -->\n"


def with_table(page: str) -> str:
    """The page with the table of the recorded checks between its two marks."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    table = conformance_table([open_check(name) for name in recorded_check_names()])
    return f"{before}{BEGIN}{markdown_table(table)}{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text()))
