"""Every table of a run, made from its journals when its last container has ended."""

from __future__ import annotations

from iluvatar_bench.records.frames import arrivals_frame, invocations_frame, trials_frame
from iluvatar_bench.runs.collections import TABLE as COLLECTIONS
from iluvatar_bench.runs.collections import collections_frame
from iluvatar_bench.runs.observations import journaled
from iluvatar_bench.runs.pool_log import pool_frame
from iluvatar_bench.runs.store import RunFolder
from iluvatar_bench.stats import failure_rates


def write_tables(folder: RunFolder) -> None:
    """Write the tables of all sessions of a run.

    Raises:
        UsageError: a journal is damaged.
        DiskFull: there is no room for one.
    """
    trials = folder.journal()
    frame = trials_frame(trials)
    folder.write_tables(frame, journaled(folder), invocations_frame(trials))
    if folder.pool.path.exists():
        folder.write_table("arrivals", arrivals_frame(folder.arrivals.rows()))
        folder.write_table("pool", pool_frame(folder.pool.rows()))
    if folder.collections.path.exists():
        folder.write_table(COLLECTIONS, collections_frame(folder.collections.rows()))
    folder.write_csv("failure_rates", failure_rates(frame))
