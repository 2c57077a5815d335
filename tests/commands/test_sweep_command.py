"""``sweep`` as a user calls it: what is refused before anything runs, and a sweep on this host."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from iluvatar_bench.batch.sweep.cell_process import finished_run
from iluvatar_bench.runs import open_run
from tests.support.command import PROGRAM, command, own_process
from tests.support.outcomes import not_ok
from tests.support.residue import place_of, residue_of
from tests.support.two_hosts import environment

GRID = """\
profiles:
- {base: guarded, set: [byte_code=shipped, network=bridge]}
concurrency: [1, 2]
seeds: [1, 2]
trials: 2
hold_ms: [0, 100]
"""


@pytest.fixture
def grid(tmp_path: Path) -> Path:
    path = tmp_path / "lab.yaml"
    path.write_text(GRID)
    return path


def test_the_order_can_be_seen_before_anything_runs(grid: Path, tmp_path: Path) -> None:
    done = command("sweep", str(grid), "--dry-run", "--json", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    rows = json.loads(done.stdout)
    assert [row["block"] for row in rows] == [0, 0, 1, 1]
    assert len({row["cell"] for row in rows}) == 4
    assert {len({r["seed"] for r in rows if r["block"] == block}) for block in (0, 1)} == {1}
    assert [path.name for path in tmp_path.iterdir()] == ["lab.yaml"]


def test_what_will_not_do_is_one_line(grid: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text("profiles: [guarded]\nseeds: many\n")
    remote = ("sweep", str(grid), "--scheduler")
    for arguments, told in (
        (("sweep", str(bad)), f"{bad}:2: seeds[0]: must be a whole number, not 'many'"),
        ((*remote, "tcp://10.0.0.1:8786"), "--scheduler tcp://10.0.0.1:8786: 10.0.0.1 is not loop"),
        ((*remote, "tls://10.0.0.1"), "TLS takes --tls-ca-file, --tls-cert, --tls-key"),
        ((*remote, "localhost", "--workers", "2"), "--workers are of this host"),
        (("sweep", str(grid), "--tls-key", "x"), "--tls-ca-file, --tls-cert and --tls-key are for"),
        (("sweep", str(grid), "--out", "nix://x"), "--out nix://x: Protocol not known: nix"),
    ):
        done = command(*arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith(f"error: {told}"), done.stderr
        assert done.stderr.count("\n") == 1


def test_a_scheduler_that_does_not_answer_is_one_line(grid: Path, tmp_path: Path) -> None:
    """At once: Dask tries for as long as it may. Loading Dask comes before, and takes seconds."""
    from iluvatar_bench.batch.sweep.scheduler_link import CONNECT_SECONDS

    with socket.socket() as taken:
        # Bound and not listening: whoever connects is refused.
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        begun = time.monotonic()
        done = command("sweep", str(grid), "--scheduler", address, "--out", str(tmp_path))
    assert time.monotonic() - begun < CONNECT_SECONDS
    assert (done.returncode, done.stdout) == (1, "")
    told = f"error: no scheduler answers at tcp://{address}: Connection refused\n"
    assert done.stderr == told
    assert not (tmp_path / "sweep-lab").exists()


@pytest.mark.slow
def test_a_scheduler_that_says_nothing_is_one_line(grid: Path, tmp_path: Path) -> None:
    """It takes connections and does not speak: within ten seconds."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        begun = time.monotonic()
        done = command("sweep", str(grid), "--scheduler", address, "--out", str(tmp_path))
    assert time.monotonic() - begun < 10
    assert (done.returncode, done.stdout) == (1, "")
    told = f"error: no scheduler answers at tcp://{address}: no answer in time\n"
    assert done.stderr == told


@pytest.mark.slow
@pytest.mark.daemon
@pytest.mark.root
def test_a_sweep_on_this_host_runs_every_cell_once(grid: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = own_process("sweep", str(grid), "--workers", "2", "--out", str(out), cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    folder = out / "sweep-lab"
    runs = [
        open_run(run)
        for entry in folder.iterdir()
        if len(entry.name) == 16 and (run := finished_run(entry))
    ]
    dataset = pd.read_parquet(folder / "trials")
    made = Counter(
        (run_id, trial)
        for run in runs
        for run_id, trial in zip(run.trials["run_id"], run.trials["trial"], strict=True)
    )
    assert Counter(zip(dataset["run_id"], dataset["trial"], strict=True)) == made
    assert len(runs) == 4 and sum(made.values()) == 8
    assert set(dataset["outcome"]) == {"ok"}, not_ok(dataset)
    assert {run.manifest["network"]["bridge"] for run in runs}.isdisjoint({"ilb0"})
    assert len({run.manifest["network"]["bridge"] for run in runs}) == 4
    assert not [left for run in runs for left in residue_of(place_of(run.folder))]
    # Asked again nothing runs, and what is there stays.
    refused = own_process("sweep", str(grid), "--out", str(out))
    assert refused.returncode == 2
    assert "this sweep was begun before: --resume goes on in " in refused.stderr
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*.parquet")}
    again = own_process("sweep", str(grid), "--out", str(out), "--resume", "--json")
    assert again.returncode == 0, again.stderr
    assert len(json.loads(again.stdout)["cells"]) == 4
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*.parquet")} == before


@pytest.mark.slow
@pytest.mark.daemon
@pytest.mark.root
def test_ctrl_c_lets_the_cells_that_run_come_to_their_end(grid: Path, tmp_path: Path) -> None:
    """The signal goes to the whole group, as from a terminal."""
    process = subprocess.Popen(
        [*PROGRAM, "sweep", str(grid), "--workers", "1", "--out", str(tmp_path)],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    )
    home = tmp_path / "sweep-lab"
    deadline = time.monotonic() + 60
    while not list(home.glob("????????????????/*/manifest.json")):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 130, output + errors
    assert "finishing the cells that run" in errors
    assert "1/4 " in output and "2/4 " not in output
    assert "3 cells not run, 0 failed; --resume goes on" in output
    (record,) = (home / "cells").glob("*.json")
    assert json.loads(record.read_text())["end"] == "finished"
    (log,) = home.rglob("containerd.log")
    assert residue_of(place_of(log.parent)) == []
    resumed = own_process("sweep", str(grid), "--out", str(tmp_path), "--resume")
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    assert len(pd.read_parquet(home / "trials")) == 8
