"""One trial on one time axis: what was done to the container, what was said and seen of it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pandas as pd

from iluvatar_bench.errors import UsageError
from iluvatar_bench.records import COLLECTION_SPAN, Outcome, Way
from iluvatar_bench.records.trial_table import TrialTable

COLUMNS = ("kind", "name", "container_id", "started_ms", "ended_ms", "completed", "rss_bytes")
KINDS = ("step", "kill", "neighbour_kill", "collection", "event", "death", "sample")

_KILL_SPAN = "kill"
_MS = pd.Timedelta(milliseconds=1)

_LOOKED_AT = ("trial", "container_id", "submitted_at", "total_ms", "kill", "cgroup", "spans")
"""The columns of trials that a time line is made from."""

Row = dict[str, Any]


def trial_timeline(
    trials: pd.DataFrame,
    *,
    trial: int,
    events: pd.DataFrame,
    deaths: pd.DataFrame,
    samples: pd.DataFrame,
    collections: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Everything known of one trial, ordered by time.

    Args:
        trials: rows of ``records.Trial``, the whole run's: neighbours' Kills are in theirs.
        trial: the number of one of them.
        events, deaths, samples: the run's rows of ``records.Event``, ``Death`` and ``Sample``.
        collections: the run's collections as containerd's log tells of them, if it does.

    Returns:
        One row a thing. ``kind``: ``step``; ``kill`` (our Kill of this container);
        ``neighbour_kill`` (our Kill of every process of the same cgroup, or one above it,
        sent to another container); ``collection`` (one that this client forced, whoever's trial it
        was; and by the name ``collector`` each that the log tells of);
        ``event`` (containerd's word on this container or its snapshot); ``death`` (one row for
        each way that told it, by that way's name); ``sample`` (``rss_bytes``, NaN: gone).
        ``started_ms`` and ``ended_ms``: milliseconds since the trial's submit, equal for what has
        no length. ``completed``: False for a step that failed.

    Raises:
        UsageError: there is no such trial, or the run was recorded without the times of its steps.
    """
    chosen = _timed(_chosen(trials, trial))
    rows = [
        *_own_spans(chosen),
        *_neighbours(trials, chosen),
        *_collections(collections, chosen),
        *_events(events, chosen),
        *_deaths(deaths, chosen),
        *_samples(samples, chosen),
    ]
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    frame["rss_bytes"] = frame["rss_bytes"].astype("Float64")
    return frame.sort_values("started_ms", kind="stable", ignore_index=True)


def trials_beside(table: TrialTable, trial: int) -> pd.DataFrame:
    """A trial's row and those of the trials that were there while it was.

    Its time line (:func:`trial_timeline`) takes no others, and no more than these columns of them.

    Raises:
        UsageError: as :func:`trial_timeline`.
    """
    moments = table.columns("trial", "submitted_at", "total_ms")
    own = (moments["trial"] == trial).to_numpy()
    if not own.any():
        raise UsageError(f"no trial {trial}; there are {len(table)}")
    chosen = _timed(table.rows(np.flatnonzero(own), *_LOOKED_AT).iloc[0])
    there = _was_there(moments, chosen, _end_ms(chosen)).to_numpy()
    return table.rows(np.flatnonzero(own | there), *_LOOKED_AT)


def trial_facts(trials: pd.DataFrame, *, trial: int) -> pd.DataFrame:
    """What is known of one trial's end, a row a fact: outcome, cause, and all of the evidence.

    Columns: fact, value (text; several values of one fact have a row each).

    Raises:
        UsageError: there is no such trial.
    """
    chosen = _chosen(trials, trial)
    names = ("outcome", "bug_class", "mechanism", "failed_step", "exit_status", "error")
    pairs = [(name, chosen[name]) for name in names if pd.notna(chosen[name])]
    for name, value in json.loads(chosen["evidence"]).items():
        values = value if isinstance(value, list) else [value]
        pairs += [(name, item) for item in values if name not in names]
    return pd.DataFrame([(name, _text(value)) for name, value in pairs], columns=["fact", "value"])


def _text(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}: {item}" for name, item in value.items())
    return str(value)


def _chosen(trials: pd.DataFrame, trial: int) -> pd.Series[Any]:
    chosen = trials[trials["trial"] == trial]
    if chosen.empty:
        raise UsageError(f"no trial {trial}; there are {len(trials)}")
    return chosen.iloc[0]


