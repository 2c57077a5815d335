"""A scan for the command line: a short table, remarks, and files."""

from __future__ import annotations

import json
import math
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import pandas as pd

from iluvatar_bench.bugs.class_guide import CLASS_GUIDES
from iluvatar_bench.bugs.taxonomy import BugClass
from iluvatar_bench.count_words import count_of
from iluvatar_bench.errors import UnusablePath
from iluvatar_bench.worker_logs.log_report import LogReport
from iluvatar_bench.worker_logs.summary import failure_counts


def class_table(report: LogReport) -> pd.DataFrame:
    """One row per bug class, most failures first, everything as text; the index is the class.

    A column in which no row has anything to say is left out.
    """
    counts = failure_counts(report)
    rows = {
        str(row["bug_class"]): {
            "failures": str(row["failures"]),
            "of them likely": _unsure(row.to_dict()),
            "of containers": _share(row.to_dict()),
            "first seen (UTC)": _stamp(row["first_seen"]),
            "last seen (UTC)": _stamp(row["last_seen"]),
        }
        for _, row in counts.iterrows()
    }
    columns = ["failures", "of them likely", "of containers", "first seen (UTC)", "last seen (UTC)"]
    table = pd.DataFrame.from_dict(rows, orient="index", columns=columns)
    return table.loc[:, (table != "").any()].rename_axis("bug class")


def remarks(report: LogReport) -> list[str]:
    """What else there is to say, a line each: what was read, and all that is in no row."""
    files, activity = report.files, report.activity
    said = [
        f"read: {count_of(len(files), 'file')}, {files['bytes'].sum() / 1e6:.1f} MB, "
        f"{count_of(int(files['lines'].sum()), 'line')}, "
        f"{count_of(int(activity['containers'].sum()), 'container')}, "
        f"{count_of(int(activity['invocations'].sum()), 'invocation')}, "
        f"{count_of(report.samples_seen, 'memory change')}"
    ]
    unreadable = int(files["unreadable"].sum())
    if unreadable:
        first = report.unreadable.iloc[0]
        where = f"{first['file']}, line {first['line']}: {first['reason']}"
        said.append(
            f"could not be read as it should: {count_of(unreadable, 'line')}; the first is {where}"
        )
    more = int(report.overflow["failures"].sum())
    if more:
        said.append(f"counted above, but without a row of their own: {more} failures")
    if report.other_errors:
        said.append(
            f"errors of the worker's background tasks, of no container: {report.other_errors}"
        )
    return said


def steps(report: LogReport) -> list[str]:
    """For each class that came, most failures first: its meaning, its causes, what to run next."""
    said = []
    for name in failure_counts(report)["bug_class"]:
        step = CLASS_GUIDES[BugClass(name)]
        said += [
            f"{name}: {step.meaning}",
            f"    likely: {step.causes}",
            f"    next: {step.command}",
        ]
    return said


def group_table(report: LogReport, *, most: int, characters: int) -> pd.DataFrame:
    """The errors that no signature knows, one row a shape, most first, everything as text."""
    groups = report.unclassified.head(most)
    rows = [
        {
            "entries": str(group["entries"]),
            "failures": str(group["failures"]),
            "first": f"{group['file']}, line {group['line']}",
            "shape": _one_line(str(group["shape"]))[:characters],
        }
        for _, group in groups.iterrows()
    ]
    left = len(report.unclassified) - len(groups)
    if left:
        more = report.unclassified["entries"].iloc[most:].sum()
        rows.append({"entries": str(more), "failures": "", "first": "", "shape": f"{left} others"})
    table = pd.DataFrame(rows, columns=["entries", "failures", "first", "shape"])
    return table.set_index("entries")


def as_document(report: LogReport) -> dict[str, Any]:
    """A scan for scripts: plain JSON values; times are ISO 8601 in UTC, or null."""
    counts = failure_counts(report)
    classes = []
    for row in _plain(counts):
        step = CLASS_GUIDES[BugClass(str(row["bug_class"]))]
        classes.append(
            {**row, "meaning": step.meaning, "causes": step.causes, "next": step.command}
        )
    return {
        "classes": classes,
        "failures": _plain(report.failures),
        "unclassified": _plain(report.unclassified),
        "unreadable": _plain(report.unreadable),
        "files": _plain(report.files),
        "other_errors": report.other_errors,
        "not_listed": int(report.overflow["failures"].sum()),
    }


def _plain(frame: pd.DataFrame) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(
        frame.to_json(orient="records", date_format="iso", date_unit="ms")
    )
    return rows


def _one_line(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)


def save_failures(
    report: LogReport, *, csv: Path | None = None, parquet: Path | None = None
) -> None:
    """Write ``report.failures`` as CSV, as Parquet, or both.

    Raises:
        UnusablePath: a file cannot be written.
    """
    for path, write in ((csv, report.failures.to_csv), (parquet, report.failures.to_parquet)):
        if path is None:
            continue
        try:
            write(path, index=False)
        except OSError as error:
            raise UnusablePath(f"cannot write {path}: {error.strerror or error}") from error


def _share(row: dict[Hashable, Any]) -> str:
    if math.isnan(row["per_container"]):
        return "unknown"
    # Not at the top: the package loads scipy.
    from iluvatar_bench.stats.number_text import RANGE

    low, high = 100 * row["low"], 100 * row["high"]
    return f"{row['of_containers']}/{row['containers']} [{low:.1f}{RANGE}{high:.1f} %]"


def _unsure(row: dict[Hashable, Any]) -> str:
    unsure = {name: row[name] for name in ("likely", "possible") if row[name]}
    return ", ".join(
        str(count) if name == "likely" else f"{count} possible" for name, count in unsure.items()
    )


def _stamp(time: pd.Timestamp) -> str:
    return "" if pd.isna(time) else f"{time:%Y-%m-%d %H:%M:%S}"
