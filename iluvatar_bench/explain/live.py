"""The story of one container that exists now, from what an audit saw of it."""

from __future__ import annotations

from collections.abc import Mapping

from iluvatar_bench.count_words import count_of
from iluvatar_bench.explain.autopsy import Autopsy
from iluvatar_bench.explain.case import Actor, Case, Moment, Remedy
from iluvatar_bench.records import LiveContainer

_ACTORS: Mapping[str, Actor] = {
    "client": Actor.CLIENT,
    "containerd": Actor.CONTAINERD,
    "kernel": Actor.KERNEL,
}


def explain_container(container: LiveContainer) -> Autopsy:
    """What can fail this container now, what is in order, and what would mend the rest."""
    count = container.broken
    summary = (
        f"{count_of(count, 'thing')} can fail this container."
        if count
        else "No rule finds anything wrong with this container."
    )
    moments = tuple(
        Moment(at=moment.at, actor=_ACTORS[moment.told_by], text=moment.text, bad=moment.bad)
        for moment in container.moments
    )
    return Autopsy(
        Case(
            title=f"Container {container.name}, now",
            summary=summary,
            verdict=container.facts,
            moments=moments,
            evidence_for=container.wrong,
            heading_for="What can fail it",
            heading_ruled_out="In order",
            ruled_out=container.in_order,
            not_known=container.not_known,
            remedies=tuple(Remedy(text=fix.text, settings=fix.settings) for fix in container.fixes),
        )
    )
