"""The story of a container that somebody else's client made, in words that say so. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pandas as pd

from iluvatar_bench.explain.case import Actor, Case, Moment, Remedy
from iluvatar_bench.worker_logs import logs_of_trials

_MOST_LINES = 20
"""What a worker's log tells of one container: so many entries."""

_LANES = {Actor.CLIENT: Actor.OBSERVED_CLIENT}


def as_observed(case: Case, row: Mapping[str, Any], logs: pd.DataFrame) -> Case:
    """A case of an observation: the client is the container's, and its worker's log is beside it.

    ``row`` is the trial, ``logs`` what ``explain`` found of it in workers' logs
    (:func:`logs_of_trial`).
    """
    told = [{str(k): v for k, v in entry.items()} for entry in logs.to_dict("records")]
    moments = (*map(_moment, case.moments), *map(_log_moment, told))
    return replace(
        case,
        summary=_summary(row, case.summary),
        verdict=(*case.verdict, *_said_by_log(told)),
        moments=tuple(sorted(moments, key=lambda moment: moment.at)),
        evidence_for=tuple(map(_its, case.evidence_for)),
        evidence_against=tuple(map(_its, case.evidence_against)),
        ruled_out=tuple(map(_its, case.ruled_out)),
        not_known=tuple(map(_its, case.not_known)),
        # Whoever made it has no profile that could be set.
        remedies=tuple(Remedy(text=_its(remedy.text)) for remedy in case.remedies),
        outputs=(*case.outputs, *_log_texts(told)),
    )


def logs_of_trial(trials: pd.DataFrame, logs: pd.DataFrame, trial: int) -> pd.DataFrame:
    """What workers' logs told of one trial, in the order of its times."""
    if logs.empty:
        return logs
    joined = logs_of_trials(trials, logs)
    mine = joined[joined["trial"] == trial].fillna({"trial": trial})
    return mine.assign(at=mine["told_at"].fillna(mine["seen_at"])).sort_values("at")


def _its(text: str) -> str:
    """What the rules say of "this client" is about the one that made the container."""
    return text.replace("this client", "its client").replace("This client", "Its client")


def _moment(moment: Moment) -> Moment:
    text = "first seen" if moment.text == "submitted" else _its(moment.text)
    return replace(moment, actor=_LANES.get(moment.actor, moment.actor), text=text)


def _log_moment(entry: Mapping[str, Any]) -> Moment:
    text = f"tells of {entry['bug_class']}: {_first_line(entry['text'])}"
    return Moment(at=entry["at"].timestamp(), actor=Actor.WORKER_LOG, text=text)


def _said_by_log(told: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    classes = dict.fromkeys(f"{entry['bug_class']} ({entry['certainty']})" for entry in told)
    if classes:
        yield "the worker's log", ", ".join(classes)


def _log_texts(told: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    for entry in told[:_MOST_LINES]:
        yield f"The worker's log, {entry['file']} line {entry['line']}", str(entry["text"])


def _summary(row: Mapping[str, Any], otherwise: str) -> str:
    seen = json.loads(row.get("evidence") or "{}").get("observed") or {}
    why = str(seen.get("why") or "")
    if row["outcome"] == "failed" or not why:
        return otherwise
    if row["outcome"] == "unknown":
        return f"How it ended is not known: {why}."
    _, yet, latent = otherwise.partition("Yet ")
    return f"Nothing failed: {why}." + (f" {yet}{latent}" if yet else "")


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0][:200]
