"""Trials like those of the recorded runs, as many as are wanted, and what a run writes of each."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd

from iluvatar_bench.records import STEP_COLUMNS, Death, Event, Outcome, Sample, Span, Trial, Way
from iluvatar_bench.runs.recorded import RECORDED_HOME
from iluvatar_bench.runs.store import RunFolder

OUT_OF_ORDER = 8
"""So many trials at a time: they end in another order than they began in."""

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
TRIAL_SECONDS = 0.1
"""So much later than the one before each began."""

TOPICS = (
    "/snapshot/prepare",
    "/containers/create",
    "/tasks/create",
    "/tasks/start",
    "/tasks/exit",
    "/tasks/delete",
    "/containers/delete",
    "/snapshot/remove",
)


def keep_trial(folder: RunFolder, trial: Trial) -> None:
    """What a run writes down of a trial: events, its death told by three ways, memory, itself."""
    at = trial.submitted_at
    seen = folder.observations
    name: dict[str, Any] = {"run_id": trial.run_id, "container_id": trial.container_id}
    for topic in TOPICS:
        seen["events"].append(Event(timestamp=at, topic=topic, pid=4242, **name).as_row())
    death = Death(pid=4242, first_way=Way.PIDFD, first_seen_at=at, pidfd_at=at, **name)
    for told in (death, replace(death, wait_at=at), replace(death, wait_at=at, event_at=at)):
        seen["deaths"].append(told.as_row())
    sample = Sample(round=trial.trial, sampled_at=at, rss_bytes=11_747_328, diff_bytes=None, **name)
    seen["samples"].append(sample.as_row())
    folder.append(trial)


def trials_like_recorded(count: int) -> Iterator[Trial]:
    """Trials as in the recorded runs, one in five of them failed, with its evidence."""
    good, bad = (_templates(name) for name in ("guarded", "iluvatar-2022-07"))
    for at in range(count):
        # In blocks, the last begun ends first.
        number = at - at % OUT_OF_ORDER + OUT_OF_ORDER - 1 - at % OUT_OF_ORDER
        templates = bad if number % 5 == 4 else good
        template = templates[number % len(templates)]
        submitted = BEGAN + timedelta(seconds=TRIAL_SECONDS * number)
        sent = tuple({**one, "sent_at": submitted.isoformat()} for one in template.invocations[:1])
        yield replace(
            template,
            trial=number,
            container_id=f"hello-{number:012x}",
            submitted_at=submitted.isoformat(),
            invocations=sent,
        )


def _templates(name: str) -> list[Trial]:
    rows = pd.read_parquet(RECORDED_HOME / name / "trials.parquet").to_dict(orient="records")
    return [_trial(row) for row in rows]


_INVOCATION = {
    "attachment": "10.10.0.2",
    "operation": "invoke",
    "first": True,
    "duration_ms": 4.2,
    "status": 200,
    "response_bytes": 20,
    "cause": None,
    "error": None,
}


def _trial(row: dict[Any, Any]) -> Trial:
    known: dict[str, Any] = {
        str(name): None if pd.isna(value) else value for name, value in row.items()
    }
    names = list(known)
    factors = names[names.index("profile") + 1 : names.index("function")]
    return Trial(
        run_id=known["run_id"],
        trial=known["trial"],
        container_id=known["container_id"],
        profile=known["profile"],
        factors={name: known[name] for name in factors},
        function=known["function"],
        submitted_at="",
        outcome=Outcome(known["outcome"]),
        bug_class=known["bug_class"],
        mechanism=known["mechanism"],
        failed_step=known["failed_step"],
        error=known["error"],
        exit_status=None if known["exit_status"] is None else int(known["exit_status"]),
        steps={name: known[name] for name in STEP_COLUMNS if known[name] is not None},
        spans=tuple(Span(**span) for span in json.loads(known["spans"])),
        total_ms=known["total_ms"],
        evidence=json.loads(known["evidence"]),
        invocations=(_INVOCATION,) if known["first_invoke_ms"] is not None else (),
    )
