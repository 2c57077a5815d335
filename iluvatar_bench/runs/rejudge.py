"""Judges a finished run anew: today's rules on the evidence that was stored with it.

Evidence is facts, and rules get better; so a verdict of an old run can be made again without the
run. What was recorded stays beside it: in the columns ``recorded_bug_class`` and
``recorded_mechanism``, and in the evidence of each trial under ``recorded``, with the version of
the rules that had judged. The journal of a run keeps the recorded verdicts as well.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from iluvatar_bench.bugs import RULES_VERSION, BugClass, Evidence, Mechanism, attribute
from iluvatar_bench.bugs.rules.coincidence import LARGEST_SHARE
from iluvatar_bench.errors import UnusablePath, UsageError
from iluvatar_bench.records import Outcome, UnknownClass
from iluvatar_bench.records.run_result import IN_JOURNALS_ONLY
from iluvatar_bench.runs.store import RunFolder, load_run
from iluvatar_bench.stats import failure_rates

CHANGE_COLUMNS = (
    "trial",
    "recorded_bug_class",
    "recorded_mechanism",
    "bug_class",
    "mechanism",
    "recorded_rules",
    "rules",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejudged:
    """What came of it. ``changes`` has a row, with :data:`CHANGE_COLUMNS`, for each trial whose
    verdict is not the recorded one; ``not_judged`` says of others why they could not be judged.
    """

    folder: Path
    judged: int
    changes: pd.DataFrame
    not_judged: Mapping[int, str]

    def as_json(self) -> dict[str, Any]:
        """JSON-ready values."""
        changes = self.changes.astype(object)
        return {
            "run": self.folder.name,
            "rules": RULES_VERSION,
            "judged": self.judged,
            "changes": changes.mask(changes.isna(), other=None).to_dict(orient="records"),
            "not_judged": {str(trial): why for trial, why in self.not_judged.items()},
        }


def rejudge_run(
    path: Path, *, write: bool = True, largest_share: float = LARGEST_SHARE
) -> Rejudged:
    """Judge every trial of a run that was judged before; with ``write`` keep the new verdicts.

    ``largest_share`` (0 to 1) is how much of the time neighbours' Kills may cover, where the kernel
    recorded no signals, for one of them to be taken for the cause.

    Raises:
        UsageError: it is no run that has ended, or the share is none.
        UnusablePath: the folder cannot be written to.
    """
    if not 0 <= largest_share <= 1:
        raise UsageError(f"largest_share must be between 0 and 1, not {largest_share:g}")
    manifest, trials = load_run(path)
    if manifest.get("status") in IN_JOURNALS_ONLY:
        raise UsageError(
            f"{path} is under way, was killed or had no room: its verdicts stand in its journal "
            f"only; go on with it first (run --resume {path})"
        )
    lost = trials["unknown_class"] == str(UnknownClass.ANSWER_LOST)
    rows = trials[(trials["outcome"] == str(Outcome.FAILED)) | lost]
    verdicts: dict[Any, dict[str, Any]] = {}
    not_judged: dict[int, str] = {}
    for label, row in rows.iterrows():
        try:
            verdicts[label] = _verdict(row, largest_share)
        except (ValueError, TypeError, KeyError) as error:
            not_judged[int(row["trial"])] = str(error)
    judged = _with_verdicts(trials, verdicts)
    rejudged = Rejudged(
        folder=path,
        judged=len(verdicts),
        changes=_changes(judged, verdicts),
        not_judged=not_judged,
    )
    if write and verdicts:
        _write(RunFolder(path), manifest, judged, rejudged)
    return rejudged


def _verdict(row: pd.Series[Any], largest_share: float) -> dict[str, Any]:
    """The new verdict on a trial: its class, its mechanism, and its evidence with both verdicts."""
    stored = json.loads(row["evidence"] or "{}")
    evidence = Evidence.from_dict(stored)
    if evidence == Evidence():
        raise ValueError("no evidence was stored with it")
    # Runs of an earlier version have the class only: it is the symptom, as a rule.
    symptom = BugClass(stored.get("symptom") or row["bug_class"])
    attribution = attribute(symptom, evidence, largest_share=largest_share)
    failed = row["outcome"] == str(Outcome.FAILED)
    known = failed or attribution.mechanism is not Mechanism.UNKNOWN
    recorded = stored.get("recorded") or {
        "bug_class": _text(row["bug_class"]),
        "mechanism": _text(row["mechanism"]),
        "facts": stored.get("facts", []),
        "rules": stored.get("rules", 0),
        "proven": stored.get("proven"),
    }
    return {
        "bug_class": str(attribution.bug_class) if failed else None,
        "mechanism": str(attribution.mechanism) if known else None,
        "recorded": recorded,
        "evidence": json.dumps(
            {
                **stored,
                "symptom": str(symptom),
                "proven": attribution.proven,
                "facts": list(attribution.facts),
                "considered": [asdict(found) for found in attribution.considered],
                "rules": RULES_VERSION,
                "recorded": recorded,
            }
        ),
    }


def _with_verdicts(trials: pd.DataFrame, verdicts: Mapping[Any, Mapping[str, Any]]) -> pd.DataFrame:
    judged = trials.copy()
    for name in ("bug_class", "mechanism", "evidence"):
        judged[name] = judged[name].astype(object)
        recorded = f"recorded_{name}"
        if name != "evidence" and recorded not in judged.columns:
            position = list(judged.columns).index(name) + 1
            judged.insert(position, recorded, judged[name])
        for label, verdict in verdicts.items():
            judged.loc[label, name] = verdict[name]
    return judged


def _changes(judged: pd.DataFrame, verdicts: Mapping[Any, Mapping[str, Any]]) -> pd.DataFrame:
    rows = [
        {
            "trial": int(judged.loc[label, "trial"]),
            "recorded_bug_class": verdict["recorded"]["bug_class"],
            "recorded_mechanism": verdict["recorded"]["mechanism"],
            "bug_class": verdict["bug_class"],
            "mechanism": verdict["mechanism"],
            "recorded_rules": verdict["recorded"]["rules"],
            "rules": RULES_VERSION,
        }
        for label, verdict in verdicts.items()
        if any(verdict[name] != verdict["recorded"][name] for name in ("bug_class", "mechanism"))
    ]
    return pd.DataFrame(rows, columns=list(CHANGE_COLUMNS))


def _text(value: Any) -> str | None:
    return None if pd.isna(value) else str(value)


def _write(
    folder: RunFolder, manifest: Mapping[str, Any], judged: pd.DataFrame, rejudged: Rejudged
) -> None:
    note = {
        "at": datetime.now(UTC).isoformat(),
        "rules": RULES_VERSION,
        "judged": rejudged.judged,
        "changed": len(rejudged.changes),
    }
    try:
        folder.write_trials(judged)
        folder.write_csv("failure_rates", failure_rates(judged))
        earlier = manifest.get("rejudged", [])
        folder.write_manifest({**manifest, "rejudged": [*earlier, note]})
    except OSError as error:
        raise UnusablePath(f"cannot write {folder.path}: {error.strerror or error}") from error
