"""Which trials of a run there is something to explain of, before one of them is explained."""

from __future__ import annotations

import numpy as np
import pandas as pd

from iluvatar_bench.bugs.taxonomy import BugClass, Mechanism
from iluvatar_bench.errors import UsageError, meant
from iluvatar_bench.records import Outcome, UnknownClass
from iluvatar_bench.records.run_result import RunResult

GROUP_COLUMNS = ("bug_class", "mechanism", "trials", "first")


def failed_groups(run: RunResult) -> pd.DataFrame:
    """A row for each bug class and mechanism that came, the most frequent first.

    The columns are :data:`GROUP_COLUMNS`: ``trials`` is how many, ``first`` the number of the first
    of them. Trials whose answer was lost are there too, under what made them unknown.
    """
    rows = _with_names(run)
    groups = rows.groupby(["bug_class", "mechanism"], sort=False)["trial"].agg(["size", "min"])
    table = groups.reset_index().rename(columns={"size": "trials", "min": "first"})
    ordered = table.sort_values(["trials", "first"], ascending=[False, True], ignore_index=True)
    return ordered[list(GROUP_COLUMNS)]


def failed_trials(run: RunResult, name: str) -> pd.DataFrame:
    """The rows of ``run.trials`` of one bug class, or of one mechanism, in the order of trials.

    Raises:
        UsageError: as :func:`failed_numbers`.
    """
    wanted = failed_numbers(run, name)
    places = np.flatnonzero(run.table.columns("trial")["trial"].isin(wanted))
    return _named(run.table.rows(places)).sort_values("trial")


def failed_numbers(run: RunResult, name: str) -> list[int]:
    """The numbers of these trials, in their order; of the run no more is read than it takes.

    Raises:
        UsageError: there is no such name, or no trial of it in this run; the message says what
            there is.
    """
    run.require_trials()
    rows = _with_names(run)
    chosen = rows[(rows["bug_class"] == name) | (rows["mechanism"] == name)]
    if not chosen.empty:
        return sorted(int(number) for number in chosen["trial"])
    known = [str(one) for kind in (BugClass, Mechanism, UnknownClass) for one in kind]
    came = ", ".join(dict.fromkeys(rows["bug_class"])) or "none"
    if name not in known:
        raise UsageError(
            f"{name!r} is neither a trial's number nor a class{meant(name, known)}; the classes "
            f"in run {run.folder.name} are: {came}"
        )
    raise UsageError(f"run {run.folder.name} has no trial of {name}; its classes are: {came}")


def _with_names(run: RunResult) -> pd.DataFrame:
    """What all are called that did not go well."""
    parts = run.table.parts("trial", "outcome", "bug_class", "unknown_class", "mechanism")
    return _named(pd.concat([part[part["outcome"] != str(Outcome.OK)] for part in parts]))


def _named(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with a text in both columns."""
    return rows.assign(
        bug_class=rows["bug_class"].fillna(rows["unknown_class"]).fillna("unknown"),
        mechanism=rows["mechanism"].fillna("–"),
    )
