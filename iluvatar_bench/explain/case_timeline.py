"""The timeline of a case as inline SVG: a lane for each actor, a number for each moment.

Colours come from the page's style, so that it reads on light and dark screens alike.
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterator, Sequence

from iluvatar_bench.explain.case import Actor, Case, Moment

_WIDTH = 960
_LEFT, _RIGHT = 96, 24
_ROW = 22
"""Height of one row; a lane has as many as its marks need to stay apart."""
_MARK = 18
"""What a number needs of a row."""


def timeline_svg(case: Case) -> str:
    """An ``svg`` element; empty where the case has fewer than two moments."""
    if len(case.moments) < 2:
        return ""
    start = min(moment.at for moment in case.moments)
    end = max(max(m.at, m.ended_at or m.at) for m in case.moments)
    scale = (_WIDTH - _LEFT - _RIGHT) / max(end - start, 1e-6)
    parts: list[str] = []
    top = 8
    for actor in Actor:
        rows = _rows(case, actor, start, scale)
        if not rows:
            continue
        height = _ROW * len(rows) + 6
        parts.append(
            f'<rect class="lane" x="{_LEFT}" y="{top}" width="{_WIDTH - _LEFT - _RIGHT + 12}" '
            f'height="{height}"/><text class="who" x="{_LEFT - 8}" y="{top + height / 2 + 4}">'
            f"{html.escape(actor)}</text>"
        )
        for line, row in enumerate(rows):
            middle = top + 3 + _ROW * line + _ROW / 2
            parts += [_mark(number, moment, x, width, middle) for number, moment, x, width in row]
        top += height + 6
    parts += _axis(end - start, scale, top)
    return (
        f'<svg class="timeline" viewBox="0 0 {_WIDTH} {top + 26}" role="img" '
        'aria-label="Timeline; the numbers are those of the table below">'
        f"{''.join(parts)}</svg>"
    )


_Placed = tuple[int, Moment, float, float]
"""Number, moment, position and width in the picture."""


def _rows(case: Case, actor: Actor, start: float, scale: float) -> list[list[_Placed]]:
    """The actor's moments, each in the first row where it hides no other."""
    rows: list[list[_Placed]] = []
    for number, moment in enumerate(case.moments, start=1):
        if moment.actor is not actor:
            continue
        x = _LEFT + (moment.at - start) * scale
        width = max(_MARK, ((moment.ended_at or moment.at) - moment.at) * scale)
        x = min(x, _WIDTH - _RIGHT - _MARK + 12)
        for row in rows:
            _, _, last_x, last_width = row[-1]
            if last_x + last_width + 1 <= x:
                row.append((number, moment, x, width))
                break
        else:
            rows.append([(number, moment, x, width)])
    return rows


def _mark(number: int, moment: Moment, x: float, width: float, middle: float) -> str:
    kind = " bad" if moment.bad else ""
    title = f"<title>{html.escape(moment.text)}</title>"
    width = min(width, _WIDTH - _RIGHT + 12 - x)
    return (
        f'<g class="mark{kind}"><rect x="{x:.1f}" y="{middle - 8:.1f}" width="{width:.1f}" '
        f'height="16" rx="3"/><text x="{x + _MARK / 2:.1f}" y="{middle + 4:.1f}">{number}</text>'
        f"{title}</g>"
    )


def _axis(seconds: float, scale: float, y: float) -> Iterator[str]:
    step = _step(seconds * 1000)
    for count in range(int(seconds * 1000 / step) + 1):
        x = _LEFT + count * step / 1000 * scale
        yield (
            f'<line class="tick" x1="{x:.1f}" x2="{x:.1f}" y1="2" y2="{y}"/>'
            f'<text class="tick" x="{x:.1f}" y="{y + 16}">{_tick(count * step, step)}</text>'
        )


def _step(milliseconds: float) -> float:
    """A round distance of the ticks that gives six of them or so."""
    rough = milliseconds / 6
    power = 10 ** math.floor(math.log10(rough)) if rough > 0 else 1.0
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)


def _tick(milliseconds: float, step: float) -> str:
    return f"{milliseconds:g} ms" if step < 10_000 else f"{milliseconds / 1000:g} s"


def offsets(moments: Sequence[Moment]) -> tuple[str, ...]:
    """Milliseconds since the first moment, for a table; ``~`` where they were worked out."""
    origin = moments[0].at if moments else 0.0
    return tuple(f"{'' if m.exact else '~'}{1000 * (m.at - origin):.1f}" for m in moments)
