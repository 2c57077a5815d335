"""The autopsy of one trial: its case from a run folder, as text, HTML and in a notebook."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from iluvatar_bench.bugs.certainty import certainty
from iluvatar_bench.bugs.evidence import CgroupAction, Evidence
from iluvatar_bench.bugs.rules.coincidence import fitting_kills
from iluvatar_bench.bugs.rules.senders import deciding_signal
from iluvatar_bench.bugs.taxonomy import BugClass, Mechanism
from iluvatar_bench.errors import UsageError
from iluvatar_bench.explain.autopsy_steps import client_steps
from iluvatar_bench.explain.case import Actor, Case, Moment, Remedy
from iluvatar_bench.explain.case_html import case_fragment, case_page
from iluvatar_bench.explain.case_text import case_text
from iluvatar_bench.explain.collector_moments import collector_moments
from iluvatar_bench.explain.grounds import Grounds, grounds
from iluvatar_bench.explain.observed_words import as_observed, logs_of_trial
from iluvatar_bench.explain.remedy import remedy
from iluvatar_bench.records import UnknownClass
from iluvatar_bench.records.run_result import RunResult
from iluvatar_bench.records.run_status import OBSERVED

_MOST_NEIGHBOURS = 8
"""Neighbours' Kills on a page: the last ones before the failure; a long log would hide them."""

_LONG_ERROR = 300
"""Characters of an error that a summary has room for."""

_LATENT: Mapping[str, str] = {
    Mechanism.SNAPSHOT_COLLECTED: "Yet its snapshot had been collected while it ran, and nobody "
    "noticed: it had loaded all that it needed. The next look for a file would have failed.",
    Mechanism.CGROUP_NOT_JOINED: "Yet its process was never in its cgroup: no limit held for it, "
    "and a Kill(all) would have missed it.",
}


@dataclass(frozen=True, slots=True)
class Autopsy:
    """A case with its presentation: ``print`` it, show it in a notebook, or save its page."""

    case: Case

    def __str__(self) -> str:
        return case_text(self.case)

    def _repr_html_(self) -> str:
        """For notebooks."""
        return case_fragment(self.case)

    def page(self) -> str:
        """One self-contained HTML page, for light and dark screens."""
        return case_page(self.case)


def explain_trial(run: RunResult, trial: int) -> Autopsy:
    """What happened to one trial of a run: ``explain_trial(run, 7)``.

    Raises:
        UsageError: the run has no such trial, or none at all.
    """
    run.require_trials()
    rows = run.table.of_trial(trial)
    if rows.empty:
        known = run.table.columns("trial")["trial"]
        raise UsageError(
            f"run {run.folder.name} has no trial {trial}; "
            f"there are {len(known)}, from {known.min()} to {known.max()}"
        )
    row = _plain(rows.iloc[0].to_dict())
    name = row["container_id"]
    events = _events(run.seen_of("events", name), name)
    case = _case(row, events, _deaths(run.seen_of("deaths", name), name), run)
    if run.workload == OBSERVED:
        case = as_observed(case, row, logs_of_trial(run.trials, run.seen["logs"], trial))
    return Autopsy(case)


def _deaths(deaths: pd.DataFrame, container_id: str) -> list[dict[str, Any]]:
    """How the end of the container's process came to be known, in runs that kept it."""
    mine = deaths[deaths["container_id"] == container_id]
    return [_plain(row) for row in mine.to_dict("records")]


def _events(events: pd.DataFrame, container_id: str) -> list[dict[str, Any]]:
    """The container's events and its snapshot's, in the order of their times."""
    mine = events[
        (events["container_id"] == container_id) | (events["snapshot_key"] == container_id)
    ]
    return [_plain(row) for row in mine.sort_values("timestamp").to_dict("records")]


def _plain(row: Mapping[Any, Any]) -> dict[str, Any]:
    """The row with everything that is missing as None."""
    return {str(k): None if _missing(v) else v for k, v in row.items()}


def _missing(value: Any) -> bool:
    return (
        value is None
        or value is pd.NA
        or value is pd.NaT
        or (isinstance(value, float) and math.isnan(value))
    )


