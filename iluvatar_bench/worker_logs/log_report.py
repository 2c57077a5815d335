"""What a scan found, as pandas frames."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from iluvatar_bench.worker_logs.activity import Activity
from iluvatar_bench.worker_logs.failure import LogFailure
from iluvatar_bench.worker_logs.failures import OverflowCell
from iluvatar_bench.worker_logs.names import function_of
from iluvatar_bench.worker_logs.problems import FileFacts
from iluvatar_bench.worker_logs.samples import Samples
from iluvatar_bench.worker_logs.shapes import ErrorGroup

if TYPE_CHECKING:
    import pandas as pd

FAILURE_COLUMNS = (
    "time",
    "zone",
    "bug_class",
    "certainty",
    "alternatives",
    "container_id",
    "function",
    "version",
    "transaction_id",
    "last_seen",
    "entries",
    "format",
    "file",
    "line",
    "matched",
    "text",
)
SAMPLE_COLUMNS = (
    "time",
    "container_id",
    "function",
    "version",
    "old_mb",
    "new_mb",
    "change_mb",
    "file",
    "line",
)
UNCLASSIFIED_COLUMNS = (
    "shape",
    "entries",
    "failures",
    "first_seen",
    "last_seen",
    "file",
    "line",
    "example",
)
ACTIVITY_COLUMNS = ("function", "version", "hour", "containers", "started", "invocations")
UNREADABLE_COLUMNS = ("file", "line", "reason")
FILE_COLUMNS = ("file", "bytes", "lines", "unreadable")
OVERFLOW_COLUMNS = ("bug_class", "function", "version", "hour", "failures")


@dataclass(frozen=True, slots=True, kw_only=True)
class LogReport:
    """Everything a scan found. Times are UTC (``datetime64[ns, UTC]``), NaT where unknown.

    ``failures``: one row for each failure of one container, by time; ``file`` and ``line`` are
    those of the earliest entry that reports it, ``entries`` how many do, ``zone`` the zone in which
    the log wrote the time. A failure without a container is one row for each transaction, or for
    each entry. Unknown values are None.

    ``samples``: changes of a container's memory in MB. ``activity``: containers and invocations
    per function, version and UTC hour, as far as the log shows them: the denominators. ``started``
    are the containers that some other line than a failure's shows to come or go: without any, the
    log names no population, and there is no rate.

    ``unclassified``: errors that no signature knows, a row for each shape: how many ``entries``,
    how many of them are ``failures`` of a container (and rows of ``failures`` too), and the first
    one as an ``example``.
    ``unreadable``: places that could not be read as they should (at most 1,000 a file; ``files``
    has the full count). ``files``: what was read.

    ``overflow``: failures beyond those kept as rows, counted per class, function, version and hour.
    ``samples_seen``: memory changes, kept or not. ``other_errors``: errors of the worker's
    background tasks that name no container and no transaction, and are no failure.
    """

    failures: pd.DataFrame
    samples: pd.DataFrame
    activity: pd.DataFrame
    unreadable: pd.DataFrame
    files: pd.DataFrame
    overflow: pd.DataFrame
    unclassified: pd.DataFrame
    samples_seen: int
    other_errors: int


def report_of(
    *,
    failures: Iterable[LogFailure],
    overflow: Counter[OverflowCell],
    samples: Samples,
    activity: Activity,
    unclassified: Iterable[ErrorGroup],
    files: Sequence[FileFacts],
    other_errors: int,
) -> LogReport:
    """Turn what was gathered into frames."""
    import pandas as pd

    return LogReport(
        failures=_failures(failures),
        samples=_samples(samples),
        activity=_activity(activity),
        unclassified=_unclassified(unclassified),
        unreadable=pd.DataFrame(
            [(u.file, u.line, u.reason) for f in files for u in f.problems.kept],
            columns=list(UNREADABLE_COLUMNS),
        ),
        files=pd.DataFrame(
            [(f.file, f.bytes, f.lines, f.problems.count) for f in files],
            columns=list(FILE_COLUMNS),
        ),
        overflow=pd.DataFrame(
            [(*cell, count) for cell, count in sorted(overflow.items())],
            columns=list(OVERFLOW_COLUMNS),
        ),
        samples_seen=samples.count,
        other_errors=other_errors,
    )


def _failures(failures: Iterable[LogFailure]) -> pd.DataFrame:
    rows = [tuple(getattr(failure, name) for name in FAILURE_COLUMNS) for failure in failures]
    frame = _frame(rows, FAILURE_COLUMNS)
    frame["last_seen"] = _times(frame["last_seen"])
    for name in ("bug_class", "certainty"):
        frame[name] = frame[name].map(str).astype(object)
    return frame.astype({"line": "int64", "entries": "int64"})


def _samples(samples: Samples) -> pd.DataFrame:
    rows = [
        (
            sample.time,
            sample.container_id,
            *function_of(sample.container_id or ""),
            sample.old_mb,
            sample.new_mb,
            sample.new_mb - sample.old_mb,
            sample.file,
            sample.line,
        )
        for sample in samples.kept
    ]
    frame = _frame(rows, SAMPLE_COLUMNS)
    numbers = ("old_mb", "new_mb", "change_mb", "line")
    return frame.astype(dict.fromkeys(numbers, "int64")).sort_values(
        "time", kind="stable", ignore_index=True
    )


def _unclassified(groups: Iterable[ErrorGroup]) -> pd.DataFrame:
    import pandas as pd

    rows = [tuple(getattr(group, name) for name in UNCLASSIFIED_COLUMNS) for group in groups]
    frame = pd.DataFrame(rows, columns=list(UNCLASSIFIED_COLUMNS))
    for name in ("first_seen", "last_seen"):
        frame[name] = _times(frame[name])
    return frame.astype(dict.fromkeys(("entries", "failures", "line"), "int64"))


def _activity(seen: Activity) -> pd.DataFrame:
    import pandas as pd

    containers, started, invocations = seen.containers, seen.started, seen.invocations
    rows = [
        (
            function or None,
            version or None,
            hour or None,
            containers[cell],
            started[cell],
            invocations[cell],
        )
        for cell in sorted(containers.keys() | started.keys() | invocations.keys())
        for function, version, hour in [cell]
    ]
    frame = pd.DataFrame(rows, columns=list(ACTIVITY_COLUMNS))
    frame["hour"] = _times(frame["hour"])
    return frame.astype(dict.fromkeys(("containers", "started", "invocations"), "int64"))


def _frame(rows: list[tuple[Any, ...]], columns: Sequence[str]) -> pd.DataFrame:
    import pandas as pd

    frame = pd.DataFrame(rows, columns=list(columns))
    frame["time"] = _times(frame["time"])
    return frame


def _times(column: pd.Series[Any]) -> pd.Series[Any]:
    """In nanoseconds, which logs carry; pandas would choose by what happens to be there."""
    import pandas as pd

    return pd.to_datetime(column, utc=True).dt.as_unit("ns")
