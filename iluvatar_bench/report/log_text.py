"""Showing what stood in a log: as text, never as markup.

A log is written by whoever can make a function print. What it contains reaches notebooks and HTML
reports only through here.
"""

from __future__ import annotations

import pandas as pd

_CONTROL_PICTURES = {code: 0x2400 + code for code in range(32) if code not in (9, 10)}
# Delete, and the marks that reverse or hide text.
_INVISIBLE = dict.fromkeys(
    (0x7F, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2066, 0x206A)), 0xFFFD
)


def visible(text: str) -> str:
    """The text with control characters (NUL, escape) and marks that reverse or hide text replaced
    by visible ones; new lines and tabs stay."""
    return text.translate(_CONTROL_PICTURES | _INVISIBLE)


def as_html(frame: pd.DataFrame, *, longest: int = 300) -> str:
    """A frame as an HTML table in which everything from a log is shown as text.

    Markup is escaped, formulas are not typeset, control characters are visible, and texts longer
    than ``longest`` characters are cut (in the table only).
    """
    shown = frame.copy()
    for name in shown.columns:
        if shown[name].dtype.kind == "O":  # text, or anything
            shown[name] = shown[name].map(lambda value: _cell(value, longest))
    with pd.option_context("display.html.use_mathjax", False, "display.max_colwidth", None):
        table = shown.to_html(escape=True, na_rep="", border=0, index=False, render_links=False)
    # "tex2jax_ignore" and "mathjax_ignore": Jupyter's typesetter leaves the table alone.
    return f'<div class="tex2jax_ignore mathjax_ignore">{table}</div>'


def _cell(value: object, longest: int) -> object:
    if not isinstance(value, str):
        return value
    text = visible(value)
    return text if len(text) <= longest else f"{text[:longest]} ..."
