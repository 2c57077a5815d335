"""A frame as a table that sorts and filters in a notebook, without network and without a library.

The offline bundle of a library for such tables makes each notebook a megabyte larger. This one
holds the rows as JSON and 60 lines of script; where scripts do not run (a notebook that is not
trusted), its first rows stand there as plain HTML.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Any

import pandas as pd

MOST_BYTES = 400_000
"""Of rows as JSON; of a longer frame the first rows are shown, and it says so."""

_PAGE = 20
"""Rows that are shown at once; the script has the same number."""

_SCRIPT = """
(() => {
  const root = document.currentScript.parentElement;
  const {columns, rows} = JSON.parse(root.querySelector('[type="application/json"]').textContent);
  const [filter, told, body] = ['input', '[role=status]', 'tbody'].map(x => root.querySelector(x));
  const heads = [...root.querySelectorAll('th')], size = 20;
  const names = columns.map(name => name.toLowerCase());
  let kept = rows, by = null, up = true, page = 0;
  const text = value => value === null ? '–' : typeof value === 'number' && !Number.isInteger(value)
    ? value.toFixed(3) : String(value);
  const test = word => {
    const found = /^([^=<>]+)([=<>])(.+)$/.exec(word), at = found ? names.indexOf(found[1]) : -1;
    if (at < 0) return row => row.some(value => text(value).toLowerCase().includes(word));
    const [, , sign, right] = found;
    if (sign === '=') return row => text(row[at]).toLowerCase() === right;
    return row => row[at] !== null && (sign === '<' ? row[at] < +right : row[at] > +right);
  };
  const compare = (a, b) => a === null || b === null ? (a === null) - (b === null)
    : (up ? 1 : -1) * (typeof a === 'number' && typeof b === 'number' ? a - b
    : text(a).localeCompare(text(b), undefined, {numeric: true}));
  const show = () => {
    const pages = Math.max(1, Math.ceil(kept.length / size));
    page = Math.min(Math.max(page, 0), pages - 1);
    body.replaceChildren(...kept.slice(page * size, (page + 1) * size).map(row => {
      const line = document.createElement('tr');
      line.append(...row.map(value => {
        const cell = document.createElement('td');
        cell.style.textAlign = typeof value === 'number' ? 'right' : 'left';
        cell.textContent = text(value);
        return cell;
      }));
      return line;
    }));
    told.textContent = `${kept.length} of ${rows.length} rows, page ${page + 1} of ${pages}`;
  };
  const choose = () => {
    const tests = filter.value.toLowerCase().split(/\\s+/).filter(Boolean).map(test);
    kept = rows.filter(row => tests.every(holds => holds(row)));
    if (by !== null) kept.sort((a, b) => compare(a[by], b[by]));
    page = 0;
    show();
  };
  filter.addEventListener('input', choose);
  // JupyterLab has keys of its own for what is typed outside of a cell's editor.
  filter.addEventListener('keydown', event => event.stopPropagation());
  heads.forEach((head, at) => head.querySelector('button').addEventListener('click', () => {
    up = by === at ? !up : true;
    by = at;
    heads.forEach(other => other.removeAttribute('aria-sort'));
    head.setAttribute('aria-sort', up ? 'ascending' : 'descending');
    choose();
  }));
  root.querySelectorAll('nav button').forEach((button, at) =>
    button.addEventListener('click', () => { page += 2 * at - 1; show(); }));
  root.querySelectorAll('[hidden]').forEach(part => { part.hidden = false; });
  show();
})();
"""

_STYLE = (
    "<style>.iluvatar-table th button{all:unset;cursor:pointer;font-weight:bold}"
    ".iluvatar-table th button:focus-visible{outline:2px solid}"
    ".iluvatar-table th[aria-sort=ascending] button::after{content:' ▲'}"
    ".iluvatar-table th[aria-sort=descending] button::after{content:' ▼'}"
    ".iluvatar-table input{width:28em;max-width:100%}</style>"
)


@dataclass(frozen=True, slots=True)
class BrowsableTable:
    """A frame that shows itself as a table which sorts and filters; ``left_out`` rows are not."""

    frame: pd.DataFrame
    left_out: int = 0

    def __repr__(self) -> str:
        return repr(self.frame)

    def _repr_html_(self) -> str:
        """For notebooks."""
        columns = [str(name) for name in self.frame.columns]
        rows = [[_plain(value) for value in row] for row in self.frame.to_numpy(dtype=object)]
        # Within a script "<" is what could end it.
        data = json.dumps({"columns": columns, "rows": rows}, ensure_ascii=False)
        data = data.replace("<", "\\u003c")
        heads = "".join(f"<th><button>{escape(name)}</button></th>" for name in columns)
        body = "".join(_line(row) for row in rows[:_PAGE])
        more = f"; {self.left_out} rows more are not in this table" if self.left_out else ""
        hint = "filter: words, column=word, column>number"
        return (
            f'{_STYLE}<div class="iluvatar-table">'
            f'<p hidden><input type="search" aria-label="filter" placeholder="{hint}"></p>'
            f'<div style="overflow-x:auto"><table><thead><tr>{heads}</tr></thead>'
            f"<tbody>{body}</tbody></table></div>"
            f'<p><span role="status">the first of {len(rows)} rows</span>{more}</p>'
            "<nav hidden><button>previous</button> <button>next</button></nav>"
            f'<script type="application/json">{data}</script><script>{_SCRIPT}</script></div>'
        )


def browse(
    frame: pd.DataFrame,
    *,
    without: Sequence[str] = ("run_id", "evidence", "spans", "cleanup_errors"),
    most_bytes: int = MOST_BYTES,
) -> BrowsableTable:
    """A frame to be sorted (a click on a head) and filtered in a notebook.

    The filter takes words that a row must hold, and ``column=word``, ``column>number`` or
    ``column<number``; all of them must hold.

    Args:
        frame: any frame; its index is not shown.
        without: columns that are left away where there are such.
        most_bytes: of the table's rows; of a longer frame the first are in it.
    """
    shown = frame.drop(columns=[name for name in without if name in frame.columns])
    rows = shown.to_numpy(dtype=object)
    used = 0
    for at, row in enumerate(rows):
        used += len(json.dumps([_plain(value) for value in row]))
        if used > most_bytes:
            return BrowsableTable(shown.head(at), len(shown) - at)
    return BrowsableTable(shown)


def _line(row: Sequence[object]) -> str:
    return f"<tr>{''.join(f'<td>{escape(_text(value))}</td>' for value in row)}</tr>"


def _text(value: object) -> str:
    if value is None:
        return "–"
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _plain(value: Any) -> str | int | float | bool | None:
    """A cell as JSON has it; what is missing or no number is null."""
    if isinstance(value, (str, bool)):
        return value
    if isinstance(value, (list, tuple, dict)):
        return str(value)
    if value is None or pd.isna(value):
        return None
    if isinstance(value, datetime):
        return value.isoformat()
    number = value.item() if hasattr(value, "item") else value
    if isinstance(number, float):
        return round(number, 3) if math.isfinite(number) else None
    return number if isinstance(number, int) else str(number)
