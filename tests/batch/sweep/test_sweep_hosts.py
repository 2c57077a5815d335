"""A sweep over two hosts by TCP with TLS: what is lost on the way is run again, and nothing twice.

The hosts are network namespaces (tests/support/two_hosts.py); each worker has a containerd of its
own. The keys are made by the commands of docs/many-hosts.md.
"""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pandas as pd
import pytest

from iluvatar_bench.batch.sweep.cell_process import finished_run
from iluvatar_bench.batch.sweep.grid_file import read_sweep_grid
from iluvatar_bench.runs import open_run
from tests.support.command import PROGRAM
from tests.support.outcomes import not_ok
from tests.support.residue import place_of, residue_of
from tests.support.two_hosts import ROOT, Host, environment, two_hosts
from tests.support.waiting import wait_for

pytestmark = [pytest.mark.daemon, pytest.mark.root, pytest.mark.slow]

TRIALS = 3

GRID = f"""\
profiles:
  - {{base: guarded, set: [byte_code=shipped]}}
  - {{base: guarded, set: [byte_code=shipped, kill=all]}}
concurrency: [1, 2]
seeds: [1, 2]
trials: {TRIALS}
hold_ms: [0, 200]
"""


class Cluster:
    """Scheduler on one host, a worker on each, and a sweep on the first."""

    def __init__(self, folder: Path, hosts: tuple[Host, Host]) -> None:
        self.folder = folder
        self.hosts = hosts
        self.keys = keys_in(folder / "keys")
        self.out = folder / "out" / "sweep-grid"
        self.grid = folder / "grid.yaml"
        self.grid.write_text(GRID)

    @property
    def address(self) -> str:
        return f"tls://{self.hosts[0].address}:8786"

    def tls(self, who: str, keys: Path | None = None) -> list[str]:
        keys = keys or self.keys
        return [
            *("--tls-ca-file", str(keys / "ca.pem")),
            *("--tls-cert", str(keys / f"{who}.pem")),
            *("--tls-key", str(keys / f"{who}-key.pem")),
        ]

    def scheduler(self) -> subprocess.Popen[str]:
        host = self.hosts[0]
        return host.start(
            *("-m", "dask", "scheduler", "--protocol", "tls", "--host", host.address),
            *("--port", "8786", "--dashboard-address", "localhost:0", *self.tls("scheduler")),
            log=self.folder / "scheduler.log",
        )

    def start_worker(
        self,
        host: Host,
        *,
        keys: Path | None = None,
        seconds: int = 60,
        resources: bool = True,
        **changes: str,
    ) -> subprocess.Popen[str]:
        return host.start(
            *("-m", "dask", "worker", self.address, "--host", host.address, "--nthreads", "1"),
            *("--dashboard-address", "localhost:0", "--no-nanny"),
            *("--death-timeout", str(seconds), *self.tls("worker", keys)),
            *(("--resources", "containerd=1") if resources else ()),
            log=self.log(host),
            **changes,
        )

    def worker(
        self, host: Host, *, resources: bool = True, **changes: str
    ) -> subprocess.Popen[str]:
        """A worker that the scheduler knows."""
        before = self.log(host).read_text() if self.log(host).exists() else ""
        process = self.start_worker(host, resources=resources, **changes)
        registered = before.count("Registered to") + 1
        wait_for(lambda: self.log(host).read_text().count("Registered to") >= registered)
        return process

    def log(self, host: Host) -> Path:
        return self.folder / f"worker-{host.name}.log"

    def sweep(self, *options: str, keys: Path | None = None) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.hosts[0].command(
                *(*PROGRAM, "sweep", str(self.grid), "--scheduler", self.address),
                *("--out", str(self.out.parent), *self.tls("client", keys), *options),
            ),
            cwd=self.hosts[0].folder,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def cells_on(self, host: Host) -> list[Path]:
        """The folders of the cells that were begun on the host."""
        return list(host.folder.glob("results/sweep-grid-*/*"))

    def check_whole(self) -> None:
        """Every cell once, the dataset what the runs are, nothing left of any run."""
        cells = {cell.id for cell in read_sweep_grid(self.grid).cells}
        assert len(cells) == 8
        folders = [folder for host in self.hosts for folder in self.cells_on(host)]
        runs = [(f.name, open_run(run)) for f in folders if (run := finished_run(f))]
        table = pd.read_csv(self.out / "cells.csv")
        assert Counter(table["cell"]) == Counter(cells) == Counter(cell for cell, _ in runs)
        assert set(table["end"]) == {"finished"}
        dataset = pd.read_parquet(self.out / "trials")
        kept = Counter(zip(dataset["cell"], dataset["run_id"], dataset["trial"], strict=True))
        made = Counter(
            (cell, run_id, trial)
            for cell, run in runs
            for run_id, trial in zip(run.trials["run_id"], run.trials["trial"], strict=True)
        )
        assert kept == made
        assert made.total() == TRIALS * len(cells)
        assert set(dataset["outcome"]) == {"ok"}, not_ok(dataset)
        self.check_nothing_is_left()

    def check_nothing_is_left(self) -> None:
        """Also of the runs that were cut off, which are no cell's: each ended in good order."""
        runs = [path.parent for host in self.hosts for path in host.folder.rglob("manifest.json")]
        wait_for(lambda: all((run / "containerd.log").exists() for run in runs))
        places = {place_of(run) for run in runs}
        assert len(places) == len(runs)
        wait_for(lambda: not [left for place in places for left in residue_of(place)])


