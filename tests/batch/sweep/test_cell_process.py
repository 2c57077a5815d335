"""One cell below a folder: found if it was run there, on a bridge of its own, refused in words."""

from __future__ import annotations

import json
from dataclasses import replace
from ipaddress import IPv4Network
from itertools import islice
from pathlib import Path

from iluvatar_bench.batch.sweep.cell_process import RECORD, networks_for, run_cell_here
from iluvatar_bench.batch.sweep.job_outcome import JobEnd, JobOutcome
from iluvatar_bench.batch.sweep.sweep_cells import SweepCell
from iluvatar_bench.functions import find_source
from iluvatar_bench.host.network.attachment import DEFAULT_NETWORK
from iluvatar_bench.profiles import PRESETS, resolve_profile
from iluvatar_bench.runs.function_record import source_record
from iluvatar_bench.runs.store import read_manifest
from tests.support.run_folders import make_run

CELL = SweepCell(
    profile=PRESETS["guarded"],
    concurrency=1,
    function=source_record("hello", find_source("hello")),
    seed=1,
    trials=1,
    hold_ms=(0, 1),
    ready_seconds=1.0,
)


async def test_a_cell_that_was_run_here_is_not_run_again(tmp_path: Path) -> None:
    run = tmp_path / CELL.id / "run"
    make_run(run, ok=1)
    assert read_manifest(run)["status"] == "finished"
    (run.parent / RECORD).write_text(json.dumps({"run": "run"}))
    outcome = await run_cell_here(CELL, tmp_path)
    assert (outcome.end, outcome.place) == (JobEnd.FINISHED, str(run))
    assert JobOutcome.from_json(json.loads(json.dumps(outcome.as_json()))) == outcome


async def test_a_function_that_is_not_here_is_said(tmp_path: Path) -> None:
    missing = {**CELL.function, "asked": "gone", "digest": "sha256:" + "0" * 64, "files": None}
    outcome = await run_cell_here(replace(CELL, function=missing), tmp_path)
    assert outcome.end is JobEnd.UNFIT
    assert "the source of function hello" in str(outcome.error)
    assert "is not at gone as it was" in str(outcome.error)


async def test_a_folder_that_cannot_be_written_is_this_hosts_fault(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    outcome = await run_cell_here(CELL, tmp_path / "file")
    assert outcome.end is JobEnd.UNFIT
    assert str(outcome.error).startswith(f"cannot write to {tmp_path / 'file'}")


def test_each_cell_has_a_bridge_and_a_subnet_of_its_own() -> None:
    bridged = replace(CELL, profile=resolve_profile("guarded", ["network=bridge"]))
    tried = list(islice(networks_for(bridged), 20))
    assert len({network.bridge for network in tried}) == 20
    assert len({network.subnet for network in tried}) == 20
    assert all(network.subnet.subnet_of(IPv4Network("10.128.0.0/9")) for network in tried)
    assert not any(network.subnet.overlaps(DEFAULT_NETWORK.subnet) for network in tried)
    loopback = replace(CELL, profile=resolve_profile("guarded", ["network=loopback"]))
    assert list(networks_for(loopback)) == [DEFAULT_NETWORK]
