"""When containerd's collector ran while a container lived, and whether it took its snapshot."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from iluvatar_bench.explain.case import Actor, Moment

_MOST = 12
"""So many are shown: those that removed something of this container's, and the last ones."""


def collector_moments(
    collections: pd.DataFrame | None, row: Mapping[str, Any]
) -> tuple[Moment, ...]:
    """The collections of a trial's time, oldest first; one that took its snapshot is marked.

    Args:
        collections: as ``runs.collections.COLUMNS``; None where nobody noted any.
        row: the trial's, with ``submitted_at`` (UTC), ``total_ms`` and ``container_id``.
    """
    began, total_ms = row.get("submitted_at"), row.get("total_ms")
    if collections is None or began is None or total_ms is None:
        return ()
    end = began + pd.Timedelta(milliseconds=total_ms)
    during = collections[collections["ended_at"].between(began, end)]
    found = tuple(_moments(during, str(row["container_id"])))
    return tuple(m for n, m in enumerate(found) if m.bad or n >= len(found) - _MOST)


def _moments(collections: pd.DataFrame, container_id: str) -> Iterator[Moment]:
    for _, collection in collections.iterrows():
        ended_at = collection["ended_at"].timestamp()
        names = [] if pd.isna(collection["names"]) else json.loads(collection["names"])
        own = container_id in names
        text = f"the garbage collector paused containerd for {collection['pause_ms']:.1f} ms"
        if names:
            others = len(names) - own
            told = ["this container's snapshot"] if own else []
            told += [f"{others} of others"] if others else []
            text += f"; removed snapshots: {' and '.join(told)}"
        yield Moment(
            at=ended_at - collection["pause_ms"] / 1000,
            ended_at=ended_at,
            actor=Actor.CONTAINERD,
            text=text,
            bad=own,
        )