def keys_in(folder: Path) -> Path:
    """Keys made there by the commands of the page."""
    page = (ROOT / "docs" / "many-hosts.md").read_text()
    (commands,) = [b for b in re.findall(r"```sh\n(.*?)```", page, re.S) if "openssl" in b]
    folder.mkdir()
    subprocess.run(["sh", "-eu", "-c", commands], cwd=folder, check=True, capture_output=True)
    return folder


def read_until(sweep: subprocess.Popen[str], wanted: Callable[[str], bool]) -> str:
    """What the sweep says, up to the first line that is wanted."""
    said = ""
    for line in sweep.stdout or ():
        said += line
        if wanted(line):
            return said
    raise AssertionError(f"it ended with {sweep.wait()} before that: {said}")


def rest_of(sweep: subprocess.Popen[str]) -> str:
    said, _ = sweep.communicate(timeout=300)
    return said


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    with ExitStack() as stack:
        yield Cluster(tmp_path, stack.enter_context(two_hosts(tmp_path)))


def test_a_worker_that_is_killed_loses_nothing(cluster: Cluster) -> None:
    one, other = cluster.hosts
    cluster.scheduler()
    cluster.worker(one)
    victim = cluster.worker(other)
    sweep = cluster.sweep()
    text = read_until(sweep, lambda line: f" on {other.address}: " in line)

    def runs_a_cell() -> bool:
        """Trials of it have ended, and it has not."""
        begun = [f for f in cluster.cells_on(other) if not (f / "cell.json").exists()]
        journals = [path for folder in begun for path in folder.glob("*/journal.jsonl")]
        return any(path.stat().st_size for path in journals)

    wait_for(runs_a_cell)
    victim.kill()
    text += rest_of(sweep)
    assert sweep.returncode == 0, text
    assert f"worker tls://{other.address}:" in text and " is lost: " in text, text
    assert f"host {other.address} has no worker any more: " in text, text
    cluster.check_whole()


def test_a_scheduler_that_is_restarted_loses_nothing(cluster: Cluster) -> None:
    scheduler = cluster.scheduler()
    workers = [cluster.worker(host) for host in cluster.hosts]
    sweep = cluster.sweep()
    text = read_until(sweep, lambda line: line.startswith("1/8 "))
    scheduler.kill()
    scheduler.wait()
    cluster.scheduler()
    # A worker ends with its scheduler; systemd starts it again, and so does this.
    for worker, host in zip(workers, cluster.hosts, strict=True):
        worker.wait(90)
        cluster.worker(host)
    text += rest_of(sweep)
    assert sweep.returncode == 0, text
    assert "the scheduler is gone" in text and "the scheduler is back" in text, text
    cluster.check_whole()


def test_who_is_not_authenticated_gets_nothing_and_who_has_no_containerd_no_cells(
    cluster: Cluster,
) -> None:
    one, other = cluster.hosts
    cluster.scheduler()
    strangers = keys_in(cluster.folder / "strangers")
    strange = cluster.start_worker(other, keys=strangers, seconds=8)
    refused = cluster.sweep(keys=strangers)
    text = rest_of(refused)
    assert refused.returncode == 1
    assert text.startswith(f"error: no scheduler answers at {cluster.address}: "), text
    assert text.count("\n") == 1
    assert strange.wait(60) != 0
    assert "Registered to" not in cluster.log(other).read_text()
    cluster.worker(one)
    # It offers what it cannot do: no program of containerd is in its PATH.
    cluster.worker(other, PATH="/nowhere")
    cluster.worker(other, resources=False)
    sweep = cluster.sweep()
    text = rest_of(sweep)
    assert sweep.returncode == 0, text
    named = rf"worker tls://{other.address}:\d+ is given no jobs: "
    assert re.search(f"{named}containerd: not installed", text), text
    assert re.search(f"{named}it does not advertise the resource 'containerd'", text), text
    assert set(pd.read_csv(cluster.out / "cells.csv")["host"]) == {one.address}
    cluster.check_whole()


def test_the_points_of_a_notebook_are_executed_on_workers_and_come_back(cluster: Cluster) -> None:
    cluster.scheduler()
    for host in cluster.hosts:
        cluster.worker(host)
    asked = ("profile=guarded", "settings=byte_code=shipped", "trials=2", "seed=1,2")
    done = subprocess.run(
        cluster.hosts[0].command(
            *(*PROGRAM, "notebook", "cold_start", "--scheduler", cluster.address),
            *("--out", str(cluster.folder / "grids"), *cluster.tls("client")),
            *(word for parameter in asked for word in ("-p", parameter)),
        ),
        cwd=cluster.hosts[0].folder,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (folder,) = (cluster.folder / "grids").iterdir()
    table = pd.read_csv(folder / "grid.csv")
    assert set(table["param_seed"]) == {1, 2} and table["error"].isna().all()
    for run, notebook in {*zip(table["run"], table["notebook"], strict=True)}:
        trials = open_run(folder / run).trials
        assert list(trials["outcome"]) == ["ok", "ok"], not_ok(trials)
        assert (folder / notebook).exists()
    ran_on = re.findall(r" on (10\.77\.0\.[12]): finished", done.stdout)
    assert sorted(ran_on) == [host.address for host in cluster.hosts]
    # What came back is not there any more.
    assert not [path for host in cluster.hosts for path in host.folder.glob("results/*/*")]
