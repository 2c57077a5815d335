"""The frame that every page has: a title, the verdict, notes, and sections with their links."""

from __future__ import annotations

from collections.abc import Sequence

from jinja2 import Environment, PackageLoader, StrictUndefined

from iluvatar_bench.report.page_parts import Section


def render_page(
    *,
    title: str,
    verdict: Sequence[str],
    verdict_class: str,
    notes: Sequence[str],
    sections: Sequence[Section],
) -> str:
    """A self-contained page; whatever came from outside is shown as text.

    ``verdict_class`` is ``better``, ``worse`` or empty. Sections without parts are left out.
    """
    environment = Environment(
        loader=PackageLoader("iluvatar_bench.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    return environment.get_template("report.html.j2").render(
        title=title,
        verdict=verdict,
        verdict_class=verdict_class,
        notes=notes,
        sections=[section for section in sections if section.parts],
    )
