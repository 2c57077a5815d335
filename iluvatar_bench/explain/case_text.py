"""A case as plain text for a terminal: what happened, the verdict, the evidence, the remedy."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from iluvatar_bench.explain.case import Case, Moment, Remedy

_WIDTH = 100


def case_text(case: Case) -> str:
    """The whole case; lines of at most 100 characters, but for long words."""
    return "\n".join(_lines(case)) + "\n"


def _lines(case: Case) -> Iterator[str]:
    yield case.title
    yield from _wrapped(case.summary)
    yield ""
    width = max((len(label) for label, _ in case.verdict), default=0)
    for label, value in case.verdict:
        yield f"  {label:<{width}}  {value}"
    if case.moments:
        origin = case.moments[0].at
        start = datetime.fromtimestamp(origin, UTC)
        yield ""
        yield f"What happened when (ms since {start:%Y-%m-%d %H:%M:%S.%f} UTC; ~: worked out)"
        for moment in case.moments:
            yield from _moment(moment, origin)
    for heading, entries in sections(case):
        yield ""
        yield heading
        for entry in entries:
            yield from _wrapped(entry, first="  * ", rest="    ")
    for name, text in case.outputs:
        yield ""
        yield name
        for line in text.strip().splitlines()[-12:]:
            yield f"  | {line}"


def sections(case: Case) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """The lists of a case under their headings; empty ones are left out."""
    named = (
        (case.heading_for, case.evidence_for),
        ("Evidence against, or for something else", case.evidence_against),
        (case.heading_ruled_out, case.ruled_out),
        ("Not known", case.not_known),
        ("What prevents it", tuple(entry for r in case.remedies for entry in _remedy(r))),
    )
    return tuple((heading, entries) for heading, entries in named if entries)


def _remedy(remedy: Remedy) -> Iterator[str]:
    yield remedy.text
    if remedy.settings:
        settings = " ".join(f"--set {setting}" for setting in remedy.settings)
        yield f"The same as a change of profile: {settings}"


def _moment(moment: Moment, origin: float) -> Iterator[str]:
    offset = f"{'' if moment.exact else '~'}{1000 * (moment.at - origin):.1f}"
    length = ""
    if moment.ended_at is not None:
        length = f" ({1000 * (moment.ended_at - moment.at):.1f} ms)"
    mark = "!" if moment.bad else " "
    yield f"{offset:>10} {mark} {moment.actor:<11}  {moment.text}{length}"


def _wrapped(text: str, first: str = "", rest: str = "") -> Sequence[str]:
    return textwrap.wrap(
        text,
        width=_WIDTH,
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )
