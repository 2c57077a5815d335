"""Renders an HTML table through the chameleon package: the template benchmark of FunctionBench."""

from chameleon import PageTemplate

MOST_CELLS = 10_000_000

TABLE = PageTemplate(
    """\
<table xmlns="http://www.w3.org/1999/xhtml"
       xmlns:tal="http://xml.zope.org/namespaces/tal">
<tr tal:repeat="row rows">
<td tal:repeat="cell row">${cell}</td>
</tr>
</table>"""
)


def main(args: dict) -> dict:
    """Return ``{"html": ...}``, a table of ``num_of_rows`` by ``num_of_cols`` (10 by 10)."""
    rows = int(args.get("num_of_rows", 10))
    columns = int(args.get("num_of_cols", 10))
    if rows < 0 or columns < 0 or rows * columns > MOST_CELLS:
        raise ValueError(f"a table of {rows} by {columns} cells is not to be had")
    cells = [[f"{row}.{column}" for column in range(columns)] for row in range(rows)]
    return {"html": TABLE.render(rows=cells), "rows": rows, "columns": columns}
