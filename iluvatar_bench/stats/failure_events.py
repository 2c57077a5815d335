"""What happened once and took several: a Kill, a restart, a collection.

Containers that one event took are one observation of it, not several. So events are counted beside
containers, and intervals are widened by the design effect.
"""

from __future__ import annotations

import json
import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import scipy

from iluvatar_bench.bugs.taxonomy import Mechanism
from iluvatar_bench.stats._checks import check_confidence, check_counts, require_columns
from iluvatar_bench.stats.design_effect import design_effect, widened_wilson

KILL_SLACK_SECONDS = 0.05
"""An exit may be stamped so long before the Kill that caused it began, by rounding of clocks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusteredRate:
    """A rate whose failures come in clusters; made by :func:`clustered_rate`.

    ``events`` is how many things happened, ``count`` how many trials they took. ``design_effect``
    is by how much the variance of the count exceeds that of independent trials, at least 1.
    """

    count: int
    total: int
    events: int
    design_effect: float
    low: float
    high: float


def clustered_rate(sizes: Sequence[int], total: int, *, confidence: float = 0.95) -> ClusteredRate:
    """A rate with its interval, where ``sizes`` trials each failed by one event.

    If events come at random and one takes m trials, the variance of the count is that of
    independent failures times sum(m²)/sum(m): the design effect. Count and total are divided by it
    and Wilson's interval is taken of what is left (Rao and Scott, Biometrics 48, 1992).

    Edges: without a failure the design effect is not known, and taken as 1; the interval is then
    that of independent trials, hence too short for what comes in clusters. 0 trials give 0..1.

    Raises:
        TypeError: the total or a size is not an integer.
        ValueError: a size below 1, more failures than trials, confidence not in (0, 1).
    """
    if any(size < 1 for size in sizes):
        raise ValueError("an event takes at least one trial")
    count, total = check_counts(sum(sizes), total)
    check_confidence(confidence)
    effect = sum(size * size for size in sizes) / count if count else 1.0
    z = float(scipy.special.ndtri((1 + confidence) / 2))
    low, high = widened_wilson(count, total, effect, z)
    return ClusteredRate(
        count=count, total=total, events=len(sizes), design_effect=effect, low=low, high=high
    )


EVENT_EVIDENCE = ("mechanism", "evidence", "submitted_at", "spans")
"""What an event is known by: of the ninety columns of a trial these."""

_NAMED = frozenset(
    {Mechanism.COLLATERAL_KILL, Mechanism.PARENT_COLLECTED, Mechanism.DAEMON_RESTART}
)
"""Mechanisms by which one event may take several, and whose evidence names it."""


_TIMED: Mapping[str, int] = {Mechanism.SNAPSHOT_COLLECTED: -1, Mechanism.CPU_STARVED: -2}
"""Mechanisms whose events are known by their time alone: what stands for the number of each."""


class EventBook:
    """Gives the events of one run numbers, as its failed trials are looked at.

    Of a trial no more is kept than what says with whom it shares its event.
    """

    def __init__(self) -> None:
        self._numbers: dict[tuple[Any, ...], int] = {}

    def marks(self, trials: pd.DataFrame) -> pd.DataFrame:
        """By what event each of these trials failed, a row each.

        Args:
            trials: failed ones, with :data:`EVENT_EVIDENCE`; without ``mechanism`` or ``evidence``
                each is of an event of its own.

        Returns:
            A frame with their index. ``event``: its number, where something names it, else one
            below 0. ``began_s`` and ``ended_s``: between which moments it was, where that is all
            there is; only what has the same ``event`` can have been one.
        """
        known = {"mechanism", "evidence"} <= set(trials.columns)
        shown = trials[[name for name in EVENT_EVIDENCE if name in trials]] if known else None
        rows = [] if shown is None else shown.to_dict(orient="records")
        marks = map(self._mark, rows) if known else [_OWN] * len(trials)
        return pd.DataFrame(marks, columns=["event", "began_s", "ended_s"], index=trials.index)

    def _mark(self, row: Mapping[Hashable, Any]) -> tuple[int, float, float]:
        mechanism = row["mechanism"]
        if mechanism not in _NAMED and mechanism not in _TIMED:
            return _OWN
        evidence = json.loads(row["evidence"])
        key = event_key(mechanism, evidence)
        if key is not None:
            return (self._numbers.setdefault(key, len(self._numbers)), math.nan, math.nan)
        window = _window(row, evidence) if mechanism in _TIMED else None
        return _OWN if window is None else (_TIMED[mechanism], *window)


_OWN = (-1, math.nan, math.nan)
"""The mark of a trial that shares its event with none."""


def sizes_of(marks: pd.DataFrame) -> list[int]:
    """How many trials each event took, by the marks that an :class:`EventBook` gave them."""
    named = marks.loc[marks["event"] >= 0, "event"].value_counts(sort=False)
    timed = marks[marks["began_s"].notna()]
    sizes = [*map(int, named), *[1] * (len(marks) - int(named.sum()) - len(timed))]
    for _, kind in timed.groupby("event"):
        sizes += _pierced(kind[["began_s", "ended_s"]].itertuples(index=False, name=None))
    return sizes


def event_sizes(trials: pd.DataFrame) -> list[int]:
    """How many of these trials each event took; trials without one are passed over.

    * A **Kill** is known by who sent it: the kernel's record names the container that its runtime
      acted for; without it, the last Kill of a neighbour that had begun when the process ended.
    * A **layer** that was collected is known by its name: every container that was to stand on it
      failed by one event.
    * A **restart** of containerd is known by the process that came after it.
    * A **collection** is not named by anything that is kept: containerd 1.6 tells nobody which
      snapshots one took. Containers whose snapshots may have gone at one moment count as one
      event: the fewest moments that explain all of them, so a lower bound.
    * **Processors that others had** are such an event, too: of starts that went without one at
      the same time.
    * Every other failure is an event of its own.

    Args:
        trials: failed trials of one run, with ``mechanism``, ``evidence`` (JSON text),
            ``submitted_at`` and ``spans``.

    Returns:
        Sizes in no particular order; they add up to the number of trials.

    Raises:
        ValueError: a column is missing.
    """
    require_columns(trials, ("mechanism", "evidence"))
    return sizes_of(EventBook().marks(trials))


def event_key(mechanism: str | None, evidence: Mapping[str, Any]) -> tuple[Any, ...] | None:
    """What is the same for all containers that one event took; None where nothing says so."""
    match mechanism:
        case Mechanism.COLLATERAL_KILL:
            return _kill(evidence)
        case Mechanism.PARENT_COLLECTED:
            lost = [p["name"] for p in evidence.get("parents") or () if p["found"] is False]
            return ("layer", lost[0]) if lost else None
        case Mechanism.DAEMON_RESTART:
            daemon = evidence.get("daemon_now")
            return None if daemon is None else ("restart", daemon["pid"], daemon["started_at"])
        case _:
            return None


def _kill(evidence: Mapping[str, Any]) -> tuple[Any, ...] | None:
    ended, pid = evidence.get("exited_at"), evidence.get("pid")
    signals = [
        signal
        for signal in evidence.get("signals") or ()
        if signal["pid"] == pid and signal.get("sender_container") is not None
    ]
    if signals:
        last = signals[-1]
        return ("kill", last["sender_container"], last["sender_pid"])
    if ended is None:
        return None
    began = [
        kill
        for kill in evidence.get("neighbour_kills") or ()
        if kill["started_at"] <= ended + KILL_SLACK_SECONDS
    ]
    if not began:
        return None
    last = max(began, key=lambda kill: kill["started_at"])
    return ("kill", last["container_id"], last["started_at"])


def _window(row: Mapping[Hashable, Any], evidence: Mapping[str, Any]) -> tuple[float, float] | None:
    """Between which moments it was that something took this one; None where that is not known."""
    if row["mechanism"] == Mechanism.CPU_STARVED:
        began, ended = evidence.get("step_started_at"), evidence.get("step_ended_at")
        return None if began is None or ended is None else (began, ended)
    return _collection_window(row, evidence)


def _collection_window(
    row: Mapping[Hashable, Any], evidence: Mapping[str, Any]
) -> tuple[float, float] | None:
    """When the snapshot can have gone: between Prepare and the end of the step that failed.

    Of a container that was merely observed Prepare is not known: from its first event on.
    """
    if not isinstance(row.get("spans"), str):
        return None
    spans = json.loads(row["spans"])
    prepared = [span["ended_ms"] / 1000 for span in spans if span["name"] == "prepare"]
    ended = evidence.get("step_ended_at")
    if ended is None or (not prepared and "observed" not in evidence):
        return None
    submitted = pd.Timestamp(row["submitted_at"]).timestamp()
    return submitted + (prepared[0] if prepared else 0.0), ended


def _pierced(windows: Iterable[tuple[float, float]]) -> list[int]:
    """The fewest moments that lie in all windows, and how many windows each is the first for.

    The end of the window that ends first is one of them, whatever the others are; and so on.
    """
    sizes: list[int] = []
    moment = -math.inf
    for began, ended in sorted(windows, key=lambda window: window[1]):
        if began > moment:
            moment = ended
            sizes.append(0)
        sizes[-1] += 1
    return sizes


def between_runs_rate(
    counts: Sequence[int], totals: Sequence[int], *, confidence: float = 0.95
) -> tuple[float, float, float]:
    """A rate over replicates: its design effect and its bounds, the run being the unit.

    The design effect is that of :func:`design_effect`, at least 1; the bounds are Wilson's with it
    and Student's quantile of R - 1 degrees of freedom (Rao and Scott, 1992).

    Edges: a single run has no variance between runs: its effect is NaN and its bounds are 0 and 1.

    Returns:
        Design effect, low, high.

    Raises:
        ValueError: no run, or counts and totals that do not fit each other.
    """
    if len(counts) == 0 or len(counts) != len(totals):
        raise ValueError("as many counts as totals, and at least one")
    check_confidence(confidence)
    x, n = (np.asarray(values, dtype=np.float64) for values in (counts, totals))
    if ((x < 0) | (x > n) | (n < 1)).any():
        raise ValueError("each count must lie in 0 to its total, and each run hold a trial")
    runs, total = len(x), float(n.sum())
    if runs == 1:
        return math.nan, 0.0, 1.0
    measured = design_effect(x, n)
    effect = 1.0 if math.isnan(measured) else max(1.0, measured)
    quantile = float(scipy.stats.t.isf((1 - confidence) / 2, runs - 1))
    return (effect, *widened_wilson(float(x.sum()), total, effect, quantile))
