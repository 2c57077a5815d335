"""Every column that a table of a run has is described, as what it is, and nothing else is."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from iluvatar_bench.batch.sweep.sweep_store import CELL_COLUMNS
from iluvatar_bench.clients.check.check_folder import POSITION_SCHEMA
from iluvatar_bench.containerd.proxy.call_log import CALL_SCHEMA
from iluvatar_bench.host.kernel.cgroup_usage import CgroupUsage
from iluvatar_bench.plans import Burstiness
from iluvatar_bench.profiles import factor_names
from iluvatar_bench.records import Death, Event, Sample
from iluvatar_bench.records.frames import (
    ARRIVAL_COLUMNS,
    INVOCATION_COLUMNS,
    POOL_COLUMNS,
    trials_frame,
)
from iluvatar_bench.records.node_frames import NODE_COLUMNS
from iluvatar_bench.records.schema import INTEGER, JSON, NUMBER, TEXT, TIME, YES_NO
from iluvatar_bench.records.schema_tables import TABLES
from iluvatar_bench.report.stand_in_table import STAND_IN_COLUMNS
from iluvatar_bench.runs.attempts import ATTEMPT_COLUMNS
from iluvatar_bench.runs.collections import COLUMNS as COLLECTION_COLUMNS
from iluvatar_bench.shipped import DATA
from iluvatar_bench.stats.rates import FAILURE_RATE_COLUMNS
from iluvatar_bench.studies.dose import DOSE_COLUMNS
from tools.site.schema_page import columns_of, table_sections

WRITTEN: dict[str, set[str]] = {
    "arrivals": set(ARRIVAL_COLUMNS),
    "beside": set(ATTEMPT_COLUMNS),
    "burstiness": {one.name for one in fields(Burstiness)},
    "calls": set(CALL_SCHEMA.names),
    "cells": set(CELL_COLUMNS),
    "counters": {one.name for one in fields(CgroupUsage)},
    "deaths": {one.name for one in fields(Death)},
    "dose": set(DOSE_COLUMNS),
    "events": {one.name for one in fields(Event)},
    "failure_rates": set(FAILURE_RATE_COLUMNS),
    "invocations": set(INVOCATION_COLUMNS),
    "pool": set(POOL_COLUMNS),
    "positions": set(POSITION_SCHEMA.names),
    "samples": {one.name for one in fields(Sample)},
    "stand_ins": set(STAND_IN_COLUMNS),
    "trials": {*trials_frame([]).columns, *factor_names()},
    **{name: set(columns) for name, columns in NODE_COLUMNS.items()},
    "collections": set(NODE_COLUMNS["collections"]) | set(COLLECTION_COLUMNS),
}
"""What today's code writes, also where no recorded run has it."""

APART = {
    "ground_truth",
    "ground_truth_habits",
    "ground_truth_stale_health",
    "ground_truth_without_witness",
    "false_alarms",
    "mechanisms",
}
"""Tables of no run: of measurements of this program, each with its header alone."""


NO_RUNS = ("upstream-", "snapshotters-", "habits-", "overhead-")
"""How the tables of notebooks begin that make many runs."""


def recorded_tables() -> Iterator[tuple[Path, str]]:
    for path in sorted(DATA.rglob("*.parquet")):
        yield path, path.stem
    for path in sorted(DATA.rglob("*.csv")):
        if path.stem.startswith("dose-"):
            yield path, "dose"
        elif path.stem not in APART and not path.stem.startswith(NO_RUNS):
            yield path, path.stem


def kind_of(type_: pa.DataType) -> set[str]:
    """What a reader would call it; a column without any value has no type to hold it against."""
    if pa.types.is_null(type_):
        return {TEXT, INTEGER, NUMBER, YES_NO, TIME, JSON}
    if pa.types.is_timestamp(type_):
        return {TIME}
    if pa.types.is_boolean(type_):
        return {YES_NO}
    if pa.types.is_integer(type_):
        return {INTEGER}
    return {NUMBER} if pa.types.is_floating(type_) else {TEXT, JSON}


def test_every_recorded_column_is_described_as_what_it_is() -> None:
    tables = list(recorded_tables())
    assert {"trials", "events", "dose", "positions", "health"} <= {table for _, table in tables}
    for path, table in tables:
        described = columns_of(table)
        if path.suffix == ".csv":
            with path.open(newline="") as file:
                assert set(next(csv.reader(file))) <= set(described), path
            continue
        for field in pq.read_schema(path):
            assert field.name in described, f"{table}.{field.name}: {path}"
            assert described[field.name].type in kind_of(field.type), f"{table}.{field.name}"


@pytest.mark.parametrize("table", WRITTEN)
def test_every_column_that_is_written_today_is_described(table: str) -> None:
    assert set(columns_of(table)) >= WRITTEN[table]


def test_nothing_is_described_that_no_table_has() -> None:
    there: dict[str, set[str]] = {name: set(columns) for name, columns in WRITTEN.items()}
    for path, table in recorded_tables():
        if path.suffix == ".parquet":
            there.setdefault(table, set()).update(pq.read_schema(path).names)
    # The runs of a check put their calls into one table; no recorded check keeps it.
    there["calls"].add("run")
    for table in TABLES:
        assert set(columns_of(table)) - there[table] == set(), table


def test_the_page_has_a_row_a_column() -> None:
    page = table_sections()
    for table in TABLES:
        assert f"## `{table}`" in page
        for name, column in columns_of(table).items():
            assert column.meaning, f"{table}.{name}"
            assert f"| `{name}` | {column.type} |" in page
