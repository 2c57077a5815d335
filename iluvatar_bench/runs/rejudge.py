"""Judges a finished run anew: today's rules on the evidence that was stored with it.

Evidence is facts, and rules get better; so a verdict of an old run can be made again without the
run. What was recorded stays beside it: in the columns ``recorded_bug_class`` and
``recorded_mechanism``, and in the evidence of each trial under ``recorded``, with the version of
the rules that had judged. The journal of a run keeps the recorded verdicts as well.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from iluvatar_bench.bugs import RULES_VERSION, BugClass, Evidence, Mechanism, attribute
from iluvatar_bench.bugs.rules.coincidence import LARGEST_SHARE
from iluvatar_bench.errors import UnusablePath, UsageError
from iluvatar_bench.records import Outcome, UnknownClass
from iluvatar_bench.records.run_status import IN_JOURNALS_ONLY
from iluvatar_bench.records.trial_table import TrialTable
from iluvatar_bench.runs.load_trials import load_trials
from iluvatar_bench.runs.parquet_trials import ParquetTrials
from iluvatar_bench.runs.store import RunFolder
from iluvatar_bench.runs.table_parts import schema_of, write_csv_of, write_parts
from iluvatar_bench.stats.accounting import COUNTED, outcome_counts
from iluvatar_bench.stats.rates import rates_of_counts

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
    manifest, trials = load_trials(path)
    if manifest.get("status") in IN_JOURNALS_ONLY:
        raise UsageError(
            f"{path} is under way, was killed or had no room: its verdicts stand in its journal "
            f"only; go on with it first (run --resume {path})"
        )
    judging = _Judging(trials, largest_share)
    if write and judging.can_judge_any():
        _write(RunFolder(path), manifest, judging)
    else:
        for _ in judging.parts():
            pass
    return Rejudged(
        folder=path,
        judged=judging.judged,
        changes=pd.DataFrame(judging.changes, columns=list(CHANGE_COLUMNS)),
        not_judged=judging.not_judged,
    )


class _Judging:
    """The trials of a run with new verdicts, some at a time, and what was noted on the way."""

    def __init__(self, trials: TrialTable, largest_share: float) -> None:
        self._trials = trials
        self._largest_share = largest_share
        self.judged = 0
        self.changes: list[dict[str, Any]] = []
        self.not_judged: dict[int, str] = {}

    def can_judge_any(self) -> bool:
        """Whether there is a trial that can be judged: nothing is noted of it."""
        return any(
            isinstance(found, dict)
            for part in self._trials.parts(*self._trials.names)
            for found in self._verdicts(part).values()
        )

    def parts(self) -> Iterator[pd.DataFrame]:
        """Every trial, with the columns of its recorded verdict."""
        for part in self._trials.parts(*self._trials.names):
            verdicts = {}
            for place, found in self._verdicts(part).items():
                number = int(part["trial"].iloc[place])
                if isinstance(found, str):
                    self.not_judged[number] = found
                    continue
                verdicts[place] = found
                self.judged += 1
                if _is_other(found):
                    self.changes.append(_change(number, found))
            yield _with_verdicts(part, verdicts)

    def _verdicts(self, part: pd.DataFrame) -> dict[int, dict[str, Any] | str]:
        """By the place in the part, of all that are to be judged: why not, or the verdict."""
        lost = part["unknown_class"] == str(UnknownClass.ANSWER_LOST)
        chosen = np.flatnonzero((part["outcome"] == str(Outcome.FAILED)) | lost)
        rows = part[list(_JUDGED_BY)].iloc[chosen].to_dict(orient="records")
        return {
            int(place): _verdict_or_why_not(row, self._largest_share)
            for place, row in zip(chosen, rows, strict=True)
        }


_JUDGED_BY = ("outcome", "bug_class", "mechanism", "evidence")


def _verdict_or_why_not(row: Mapping[Hashable, Any], largest_share: float) -> dict[str, Any] | str:
    try:
        return _verdict(row, largest_share)
    except (ValueError, TypeError, KeyError) as error:
        return str(error)


def _verdict(row: Mapping[Hashable, Any], largest_share: float) -> dict[str, Any]:
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


def _with_verdicts(trials: pd.DataFrame, verdicts: Mapping[int, Mapping[str, Any]]) -> pd.DataFrame:
    judged = trials.copy()
    for name in ("bug_class", "mechanism", "evidence"):
        recorded = f"recorded_{name}"
        if name != "evidence" and recorded not in judged.columns:
            position = list(judged.columns).index(name) + 1
            judged.insert(position, recorded, judged[name])
        texts = judged[name].astype(object).to_numpy(copy=True)
        for place, verdict in verdicts.items():
            texts[place] = verdict[name]
        judged[name] = pd.Series(texts, index=judged.index, dtype=object)
    return judged


def _is_other(verdict: Mapping[str, Any]) -> bool:
    return any(verdict[name] != verdict["recorded"][name] for name in ("bug_class", "mechanism"))


def _change(trial: int, verdict: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "trial": trial,
        "recorded_bug_class": verdict["recorded"]["bug_class"],
        "recorded_mechanism": verdict["recorded"]["mechanism"],
        "bug_class": verdict["bug_class"],
        "mechanism": verdict["mechanism"],
        "recorded_rules": verdict["recorded"]["rules"],
        "rules": RULES_VERSION,
    }


def _text(value: Any) -> str | None:
    return None if pd.isna(value) else str(value)


def _write(folder: RunFolder, manifest: Mapping[str, Any], judging: _Judging) -> None:
    table = folder.path / "trials.parquet"
    try:
        parts = judging.parts()
        first = next(parts)
        write_parts(table, chain([first], parts), schema_of(first))
        write_csv_of(table, folder.path / "trials.csv")
        counts = outcome_counts(ParquetTrials(table).parts(COUNTED))
        folder.write_csv("failure_rates", rates_of_counts(counts))
        note = {
            "at": datetime.now(UTC).isoformat(),
            "rules": RULES_VERSION,
            "judged": judging.judged,
            "changed": len(judging.changes),
        }
        earlier = manifest.get("rejudged", [])
        folder.write_manifest({**manifest, "rejudged": [*earlier, note]})
    except OSError as error:
        raise UnusablePath(f"cannot write {folder.path}: {error.strerror or error}") from error