def _case(
    row: dict[str, Any],
    events: list[dict[str, Any]],
    deaths: list[dict[str, Any]],
    run: RunResult,
) -> Case:
    manifest = run.manifest
    stored = json.loads(row.get("evidence") or "{}")
    evidence, unread = _evidence(stored)
    factors = {name: row[name] for name in manifest.get("profile", {}) if name in row}
    failed, latent = row["outcome"] == "failed", stored.get("latent")
    cause = row.get("mechanism") if failed else latent
    remedies = (remedy(cause, factors),) if cause else ()
    weighed = _grounds(row, stored, evidence) if failed else _NO_GROUNDS
    moments = (
        *client_steps(row, events, stored),
        *_containerd(events),
        *_kernel(row, stored),
        *_news_of_death(deaths),
        *_signals(evidence),
        *_neighbours(row, evidence),
        *_changes(row, evidence),
        *(() if run.workload == OBSERVED else collector_moments(run.seen.get("collections"), row)),
    )
    return Case(
        title=f"Trial {row['trial']} of {row['run_id']}: container {row['container_id']}",
        summary=_summary(row, latent),
        verdict=_verdict(row, latent, stored, manifest, remedies),
        moments=tuple(sorted(moments, key=lambda moment: moment.at)),
        evidence_for=weighed.speaking_for,
        evidence_against=weighed.speaking_against,
        ruled_out=weighed.ruled_out,
        not_known=(*unread, *weighed.not_known),
        remedies=remedies,
        outputs=tuple(_outputs(row, stored)),
    )


_NO_GROUNDS = Grounds(speaking_for=(), speaking_against=(), ruled_out=(), not_known=())


def _evidence(stored: Mapping[str, Any]) -> tuple[Evidence, tuple[str, ...]]:
    """The stored evidence; without any, what is the matter with it."""
    try:
        return Evidence.from_dict(stored), ()
    except (TypeError, ValueError) as error:
        return Evidence(), (f"the recorded evidence is not in the form of this version: {error}",)


def _grounds(row: Mapping[str, Any], stored: Mapping[str, Any], evidence: Evidence) -> Grounds:
    """What the verdict rests on, in the recorded words; what else there is, as judged now."""
    try:
        # Runs of an earlier version have the class only: it is the symptom, as a rule.
        symptom = BugClass(stored.get("symptom") or row["bug_class"])
        mechanism = Mechanism(row["mechanism"])
    except ValueError as error:
        weighed = replace(_NO_GROUNDS, not_known=(f"this version knows no such verdict: {error}",))
    else:
        weighed = grounds(symptom, evidence, mechanism)
    facts = tuple(str(fact) for fact in stored.get("facts") or ())
    return replace(weighed, speaking_for=facts or weighed.speaking_for)


