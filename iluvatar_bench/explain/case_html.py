"""A case as HTML: a fragment for notebooks, a self-contained page for people.

Whatever came from a container, a client or a log is shown as text.
"""

from __future__ import annotations

import html
from collections.abc import Iterator
from datetime import UTC, datetime

from iluvatar_bench.explain.case import Case
from iluvatar_bench.explain.case_text import sections
from iluvatar_bench.explain.case_timeline import offsets, timeline_svg

_STYLE = """
.case { --ink: #1f2328; --quiet: #59636e; --line: #d1d9e0; --lane: #f2f5f8; --mark: #b9d2ee;
        --mark-ink: #0b2a4a; --bad: #f5b5b0; --bad-ink: #6d0f0a; --ground: #ffffff;
        color: var(--ink); background: var(--ground); font: 15px/1.5 system-ui, sans-serif; }
@media (prefers-color-scheme: dark) {
  .case { --ink: #e6e9ed; --quiet: #9aa5b1; --line: #3a424c; --lane: #20262d; --mark: #2f5d8f;
          --mark-ink: #e8f2ff; --bad: #8f2d27; --bad-ink: #ffe9e7; --ground: #14181d; } }
.case h1 { font-size: 1.4rem; } .case h2 { font-size: 1.1rem; margin: 1.6rem 0 0.4rem; }
.case h1, .case p, .case li, .case td { overflow-wrap: anywhere; }
.case table { border-collapse: collapse; font-size: 0.9rem; background: none; }
.case td, .case th { text-align: left; vertical-align: top; padding: 0.2rem 0.9rem 0.2rem 0;
                     border-bottom: 1px solid var(--line); color: var(--ink); background: none; }
.case th { color: var(--quiet); font-weight: 500; white-space: nowrap; }
.case td.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.case tr.bad td { color: var(--bad-ink); background: var(--bad); }
.case .scroll { overflow-x: auto; }
.case pre { background: var(--lane); color: var(--ink); padding: 0.6rem; font-size: 0.82rem;
            white-space: pre-wrap; overflow-wrap: anywhere; }
.case code { background: var(--lane); color: var(--ink); padding: 0 0.2rem; }
.case .quiet { color: var(--quiet); font-size: 0.9rem; }
.case svg.timeline { width: 100%; min-width: 40rem; height: auto; }
.case svg text { font: 11px system-ui, sans-serif; fill: var(--mark-ink); text-anchor: middle; }
.case svg text.who { fill: var(--ink); text-anchor: end; font-size: 12px; }
.case svg text.tick { fill: var(--quiet); } .case svg line.tick { stroke: var(--line); }
.case svg .lane { fill: var(--lane); }
.case svg .mark rect { fill: var(--mark); }
.case svg .mark.bad rect { fill: var(--bad); } .case svg .mark.bad text { fill: var(--bad-ink); }
"""

_PAGE_STYLE = """
body { margin: 0; background: #ffffff; }
@media (prefers-color-scheme: dark) { body { background: #14181d; } }
.case { max-width: 66rem; margin: 0 auto; padding: 1rem 1.2rem 3rem; }
"""


def case_page(case: Case) -> str:
    """One self-contained page: no script, no picture, nothing from elsewhere."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{html.escape(case.title)}</title><style>{_PAGE_STYLE}</style></head>"
        f"<body>{case_fragment(case)}</body></html>\n"
    )


def case_fragment(case: Case) -> str:
    """The case as one element with its own style."""
    return f'<div class="case"><style>{_STYLE}</style>{"".join(_parts(case))}</div>'


def _parts(case: Case) -> Iterator[str]:
    yield f"<h1>{html.escape(case.title)}</h1><p>{html.escape(case.summary)}</p>"
    rows = "".join(
        f"<tr><th>{html.escape(label)}</th><td>{html.escape(value)}</td></tr>"
        for label, value in case.verdict
    )
    yield f"<table>{rows}</table>"
    if case.moments:
        yield "<h2>What happened when</h2>"
        yield f'<div class="scroll">{timeline_svg(case)}</div>'
        yield _moments(case)
    for heading, entries in sections(case):
        listed = "".join(f"<li>{html.escape(entry)}</li>" for entry in entries)
        yield f"<h2>{html.escape(heading)}</h2><ul>{listed}</ul>"
    for name, text in case.outputs:
        yield f"<h2>{html.escape(name)}</h2><pre>{html.escape(text.strip())}</pre>"


def _moments(case: Case) -> str:
    rows = []
    for number, (moment, offset) in enumerate(
        zip(case.moments, offsets(case.moments), strict=True), start=1
    ):
        length = ""
        if moment.ended_at is not None:
            length = f"{1000 * (moment.ended_at - moment.at):.1f}"
        kind = ' class="bad"' if moment.bad else ""
        rows.append(
            f'<tr{kind}><td class="number">{number}</td><td class="number">{offset}</td>'
            f'<td class="number">{length}</td><td>{html.escape(moment.actor)}</td>'
            f"<td>{html.escape(moment.text)}</td></tr>"
        )
    start = datetime.fromtimestamp(case.moments[0].at, UTC)
    return (
        '<div class="scroll"><table><thead><tr><th>no.</th><th>ms</th><th>took ms</th><th>who</th>'
        f"<th>what</th></tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
        f'<p class="quiet">Milliseconds since {start:%Y-%m-%d %H:%M:%S.%f} UTC, on the host\'s '
        "clock; ~ marks a time that was worked out from a duration.</p>"
    )
