"""A run as it stands now, as HTML for a notebook: progress, rates, last failures, time line.

Whatever a container said is shown as text. Ink is the notebook's own, so that it is read on light
and on dark paper; phases differ in lightness, and a failure is a cross, not only a colour.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape

from iluvatar_bench.count_words import count_of
from iluvatar_bench.records import Outcome, Trial
from iluvatar_bench.report.life_phases import FAILED_COLOUR, PHASE_COLOURS
from iluvatar_bench.report.live_run import WINDOW_SECONDS, LiveLife, LiveRun
from iluvatar_bench.stats.text_tables import share_text

_WIDTH, _LANE, _LEFT = 720.0, 14.0, 8.0
MOST_LANES = 32
"""Lines of the time line; what lives beyond them is counted below it."""

_THINNEST = 0.4
"""A phase of fewer pixels is not drawn."""

_LONGEST_ERROR = 160


def live_html(run: LiveRun, *, state: str = "") -> str:
    """The panel's content. ``state`` is what has become of the run, empty while it goes."""
    parts = (_headline(run, state), _rates(run), _failures(run), _time_line(run))
    return (
        f'<div class="iluvatar-live" style="max-width:60em;line-height:1.4">{"".join(parts)}</div>'
    )


def live_text(run: LiveRun, *, state: str = "") -> str:
    """The same in a line, for what shows no HTML."""
    counted = ", ".join(f"{count} {name}" for name, count in _counts(run))
    return f"{_progress(run, state)}{': ' if counted else ''}{counted}"


def _headline(run: LiveRun, state: str) -> str:
    return (
        f'<p style="margin:0 0 .3em"><b>{escape(_progress(run, state))}</b></p>'
        f'<progress max="{run.total}" value="{min(run.done, run.total)}" '
        'style="width:100%" aria-label="progress"></progress>'
    )


def _progress(run: LiveRun, state: str) -> str:
    most = "at most " if run.at_most else ""
    words = [f"{run.done} of {most}{run.total} {run.unit}"]
    if run.unit != "containers":
        words.append(f"{count_of(run.ended, 'container')} ended")
    if state:
        return ", ".join([*words, state])
    words.append(f"{len(run.living)} alive" if run.began_at is not None else "being set up")
    left = run.seconds_left
    if left is not None:
        words.append(f"{most}about {_duration(left)} left")
    return ", ".join(words)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _counts(run: LiveRun) -> Iterator[tuple[str, int]]:
    """The outcomes, then the classes of what failed or is unknown, the commonest first."""
    for outcome in Outcome:
        if run.outcomes[str(outcome)] or outcome is Outcome.OK:
            yield str(outcome), run.outcomes[str(outcome)]
    yield from run.classes.most_common()


def _rates(run: LiveRun) -> str:
    if not run.ended:
        return ""
    rows = "".join(
        f'<tr><td style="text-align:left">{escape(name)}</td>'
        f'<td style="text-align:left">{escape(share_text(count, run.ended))}</td></tr>'
        for name, count in _counts(run)
    )
    return (
        '<table><thead><tr><th style="text-align:left">of what has ended</th>'
        '<th style="text-align:left">count/trials, rate [95 %]</th></tr></thead>'
        f"<tbody>{rows}</tbody></table>"
    )


def _failures(run: LiveRun) -> str:
    if not run.failures:
        return ""
    items = "".join(f"<li>{_failure(trial)}</li>" for trial in reversed(run.failures))
    return f'<p style="margin:.5em 0 0">Last failures:</p><ul style="margin:0">{items}</ul>'


def _failure(trial: Trial) -> str:
    cause = f" ({trial.mechanism})" if trial.mechanism else ""
    lines = (trial.error or "").strip().splitlines()
    error = lines[-1] if lines else ""
    if len(error) > _LONGEST_ERROR:
        error = error[:_LONGEST_ERROR] + " …"
    told = f"trial {trial.trial}: {trial.bug_class}{cause}"
    return f"<b>{escape(told)}</b> {escape(error)}"


