"""Counts and rates of what a scan found: per class, function, version and hour."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from iluvatar_bench.bugs.taxonomy import Certainty
from iluvatar_bench.errors import UsageError
from iluvatar_bench.worker_logs.log_report import LogReport

if TYPE_CHECKING:
    import pandas as pd

Key = Literal["bug_class", "function", "version", "hour"]
KEYS: tuple[Key, ...] = ("bug_class", "function", "version", "hour")
VALUE_COLUMNS = (
    "failures",
    "certain",
    "likely",
    "possible",
    "of_containers",
    "containers",
    "invocations",
    "per_container",
    "low",
    "high",
    "per_1000_invocations",
    "first_seen",
    "last_seen",
)


def failure_counts(report: LogReport, by: Sequence[Key] = ("bug_class",)) -> pd.DataFrame:
    """Failures and what they are to be compared with, one row for each value of ``by``.

    Columns: those of ``by``, then :data:`VALUE_COLUMNS`. ``certain``, ``likely`` and ``possible``
    say how many of the failures have a class of that certainty. ``containers`` and ``invocations``
    are those the log shows for the row's function, version and hour (for all classes alike);
    ``of_containers`` are the failures that name their container, and ``per_container`` is
    of_containers / containers with its 95 % Wilson interval ``low`` to ``high``. Where the log
    shows fewer containers than failures, or no container but by its failure, it is NaN: no rate
    rather than a wrong one. Likewise ``per_1000_invocations``. Unknown functions, versions and
    hours are rows of their own, with None or NaT. Rows with activity and without failures appear if
    ``by`` does not ask for the class. Ordered by failures, most first, or by hour if ``by`` has it.

    Raises:
        UsageError: ``by`` is empty, names something twice, or names what there is not.
    """
    import pandas as pd

    if not by or set(by) - set(KEYS) or len(set(by)) < len(by):
        raise UsageError(f"by: one or more of {', '.join(KEYS)}, each once; not {list(by)}")
    failures = _counted(report)
    sums = dict.fromkeys(_COUNTED, "sum")
    grouped = _sum(failures, by, {**sums, "first_seen": "min", "last_seen": "max"})
    shared: list[str] = [key for key in by if key != "bug_class"]
    totals = {"containers": "sum", "started": "sum", "invocations": "sum"}
    if shared:
        activity = _sum(report.activity, shared, totals)
        how: Literal["left", "outer"] = "left" if "bug_class" in by else "outer"
        grouped = grouped.merge(activity, on=shared, how=how)
    else:
        grouped = grouped.assign(**{name: report.activity[name].sum() for name in totals})
    counts = dict.fromkeys((*_COUNTED, *totals), 0)
    frame = grouped.fillna(counts).astype(dict.fromkeys(counts, "int64"))
    needed = frame[["failures", "of_containers", *totals]]
    rates = [_rates(*row) for row in needed.itertuples(index=False)]
    frame = frame.join(pd.DataFrame(rates, index=frame.index, columns=list(_RATE_COLUMNS)))
    first, ascending = ("hour", True) if "hour" in by else ("failures", False)
    others = [key for key in by if key != first]
    frame = frame.sort_values([first, *others], ascending=[ascending, *[True] * len(others)])
    return frame[[*by, *VALUE_COLUMNS]].reset_index(drop=True)


AUTO = "auto"
MOST_INTERVALS = 400
"""More intervals of a time line than this no figure can show."""


def fitting_interval(report: LogReport) -> str:
    """The shortest usual interval that cuts the span of the failures into at most 200 pieces."""
    import pandas as pd

    times = report.failures["time"].dropna()
    span = times.max() - times.min() if len(times) else pd.Timedelta(0)
    usual = ("1min", "5min", "15min", "1h", "6h", "1D", "7D", "28D")
    return next((every for every in usual if span / pd.Timedelta(every) <= 200), "364D")


def timeline(report: LogReport, *, every: str = AUTO) -> pd.DataFrame:
    """Failures over time: one row per interval of length ``every`` (a pandas offset; by default one
    that fits the span, see :func:`fitting_interval`), one column per bug class that occurs.

    Intervals without a failure are 0; failures without a time are left out. The index is the
    interval's start in UTC, its ``freq`` the interval.

    Raises:
        UsageError: ``every`` is no length of time above 0, or would make more than
            :data:`MOST_INTERVALS` intervals.
    """
    import pandas as pd

    every = fitting_interval(report) if every == AUTO else every
    _require_length(every)
    timed = report.failures.dropna(subset=["time"])
    if timed.empty:
        return pd.DataFrame(index=pd.DatetimeIndex([], tz="UTC", name="time"))
    intervals = (timed["time"].max() - timed["time"].min()) / pd.Timedelta(every)
    if intervals > MOST_INTERVALS:
        raise UsageError(
            f"every={every} cuts the span of the log into {intervals:.0f} intervals, more than "
            f"{MOST_INTERVALS}: take {fitting_interval(report)}"
        )
    counts = timed.groupby([pd.Grouper(key="time", freq=every), "bug_class"]).size()
    table = counts.unstack("bug_class", fill_value=0).asfreq(every, fill_value=0)
    return table.rename_axis(columns=None)


def _require_length(every: str) -> None:
    import pandas as pd

    try:
        long_enough = pd.Timedelta(every) > pd.Timedelta(0)
    except ValueError as error:
        raise UsageError(
            f"every must be a length of time such as 1h or 10min, not {every!r}"
        ) from (error)
    if not long_enough:
        raise UsageError(f"every must be above 0, not {every!r}")


_COUNTED = ("failures", "certain", "likely", "possible", "of_containers")
_RATE_COLUMNS = ("per_container", "low", "high", "per_1000_invocations")


def _rates(
    failures: int, of_containers: int, containers: int, started: int, invocations: int
) -> tuple[float, ...]:
    per_1000 = 1000 * failures / invocations if invocations else math.nan
    if started == 0 or of_containers > containers or (failures and not of_containers):
        return math.nan, math.nan, math.nan, per_1000
    from iluvatar_bench.stats import rate

    found = rate(of_containers, containers)
    return found.estimate, found.low, found.high, per_1000


def _counted(report: LogReport) -> pd.DataFrame:
    """One row per failure, or per cell of the overflow, with its count and its times."""
    import pandas as pd

    kept = report.failures
    rows = kept[["bug_class", "function", "version", "time", "last_seen"]].rename(
        columns={"time": "first_seen"}
    )
    certainties = {str(c): (kept["certainty"] == c).astype("int64") for c in Certainty}
    rows = rows.assign(
        hour=rows["first_seen"].dt.floor("h"),
        failures=1,
        of_containers=kept["container_id"].notna().astype("int64"),
        **certainties,
    )
    if report.overflow.empty:
        return rows
    hours = pd.to_datetime(report.overflow["hour"].replace("", None), utc=True)
    more = report.overflow.replace("", None).assign(
        hour=hours,
        first_seen=hours,
        last_seen=hours,
        of_containers=report.overflow["failures"],
        **dict.fromkeys(map(str, Certainty), 0),
    )
    return pd.concat([rows, more], ignore_index=True)


def _sum(frame: pd.DataFrame, by: Sequence[str], totals: dict[str, str]) -> pd.DataFrame:
    return frame.groupby(list(by), dropna=False, as_index=False, observed=True).agg(totals)
