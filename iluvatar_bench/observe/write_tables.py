"""The tables of an observation, made from its journals a part at a time."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from iluvatar_bench.errors import UnusablePath, UsageError
from iluvatar_bench.host.full_disk import full_disk_told
from iluvatar_bench.host.journal import Journal
from iluvatar_bench.host.kernel.cgroup_usage import CgroupUsage
from iluvatar_bench.host.segments import SEGMENT_BYTES
from iluvatar_bench.host.whole_files import whole_file
from iluvatar_bench.observe.folder import ObservedFolder
from iluvatar_bench.records import Trial
from iluvatar_bench.records.frames import EPOCH, NO_TRIAL, invocations_frame, trials_frame
from iluvatar_bench.records.node_frames import NODE_COLUMNS, example_row, node_frame
from iluvatar_bench.records.run_status import OBSERVED, RunStatus
from iluvatar_bench.runs.parquet_trials import ParquetTrials
from iluvatar_bench.runs.table_parts import (
    SEEN_FRAMES,
    Frame,
    in_parts,
    schema_of,
    write_csv_of,
    write_parts,
)
from iluvatar_bench.stats.accounting import COUNTED, outcome_counts
from iluvatar_bench.stats.rates import rates_of_counts


def write_observed(path: Path) -> None:
    """Write the tables of an observation that has ended, and last its manifest.

    Until then, and where it fails, its journals are read.

    Raises:
        DiskFull: there is no room for them.
        UnusablePath: a table cannot be written for another reason.
        UsageError: a journal is damaged.
    """
    folder = ObservedFolder(path, segment_bytes=SEGMENT_BYTES)
    folder.manifest = json.loads((path / "manifest.json").read_text())
    folder.claim()
    try:
        with full_disk_told(path):
            _write_trials(path)
            for name, (frame, example) in _SEEN.items():
                rows = Journal(path / f"{name}.jsonl").each_row()
                parts = map(frame, in_parts(rows))
                write_parts(path / f"{name}.parquet", parts, schema_of(frame([example])))
            invocations_frame([]).to_parquet(path / "invocations.parquet", index=False)
        folder.write_manifest(status=RunStatus.FINISHED)
    except (OSError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, OSError):
            raise UnusablePath(
                f"cannot write the tables in {path}: {error.strerror or error}; its journals hold "
                "what had ended"
            ) from error
        raise UsageError(f"the journals in {path} cannot be read: {error}") from error
    finally:
        folder.flush_and_close()


def _write_trials(path: Path) -> None:
    def frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
        return trials_frame(Trial.from_json(row) for row in rows)

    rows = Journal(path / "journal.jsonl").each_row()
    schema = schema_of(frame([_TRIAL.as_json()]))
    write_parts(path / "trials.parquet", map(frame, in_parts(rows)), schema)
    write_csv_of(path / "trials.parquet", path / "trials.csv")
    counts = outcome_counts(ParquetTrials(path / "trials.parquet").parts(COUNTED))
    with whole_file(path / "failure_rates.csv") as draft:
        rates_of_counts(counts).to_csv(draft, index=False)


def _counters(rows: list[dict[str, Any]]) -> pd.DataFrame:
    names = ("run_id", "sampled_at", "container_id", *CgroupUsage.__dataclass_fields__)
    frame = pd.DataFrame(rows, columns=list(names))
    frame["sampled_at"] = pd.to_datetime(frame["sampled_at"], utc=True, format="ISO8601")
    for name in names[3:]:
        frame[name] = frame[name].astype("float64")
    return frame


_TRIAL = replace(NO_TRIAL, profile=OBSERVED, factors={"client": "", "namespace": ""})

_SEEN: dict[str, tuple[Frame, dict[str, Any]]] = {
    **SEEN_FRAMES,
    "counters": (_counters, {"run_id": "", "sampled_at": EPOCH, "container_id": ""}),
    **{name: (partial(node_frame, name), example_row(name)) for name in NODE_COLUMNS},
}
"""How the rows of a journal become a frame, and a row that shows the types of its columns."""