def _outputs(row: Mapping[str, Any], evidence: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    error = str(row.get("error") or "")
    if len(error) > _LONG_ERROR:
        yield "The error in full", error
    for name in ("stderr", "stdout"):
        if evidence.get(f"{name}_tail"):
            yield f"Last words on {name}", str(evidence[f"{name}_tail"])


def _summary(row: Mapping[str, Any], latent: str | None) -> str:
    if row["outcome"] == "ok":
        well = "This container was created, became ready, lived and was removed: nothing failed."
        return f"{well} {_LATENT.get(latent, f'Yet there was {latent}.')}" if latent else well
    if row["outcome"] == "unknown":
        if row.get("unknown_class") == UnknownClass.HARNESS_ERROR:
            return f"This program itself failed in step {row.get('failed_step')}: {_error(row)}"
        return f"An answer was lost in step {row.get('failed_step')}: {_error(row)}"
    return f"It failed in step {row.get('failed_step')}: {_error(row)}"


def _error(row: Mapping[str, Any]) -> str:
    """The error, with its middle left out where it is long: both ends tell something."""
    error = str(row.get("error") or "")
    half = _LONG_ERROR // 2
    return error if len(error) <= _LONG_ERROR else f"{error[:half]} … {error[-half:]}"


def _judged_by(stored: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Which rules judged, and what had been recorded where it was judged anew."""
    shown = [("judged by", _rules(stored.get("rules", 0)))]
    recorded = stored.get("recorded")
    if recorded:
        verdict = f"{recorded['bug_class'] or '–'}, {recorded['mechanism'] or '–'}"
        shown.append(("recorded as", f"{verdict}, by {_rules(recorded['rules'])}"))
    return shown


def _rules(version: Any) -> str:
    return f"rules {version}" if version else "rules of a version that did not number them"


def _verdict(
    row: Mapping[str, Any],
    latent: str | None,
    stored: Mapping[str, Any],
    manifest: Mapping[str, Any],
    remedies: tuple[Remedy, ...],
) -> tuple[tuple[str, str], ...]:
    shown = [("outcome", row["outcome"])]
    if row["outcome"] == "failed":
        shown += [("bug class", row["bug_class"]), ("mechanism", row["mechanism"])]
        shown += [("which is", said) for said in (certainty(row["mechanism"], stored),) if said]
    if row["outcome"] != "ok":
        shown += _judged_by(stored)
    if row["outcome"] == "unknown":
        shown.append(("unknown because", row.get("unknown_class") or UnknownClass.ANSWER_LOST))
    if latent:
        shown.append(("unnoticed", latent))
    if row.get("exit_status") is not None:
        shown.append(("exit status", str(int(row["exit_status"]))))
    settings = [setting for remedy in remedies for setting in remedy.settings]
    if settings:
        shown.append(("prevented by", ", ".join(settings)))
    host = manifest.get("host") or {}
    versions = (f"containerd {(manifest.get('containerd') or {}).get('version', '?')}",)
    shown += [
        ("profile", row["profile"]),
        ("versions", ", ".join((*versions, str(host.get("runc") or "runc ?")))),
    ]
    return tuple((label, str(value)) for label, value in shown)


def _containerd(events: list[dict[str, Any]]) -> Iterator[Moment]:
    for event in events:
        if event.get("timestamp") is None or event["topic"] == "/tasks/exit":
            continue
        extra = "" if event.get("pid") is None else f", pid {int(event['pid'])}"
        yield Moment(
            at=event["timestamp"].timestamp(),
            actor=Actor.CONTAINERD,
            text=f"{event['topic']}{extra}",
        )


def _kernel(row: Mapping[str, Any], evidence: Mapping[str, Any]) -> Iterator[Moment]:
    failed = row["outcome"] == "failed"
    if evidence.get("exited_at") is not None:
        text = f"process ended with status {evidence.get('exit_status')}"
        yield Moment(at=evidence["exited_at"], actor=Actor.KERNEL, text=text, bad=failed)
    looked_at = evidence.get("step_ended_at")
    if looked_at is None:
        return
    if evidence.get("upper_exists") is False:
        text = "seen by then: the mounted upper directory is gone"
        yield Moment(at=looked_at, actor=Actor.KERNEL, text=text, bad=True)
    if evidence.get("snapshot_found") is False and not evidence.get("snapshot_removed_by_us"):
        text = "seen by then: containerd no longer knows the snapshot"
        yield Moment(at=looked_at, actor=Actor.CONTAINERD, text=text, bad=True)


def _news_of_death(deaths: list[dict[str, Any]]) -> Iterator[Moment]:
    told = {
        "pidfd_at": (Actor.KERNEL, "the pidfd says that the process has ended"),
        "wait_at": (Actor.CONTAINERD, "Tasks.Wait answers"),
        "event_at": (Actor.CONTAINERD, "/tasks/exit arrives"),
    }
    for death in deaths:
        for column, (actor, text) in told.items():
            if death.get(column) is not None:
                yield Moment(at=death[column].timestamp(), actor=actor, text=text)


def _signals(evidence: Evidence) -> Iterator[Moment]:
    """What the kernel recorded of signals to the container."""
    decisive = deciding_signal(evidence)
    for fact in evidence.signals or ():
        by = f"{fact.sender_command} {fact.sender_pid}"
        of = f" for container {fact.sender_container}" if fact.sender_container else ""
        text = f"signal {fact.signal} to process {fact.pid}, sent by {by}{of}"
        yield Moment(at=fact.at, actor=Actor.KERNEL, text=text, bad=fact is decisive)


def _neighbours(row: Mapping[str, Any], evidence: Evidence) -> Iterator[Moment]:
    """The Kills of others that were under way while this container was there."""
    began = row["submitted_at"].timestamp() if row.get("submitted_at") else 0.0
    kills = [k for k in evidence.neighbour_kills if k.ended_at is None or k.ended_at >= began]
    kills.sort(key=lambda kill: kill.started_at)
    hits = fitting_kills(evidence)
    for kill in kills[-_MOST_NEIGHBOURS:]:
        what = "Kill(all)" if kill.all_processes else "Kill"
        same = kill.cgroup == evidence.cgroup
        yield Moment(
            at=kill.started_at,
            ended_at=kill.ended_at,
            actor=Actor.NEIGHBOUR,
            text=f"{what} of {kill.container_id} in "
            + ("the same cgroup" if same else "a cgroup above its own"),
            bad=kill in hits,
        )


def _changes(row: Mapping[str, Any], evidence: Evidence) -> Iterator[Moment]:
    """Pauses, resumes and updates of others in the cgroup of this container."""
    mechanism = row.get("mechanism")
    blamed = {
        Mechanism.NEIGHBOUR_PAUSED: CgroupAction.PAUSE,
        Mechanism.NEIGHBOUR_UPDATED: CgroupAction.UPDATE,
    }
    for change in evidence.neighbour_changes[-_MOST_NEIGHBOURS:]:
        yield Moment(
            at=change.at,
            actor=Actor.NEIGHBOUR,
            text=f"Tasks.{change.action.capitalize()} of {change.container_id}",
            bad=any(mechanism == str(m) and change.action is a for m, a in blamed.items()),
        )