def _time_line(run: LiveRun) -> str:
    lives = run.lives()
    if not lives:
        return ""
    now = run.clock()
    shown = [life for life in lives if life.lane < MOST_LANES]
    lanes = max((life.lane for life in shown), default=0) + 1
    height = lanes * _LANE
    crosses = "".join(_cross(life, now) for life in shown if life.failed_at is not None)
    failed = sum(life.failed_at is not None for life in shown)
    label = (
        f"time line of the last {WINDOW_SECONDS:.0f} seconds: {len(lives)} containers, "
        f"{failed} failed"
    )
    hidden = len(lives) - len(shown)
    more = f"; {hidden} containers on further lines are not drawn" if hidden else ""
    return (
        f'<svg viewBox="0 0 {_WIDTH:.0f} {height + 16:.0f}" role="img" aria-label="{label}" '
        'style="width:100%;margin-top:.6em" font-size="10" fill="currentColor">'
        f"{_bars(shown, now)}{crosses}{_scale(height)}</svg>"
        f'<p style="margin:0;font-size:.85em">{_legend()}{more}</p>'
    )


def _x(at: float, now: float) -> float:
    share = 1 - (now - at) / WINDOW_SECONDS
    return _LEFT + max(0.0, min(1.0, share)) * (_WIDTH - 2 * _LEFT)


def _bars(lives: Iterable[LiveLife], now: float) -> str:
    """The phases of all lives, one path a phase: a page with an element a bar would be large."""
    paths: dict[str, list[str]] = {phase: [] for phase in PHASE_COLOURS}
    for life in lives:
        end = life.ended_at if life.ended_at is not None else now
        ends = [*(at for _, at in life.phases[1:]), end]
        y = life.lane * _LANE + _LANE / 2
        for (phase, began), ended in zip(life.phases, ends, strict=True):
            left, right = _x(began, now), _x(ended, now)
            if right - left >= _THINNEST:
                paths[phase].append(f"M{left:.1f} {y:.0f}h{right - left:.1f}")
    return "".join(
        f'<path class="{phase}" d="{"".join(d)}" stroke="{PHASE_COLOURS[phase]}" '
        f'stroke-width="{_LANE - 4:.0f}"/>'
        for phase, d in paths.items()
        if d
    )


def _cross(life: LiveLife, now: float) -> str:
    assert life.failed_at is not None
    if life.failed_at < now - WINDOW_SECONDS:
        return ""
    x, y, arm = _x(life.failed_at, now), life.lane * _LANE + _LANE / 2, 4.5
    path = f"M{x - arm:.1f} {y - arm:.1f}l9 9m0 -9l-9 9"
    title = f"<title>{escape(f'{life.container_id}: {life.failure}')}</title>"
    return (
        f'<path d="{path}" stroke="#fff" stroke-width="4.5"/>'
        f'<path d="{path}" stroke="{FAILED_COLOUR}" stroke-width="2.5">{title}</path>'
    )


def _scale(height: float) -> str:
    marks = []
    for seconds in range(0, int(WINDOW_SECONDS) + 1, 5):
        x = _LEFT + (1 - seconds / WINDOW_SECONDS) * (_WIDTH - 2 * _LEFT)
        anchor = "end" if not seconds else "start" if seconds == int(WINDOW_SECONDS) else "middle"
        text = f"−{seconds} s" if seconds else "now"
        marks.append(
            f'<text x="{x:.0f}" y="{height + 13:.0f}" text-anchor="{anchor}">{text}</text>'
        )
    return "".join(marks)


def _legend() -> str:
    swatches = [
        f'<span style="color:{PHASE_COLOURS[phase]}">■</span> {phase}' for phase in PHASE_COLOURS
    ]
    swatches.append(f'<span style="color:{FAILED_COLOUR}"><b>×</b></span> failed')
    return " &nbsp; ".join(swatches)
