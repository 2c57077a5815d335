"""What workers' logs tell of the containers of an observation: joined by id, and by time. Pure."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from iluvatar_bench.worker_logs.names import is_never_reused

if TYPE_CHECKING:
    import pandas as pd

BEFORE = timedelta(seconds=5)
"""A worker may tell of a container before containerd does."""

AFTER = timedelta(minutes=10)
"""A worker that tells of a failure after the container's removal does so in that time."""


def logs_of_trials(trials: pd.DataFrame, logs: pd.DataFrame) -> pd.DataFrame:
    """The rows of ``logs`` with the column ``trial`` (Int64): the one that each is about, or <NA>.

    ``trials`` has ``trial``, ``container_id`` (with its namespace before a slash, or without),
    ``submitted_at`` and ``total_ms``; ``logs`` has ``container_id``, ``told_at`` and ``seen_at``.
    The id decides, and where it is not one that is drawn at random the time as well: the last
    container of that id which had begun by then, and which was not gone for longer than
    :data:`AFTER`.
    """
    import pandas as pd

    own_id = trials["container_id"].str.rpartition("/")[2]
    ended = trials["submitted_at"] + pd.to_timedelta(trials["total_ms"].fillna(0), unit="ms")
    lives = pd.DataFrame(
        {"trial": trials["trial"], "began": trials["submitted_at"], "ended": ended}
    ).sort_values("began")
    by_id = dict(iter(lives.groupby(own_id)))
    told = logs["told_at"].fillna(logs["seen_at"])
    found = [
        _trial_of(by_id.get(name), name, at)
        for name, at in zip(logs["container_id"], told, strict=True)
    ]
    return logs.assign(trial=pd.array(found, dtype="Int64"))


def _trial_of(lives: pd.DataFrame | None, name: str, at: pd.Timestamp) -> int | None:
    if lives is None:
        return None
    if is_never_reused(name) and len(lives) == 1:
        return int(lives["trial"].iloc[0])
    begun = lives[(lives["began"] - BEFORE <= at) & (at <= lives["ended"] + AFTER)]
    return None if begun.empty else int(begun["trial"].iloc[-1])
