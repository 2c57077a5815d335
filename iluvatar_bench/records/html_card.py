"""How a result shows itself in a notebook: a headline, what to know beside it, a table.

Everything is shown as text, whatever it contains; the look is the notebook's own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape


def html_card(
    headline: str,
    *,
    lines: Iterable[str] = (),
    header: Sequence[str] = (),
    rows: Iterable[Sequence[object]] = (),
    notes: Iterable[str] = (),
) -> str:
    """HTML of a result: ``lines`` as a list above the table, ``notes`` below it."""
    body = "".join(f"<tr>{_cells('td', row)}</tr>" for row in rows)
    head = f"<thead><tr>{_cells('th', header)}</tr></thead>" if header else ""
    table = f"<table>{head}<tbody>{body}</tbody></table>" if body else ""
    listed = "".join(f"<li>{escape(line)}</li>" for line in lines)
    below = "".join(f"<p><small>{escape(note)}</small></p>" for note in notes)
    return (
        f"<div><p><b>{escape(headline)}</b></p>{f'<ul>{listed}</ul>' if listed else ''}"
        f"{table}{below}</div>"
    )


def _cells(tag: str, texts: Iterable[object]) -> str:
    left = ' style="text-align:left"'
    return "".join(f"<{tag}{left}>{escape(str(text))}</{tag}>" for text in texts)
