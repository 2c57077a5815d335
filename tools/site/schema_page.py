"""Every table of a run's folder, column by column."""

from __future__ import annotations

from iluvatar_bench.profiles import Profile
from iluvatar_bench.records.schema import FACTORS, INTEGER, NUMBER, TEXT, Column
from iluvatar_bench.records.schema_tables import TABLES

_TYPES: dict[object, str] = {int: INTEGER, float: NUMBER}


def table_sections() -> str:
    """A heading and a table of columns for each."""
    parts = []
    for name, table in TABLES.items():
        rows = [
            f"| `{column}` | {one.type} | {one.unit} | {_cell(one.meaning)} |"
            for column, one in columns_of(name).items()
        ]
        head = [
            f"## `{name}`",
            "",
            f"A row: {table.row}.",
            "",
            "| column | type | unit | meaning |",
        ]
        parts.append("\n".join([*head, "|---|---|---|---|", *rows, ""]))
    return "\n".join(parts)


def columns_of(table: str) -> dict[str, Column]:
    """The columns of a table, with a column for each factor in the place that stands for them."""
    found: dict[str, Column] = {}
    for name, column in TABLES[table].columns.items():
        found.update(_factors() if name == FACTORS else {name: column})
    return found


def _factors() -> dict[str, Column]:
    """Described where the profile declares them."""
    return {
        name: Column(_TYPES.get(one.annotation, TEXT), f"factor: {one.description}")
        for name, one in Profile.model_fields.items()
        if name != "name"
    }


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
