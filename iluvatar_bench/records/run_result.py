"""A finished run as a plain value: what every table, figure and explanation is made from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from iluvatar_bench.count_words import count_of
from iluvatar_bench.errors import UsageError
from iluvatar_bench.records.frames import Observations, arrivals_counts, arrivals_text
from iluvatar_bench.records.html_card import html_card
from iluvatar_bench.records.lazy_tables import LazyTables, columns_of
from iluvatar_bench.records.noise_caveat import noise_caveat
from iluvatar_bench.records.planned import planned_trials
from iluvatar_bench.records.rate_words import rate_words
from iluvatar_bench.records.run_status import OBSERVED, RunStatus
from iluvatar_bench.records.trial_table import TrialTable
from iluvatar_bench.records.workload import workload_of

RUN_MIME = "application/vnd.iluvatar-bench.run+json"
"""Under this type a notebook's output says which run folder it made."""


_ENDED: dict[str, str] = {
    RunStatus.STOPPED: "stopped",
    RunStatus.DAEMON_LOST: "ended by the loss of its containerd",
    RunStatus.DISK_FULL: "ended by a full disk",
}


@dataclass(frozen=True, slots=True)
class RunResult:
    """A run: its folder, its manifest, its trials, the failure rate of each bug class.

    ``table`` are its trials, to be asked for what is needed of them, ``rates`` the rows of
    ``stats.failure_rates``.
    """

    folder: Path
    manifest: dict[str, Any]
    table: TrialTable
    rates: pd.DataFrame
    recorded: bool = False
    """Whether it was read from a folder, not made just now."""
    arrivals: pd.DataFrame | None = None
    """One row an arrival (``frames.ARRIVAL_COLUMNS``); None for workloads without any."""
    pool: pd.DataFrame | None = None
    """The keep-alive pool's history (``frames.POOL_COLUMNS``); None where none was kept."""
    seen: Mapping[str, pd.DataFrame] = field(default_factory=lambda: Observations().frames())
    """What the monitor saw: ``events``, ``deaths``, ``samples``; empty where nothing was kept.

    ``collections`` (``runs.collections.COLUMNS``) is there where containerd's log told of them.

    An observation has the tables of ``node_frames.NODE_COLUMNS`` as well."""

    @property
    def trials(self) -> pd.DataFrame:
        """One row a trial with everything that is known of it (see ``records.Trial.as_row``).

        The same frame each time, and some 8 KB a trial: of a large run ask ``table`` for columns.
        """
        return self.table.whole()

    def seen_columns(self, name: str, *columns: str) -> pd.DataFrame:
        """Those of these columns that a table of ``seen`` has; of a run on the disk no others are
        read.

        Raises:
            KeyError: nothing of that name was seen.
        """
        if isinstance(self.seen, LazyTables):
            return self.seen.columns(name, *columns)
        return columns_of(self.seen[name], columns)

    def seen_of(self, name: str, container_id: str) -> pd.DataFrame:
        """Rows of a table of ``seen`` among which are all that name this container.

        Of a run on the disk no others are read.

        Raises:
            KeyError: nothing of that name was seen.
        """
        if isinstance(self.seen, LazyTables):
            return self.seen.of(name, container_id)
        return self.seen[name]

    @property
    def label(self) -> str:
        """The profile's name: what a table calls the run."""
        return str(self.manifest["profile"]["name"])

    @property
    def workload(self) -> str:
        """What was run, as its command is called: see ``workload_of``."""
        return workload_of(self.manifest)

    @property
    def trials_in_blocks(self) -> pd.DataFrame:
        """The trials with their ``block``, for the plans that have blocks."""
        blocks = {row["index"]: row["block"] for row in self.manifest["plan"]["trials"]}
        return self.trials.assign(block=self.trials["trial"].map(blocks))

    @property
    def planned(self) -> int:
        """How many trials the plan had; in a workload of arrivals, how many arrivals.

        There the plan does not say how many containers it takes.
        """
        plan = self.manifest["plan"]
        return planned_trials(plan) if self.arrivals is None else len(plan["arrivals"])

    @property
    def _progress(self) -> str:
        if self.arrivals is None:
            return f"{len(self.table)} of {self.planned} planned trials"
        return f"{len(self.arrivals)} of {self.planned} planned arrivals"

    @property
    def caveat(self) -> str:
        """Why the rates are not those of the plan; empty for a finished run.

        Trials that fail end early and those that go well late, so a run that was cut off has lost
        mostly good ones.
        """
        status = self.manifest.get("status")
        if status == RunStatus.FINISHED:
            return ""
        if self.workload == OBSERVED:
            return (
                "this observation goes on, or was cut off: what is told is what had ended by then"
            )
        lost = status == RunStatus.DAEMON_LOST
        how = _ENDED.get(str(status), "cut off")
        if not len(self.table):
            return f"this run was {how} before its first trial"
        if status == RunStatus.STOPPED:
            return f"this run was stopped after {self._progress}"
        if lost:
            return (
                f"this run was ended by the loss of its containerd after {self._progress}; the "
                "others were not run, and what was under way is unknown or failed by that loss"
            )
        return (
            f"this run was {how} after {self._progress}; "
            "those under way were mostly good ones, so its failure rates are too high"
        )

    def require_trials(self) -> None:
        """Refuse a run without any trial, for what has nothing to say about one.

        Raises:
            UsageError: it holds none; the message says why.
        """
        if not len(self.table):
            why = self.caveat or "it has finished without one"
            raise UsageError(f"run {self.folder.name} holds no trial: {why}")

    @property
    def absences(self) -> str:
        """How long containerd was away during the run, in words; empty if it never was."""
        gaps = self.manifest.get("daemon_gaps") or ()
        told = [
            f"for {gap['ended_at'] - gap['began_at']:.1f} s"
            if gap.get("ended_at") is not None
            else "until the end of the run"
            for gap in gaps
        ]
        return f"containerd was away {' and '.join(told)}" if told else ""

    @property
    def remarks(self) -> tuple[str, ...]:
        """What has to be known of the run beside its rates, one text each; mostly none."""
        before = self.manifest.get("sessions") or ()
        resumed = (
            f"this run was resumed, {len(before)} time(s): what was under way was run anew"
            if before and self.workload != OBSERVED
            else ""
        )
        noise = noise_caveat(self.manifest)
        told = (self.caveat, self.absences, resumed, self.unwitnessed, noise, *self._unseen())
        return tuple(filter(None, told))

    def _unseen(self) -> Iterator[str]:
        """What an observation did not see, in words."""
        if self.workload != OBSERVED:
            return
        before = self.manifest.get("sessions") or ()
        if before:
            yield f"this observation was begun {len(before) + 1} times: in between nobody looked"
        gaps = [g for part in (*before, self.manifest) for g in part.get("event_gaps") or ()]
        if gaps:
            yield f"containerd's events were cut off {len(gaps)} time(s)"

    @property
    def seconds_watched(self) -> float | None:
        """How long an observation lasted, all its sessions together; None where one has no end."""
        sessions = (*(self.manifest.get("sessions") or ()), self.manifest)
        if any(part.get("ended_at") is None for part in sessions):
            return None
        return sum(
            (pd.Timestamp(part["ended_at"]) - pd.Timestamp(part["started_at"])).total_seconds()
            for part in sessions
        )

    @property
    def unwitnessed(self) -> str:
        """Why what is said of kills is not proven; empty where the kernel's record proves it.

        Runs of versions without the kernel's witness say nothing.
        """
        witness = self.manifest.get("witness")
        if witness is None:
            return ""
        if witness["remark"]:
            return f"who killed whom is not proven, merely consistent: {witness['remark']}"
        lost = witness["lost"]
        return f"the kernel's record of kills lacks {lost} signals" if lost else ""

    @property
    def leaked(self) -> dict[str, list[str]]:
        """What the run left on its node until the node itself was removed, by kind; mostly empty.

        Under ``removal=worker_2022`` these are snapshots that wait for the collector.
        """
        return (self.manifest.get("ledger") or {}).get("leaked") or {}

    def as_json(self) -> dict[str, Any]:
        """JSON-ready values for scripts: the folder, the counts of outcomes, what failed.

        ``arrivals`` counts their outcomes; it is there for a workload of arrivals only.
        """
        counts = {
            kind: self.rates[self.rates["kind"] == kind].set_index("bug_class")["count"]
            for kind in ("outcome", "bug_class", "unknown_class")
        }
        return {
            "run": self.manifest["run_id"],
            "folder": str(self.folder.resolve()),
            "profile": self.label,
            **({} if self.arrivals is None else {"arrivals": arrivals_counts(self.arrivals)}),
            "trials": len(self.table),
            "outcomes": {name: int(count) for name, count in counts["outcome"].items()},
            "failures": {name: int(n) for name, n in counts["bug_class"].items() if n},
            "unknown": {name: int(n) for name, n in counts["unknown_class"].items() if n},
            "leaked": self.leaked,
            "caveat": self.caveat or None,
            "daemon_gaps": self.manifest.get("daemon_gaps") or [],
        }

    def __str__(self) -> str:
        # Of all profiles together: a root-cause experiment has several.
        rows = self.rates[self.rates["kind"] == "outcome"]
        outcomes = rows.groupby("bug_class", sort=False)["count"].sum()
        counted = ", ".join(f"{count} {name}" for name, count in outcomes.items())
        caveat = f" ({'; '.join(self.remarks)})" if self.remarks else ""
        left = ", ".join(f"{len(names)} {kind}" for kind, names in self.leaked.items())
        leak = f"; left behind by the trials: {left.replace('_', ' ')}" if left else ""
        arrived = "" if self.arrivals is None else f"{arrivals_text(self.arrivals)}; "
        number = count_of(len(self.table), "trial")
        trials = f"{number}: {counted}" if counted else "no trials"
        return f"{arrived}{trials}; kept in {self.folder}{leak}{caveat}"

    def _repr_html_(self) -> str:
        """For notebooks: the rates of the outcomes and of each class that came."""
        came = self.rates[(self.rates["count"] > 0) | (self.rates["kind"] == "outcome")]
        several = came["profile"].nunique() > 1
        rows = [
            (
                *((row["profile"],) if several else ()),
                row["bug_class"],
                rate_words(
                    int(row["count"]),
                    int(row["trials"]),
                    low=row["low"],
                    high=row["high"],
                    upper_if_zero=row["upper_bound_if_zero"],
                ),
                row["mechanisms"],
            )
            for row in came.to_dict(orient="records")
        ]
        told = "" if self.arrivals is None else f", {arrivals_text(self.arrivals)}"
        return html_card(
            f"{self.workload} under {self.label}: {count_of(len(self.table), 'trial')}{told}",
            lines=self.remarks,
            header=(
                *(("profile",) if several else ()),
                "outcome or bug class",
                "count/trials, rate [95 %]",
                "mechanisms",
            ),
            rows=rows,
            notes=[f"kept in {self.folder}"],
        )

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        """For notebooks: text and HTML, and for the notebook runner the folder."""
        bundle: dict[str, Any] = {
            "text/plain": str(self),
            "text/html": self._repr_html_(),
        }
        if not self.recorded:
            bundle[RUN_MIME] = {"folder": str(self.folder.resolve())}
        return bundle