def _spans(trial: pd.Series[Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(trial["spans"])
    return found


def _timed(trial: pd.Series[Any]) -> pd.Series[Any]:
    """The trial, if it has the times of its steps."""
    if not isinstance(trial.get("spans"), str):
        raise UsageError("this run was recorded without the times of its steps; make it anew")
    return trial


def _end_ms(trial: pd.Series[Any]) -> float:
    return max((float(span["ended_ms"]) for span in _spans(trial)), default=0.0)


def _own_spans(chosen: pd.Series[Any]) -> Iterator[Row]:
    for span in _spans(chosen):
        kind = {_KILL_SPAN: "kill", COLLECTION_SPAN: "collection"}.get(span["name"], "step")
        yield {"kind": kind, "container_id": chosen["container_id"], **span}


def _neighbours(trials: pd.DataFrame, chosen: pd.Series[Any]) -> Iterator[Row]:
    """What was done to other containers, and concerns this one, while it was there."""
    end_ms = _end_ms(chosen)
    others = trials[(trials["trial"] != chosen["trial"]) & _was_there(trials, chosen, end_ms)]
    for _, other in others.iterrows():
        shift_ms = (other["submitted_at"] - chosen["submitted_at"]) / _MS
        reaches_over = _reaches_over(other, chosen)
        for span in _spans(other):
            started_ms, ended_ms = span["started_ms"] + shift_ms, span["ended_ms"] + shift_ms
            kind = {_KILL_SPAN: "neighbour_kill" if reaches_over else None}.get(span["name"])
            kind = "collection" if span["name"] == COLLECTION_SPAN else kind
            if kind is not None and ended_ms >= 0 and started_ms <= end_ms:
                yield {
                    "kind": kind,
                    "name": span["name"],
                    "container_id": other["container_id"],
                    "started_ms": started_ms,
                    "ended_ms": ended_ms,
                    "completed": span["completed"],
                }


def _was_there(trials: pd.DataFrame, chosen: pd.Series[Any], end_ms: float) -> pd.Series[bool]:
    """Which trials may have done anything in that time: their spans take time to be read."""
    begins_ms: pd.Series[float] = (trials["submitted_at"] - chosen["submitted_at"]) / _MS
    there = begins_ms <= end_ms
    if "total_ms" in trials:
        # One without an end may have been there until the last.
        there &= begins_ms + trials["total_ms"].astype("float64").fillna(math.inf) >= 0
    return there


def _collections(collections: pd.DataFrame | None, chosen: pd.Series[Any]) -> Iterator[Row]:
    """The collector's own runs while the container was there."""
    if collections is None:
        return
    end_ms = _end_ms(chosen)
    ended = (collections["ended_at"] - chosen["submitted_at"]) / _MS
    there = (ended >= 0) & (ended - collections["pause_ms"] <= end_ms)
    for _, collection in collections[there].iterrows():
        ended_ms = (collection["ended_at"] - chosen["submitted_at"]) / _MS
        yield {
            "kind": "collection",
            "name": "collector",
            "container_id": "",
            "started_ms": ended_ms - collection["pause_ms"],
            "ended_ms": ended_ms,
            "completed": True,
        }


def _reaches_over(other: pd.Series[Any], chosen: pd.Series[Any]) -> bool:
    """Whether a Kill of the other one is one of the chosen one as well.

    With cgroups of their own, or a Kill of the first process alone, none is.
    """
    if other.get("kill") != "all":
        return False
    if other.get("cgroup") == "nested":
        # Trials in pairs: the cgroup of the second lies below that of the first.
        return bool(chosen["trial"] % 2 and other["trial"] == chosen["trial"] - 1)
    return other.get("cgroup") in ("shared", "relative", "example")


def _events(events: pd.DataFrame, chosen: pd.Series[Any]) -> Iterator[Row]:
    name = chosen["container_id"]
    for _, event in events[
        (events["container_id"] == name) | (events["snapshot_key"] == name)
    ].iterrows():
        yield _moment("event", event["topic"], event["timestamp"], chosen)


def _deaths(deaths: pd.DataFrame, chosen: pd.Series[Any]) -> Iterator[Row]:
    for _, death in deaths[deaths["container_id"] == chosen["container_id"]].iterrows():
        for way in Way:
            if pd.notna(death[f"{way}_at"]):
                yield _moment("death", str(way), death[f"{way}_at"], chosen)


def _samples(samples: pd.DataFrame, chosen: pd.Series[Any]) -> Iterator[Row]:
    for _, sample in samples[samples["container_id"] == chosen["container_id"]].iterrows():
        moment = _moment("sample", "memory", sample["sampled_at"], chosen)
        yield {**moment, "rss_bytes": sample["rss_bytes"]}


def _moment(kind: str, name: str, at: pd.Timestamp, chosen: pd.Series[Any]) -> Row:
    offset_ms = (at - chosen["submitted_at"]) / _MS
    return {
        "kind": kind,
        "name": name,
        "container_id": chosen["container_id"],
        "started_ms": offset_ms,
        "ended_ms": offset_ms,
        "completed": True,
    }


def unwanted_deaths(deaths: pd.DataFrame, trials: pd.DataFrame) -> pd.DataFrame:
    """The deaths that nobody wanted: those of trials that did not end well.

    A run tells the end of every process; most of them end because their container is removed.

    Args:
        deaths: rows of ``records.Death``.
        trials: rows of ``records.Trial`` of the same run.
    """
    bad = trials.loc[trials["outcome"] != str(Outcome.OK), "container_id"]
    return deaths[deaths["container_id"].isin(bad)]


def detection_latencies(deaths: pd.DataFrame, ways: Iterable[Way] = tuple(Way)) -> pd.DataFrame:
    """How long after the signal each way told each death.

    Args:
        deaths: rows of ``records.Death`` with ``killed_at``.

    Returns:
        One row for each death and way that told it: container_id, way, latency_ms.
    """
    rows = [
        {
            "container_id": death["container_id"],
            "way": str(way),
            "latency_ms": (death[f"{way}_at"] - death["killed_at"]) / _MS,
        }
        for _, death in deaths.iterrows()
        for way in ways
        if pd.notna(death[f"{way}_at"])
    ]
    return pd.DataFrame(rows, columns=["container_id", "way", "latency_ms"])


def latency_table(latencies: pd.DataFrame) -> pd.DataFrame:
    """A row for each way: count, median_ms, max_ms, and ``first``, how often it was the first.

    Args:
        latencies: as of :func:`detection_latencies`.
    """
    first = latencies.loc[latencies.groupby("container_id")["latency_ms"].idxmin(), "way"]
    grouped = latencies.groupby("way", sort=False)["latency_ms"]
    table = grouped.agg(count="count", median_ms="median", max_ms="max")
    table["first"] = first.value_counts().reindex(table.index, fill_value=0)
    return table.reset_index()
