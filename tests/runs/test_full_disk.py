"""A full disk: one line, exit 4, everything that had ended is readable, nothing stays behind."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from iluvatar_bench.containerd.daemon.place import DATA_HOME
from iluvatar_bench.errors import DiskFull, UsageError
from iluvatar_bench.host.journal import Journal
from iluvatar_bench.host.whole_files import write_whole
from iluvatar_bench.records.run_status import RunStatus
from iluvatar_bench.runs import RunFolder, RunResult, open_run, record_run, rejudge_run
from iluvatar_bench.runs.execute import write_run
from iluvatar_bench.runs.recorded import RECORDED_HOME
from tests.support.command import PROGRAM, command
from tests.support.killed_runs import TRIALS, a_trial, journals
from tests.support.outcomes import not_ok
from tests.support.small_disks import fill, mount, small_disk
from tests.support.traces import traces_of
from tests.support.waiting import wait_for
from tests.support.watchdogs import only_watchdog, watchdogs_of

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to mount")


PLANNED = 24

GUARDED = ("--profile", "guarded", "--set", "byte_code=shipped", "--set", "server=http_server")
"""With byte code Python starts in a third of the time."""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Room for a run's journals and not for its tables."""
    with small_disk(tmp_path / "disk", size="300k") as folder:
        yield folder


def said_in_one_line(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == DiskFull.exit_code == 4, done.stderr
    told = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(told) == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert re.search("is full: make room|No space left on device", told[0])
    return told[0]


def test_a_journal_keeps_what_the_disk_did_not_take_until_there_is_room(disk: Path) -> None:
    journal = Journal(disk / "journal.jsonl")
    journal.append({"number": 0})
    fill(disk / "ballast")
    lines = 1
    with pytest.raises(DiskFull, match=r"the disk of .*journal\.jsonl is full"):
        for lines in range(1, 100):
            journal.append({"number": lines, "text": "x" * 1500})
    assert lines > 1, "a page was not full yet"
    with pytest.raises(DiskFull):
        journal.append({"number": lines + 1})
    assert [row["number"] for row in journal.rows()] == list(range(lines))
    (disk / "ballast").unlink()
    journal.flush()
    assert [row["number"] for row in journal.rows()] == list(range(lines + 2))
    journal.close()


def test_a_file_that_finds_no_room_is_what_it_was(disk: Path) -> None:
    target = disk / "manifest.json"
    write_whole(target, "before")
    fill(disk / "ballast")
    with pytest.raises(DiskFull, match="make room there"):
        write_whole(target, "x" * 10_000)
    assert target.read_text() == "before"
    assert [path.name for path in disk.iterdir() if path.name != "ballast"] == [target.name]


def test_a_run_whose_tables_find_no_room_is_read_from_its_journals(disk: Path) -> None:
    folder, manifest = journals(disk)
    folder.reserve()
    fill(disk / "ballast")
    folder_full_at = TRIALS
    with pytest.raises(DiskFull):
        while True:
            folder.append(a_trial(folder.run_id, folder_full_at))
            folder_full_at += 1
    manifest["plan"]["trials"] = [{}] * 100
    with pytest.raises(DiskFull):
        write_run(folder, {**manifest, "status": RunStatus.FINISHED})
    run = open_run(disk)
    assert list(run.trials["trial"]) == list(range(folder_full_at + 1)), "the last one, too"
    assert run.manifest["status"] == RunStatus.DISK_FULL
    check_caveat(run)
    assert not list(disk.glob(".*"))


def check_caveat(run: RunResult) -> None:
    """Every reader says it."""
    assert "ended by a full disk" in run.caveat
    with pytest.raises(UsageError, match="ended by a full disk"):
        record_run(run.folder, "full", home=run.folder.parent / "home")
    with pytest.raises(UsageError, match="had no room"):
        rejudge_run(run.folder)


def outputs(disk: Path) -> dict[str, tuple[str, ...]]:
    run, log = str(RECORDED_HOME / "guarded"), str(RECORDED_HOME / "guarded" / "manifest.json")
    return {
        "report": ("report", run, "--out", str(disk / "page.html")),
        "compare": ("compare", run, run, "--csv", str(disk / "compared.csv")),
        "classify": ("classify", log, "--csv", str(disk / "failures.csv")),
        "explain": ("explain", "iluvatar-2022-07", "3", "--html", str(disk / "page.html")),
        "run": ("run", "cold-start", "--trials", "1", "--out", str(disk / "results")),
    }


@pytest.mark.parametrize("name", outputs(Path()))
def test_a_command_whose_output_finds_no_room(disk: Path, name: str) -> None:
    fill(disk / "ballast")
    # A folder takes no room in memory: its number is what is limited.
    mount("-o", "remount,nr_inodes=2", str(disk))
    said_in_one_line(command(*outputs(disk)[name]))


@pytest.mark.daemon
def test_a_results_folder_that_fills_up(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", size="120k") as disk:
        arguments = ("run", "cold-start", *GUARDED, "--trials", str(PLANNED), "--out")
        with subprocess.Popen(
            [*PROGRAM, *arguments, str(disk)], stderr=subprocess.PIPE, text=True
        ) as process:
            _, place = only_watchdog(process.pid)
            _, errors = process.communicate(timeout=120)
        done = subprocess.CompletedProcess(arguments, process.returncode, "", errors)
        assert str(disk) in said_in_one_line(done)
        assert traces_of(place) == []
        (path,) = [found.parent for found in disk.glob("*/manifest.json")]
        run = open_run(path)
        assert run.manifest["status"] == RunStatus.DISK_FULL
        assert 0 < len(run.trials) < PLANNED
        assert set(run.trials["outcome"]) == {"ok"}, not_ok(run.trials)
        check_caveat(run)
        mount("-o", "remount,size=16m", str(disk))
        resumed = command("run", "--resume", str(path))
        assert resumed.returncode == 0, resumed.stderr
        whole = open_run(path)
        assert whole.manifest["status"] == RunStatus.FINISHED
        assert list(whole.trials["trial"]) == list(range(PLANNED))
        kept = whole.trials.set_index("trial").loc[list(run.trials["trial"])]
        assert list(kept["container_id"]) == list(run.trials["container_id"]), "as they ended"


def on_a_small_root(size: str, *arguments: str) -> subprocess.Popen[str]:
    """The command, where the daemon's root is on a disk of that size; it prints what stays there.

    In a mount namespace of its own: nobody else's daemon sees that disk. Others may remove
    :data:`DATA_HOME` itself when they end, so the disk is the folder above it.
    """
    home = DATA_HOME.parent
    script = f"""
mount -t tmpfs -o size={size} none {home} || exit 99
{shlex.join([*PROGRAM, *arguments])} >&2
status=$?
rm -f {home}/ballast
find {home} -mindepth 1
exit $status
"""
    return subprocess.Popen(
        ["unshare", "--mount", "sh", "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )


@pytest.mark.daemon
@pytest.mark.parametrize(
    ("size", "what"),
    [("16k", "run"), ("32k", "run"), ("20m", "run"), ("32k", "daemon")],
)
def test_a_daemon_that_has_no_room_to_begin(tmp_path: Path, size: str, what: str) -> None:
    """For its folders, for its database, for the image."""
    arguments: tuple[str, ...] = ("daemon", "start")
    if what == "run":
        arguments = ("run", "cold-start", *GUARDED, "--out", str(tmp_path / "results"))
    with on_a_small_root(size, *arguments) as process:
        left, errors = process.communicate(timeout=120)
    done = subprocess.CompletedProcess(arguments, process.returncode, left, errors)
    assert str(DATA_HOME) in said_in_one_line(done)
    assert left == ""


@pytest.mark.daemon
@pytest.mark.parametrize("workload", ["cold-start", "churn"])
def test_a_daemon_whose_disk_fills_up_ends_the_run(tmp_path: Path, workload: str) -> None:
    """What was under way fails by the full disk, or is read as it went; the rest is not run."""
    many = ("--trials", "200") if workload == "cold-start" else ("--arrivals", "400")
    # One that starts on a full disk cannot say that it is ready, and is waited for.
    arguments = ("run", workload, *GUARDED, *many, "--ready-seconds", "5", "--out", str(tmp_path))
    with on_a_small_root("400m", *arguments) as process:
        found = wait_for(lambda: list(tmp_path.glob("*/journal.jsonl")))
        folder = RunFolder(found[0].parent)
        (_, place), *_ = [
            *wait_for(lambda: [w for c in children(process.pid) for w in watchdogs_of(c).items()])
        ]
        wait_for(lambda: len(folder.journal()) > 3)
        fill(Path(f"/proc/{process.pid}/root{DATA_HOME.parent}/ballast"))
        left, errors = process.communicate(timeout=120)
    done = subprocess.CompletedProcess(arguments, process.returncode, left, errors)
    assert str(DATA_HOME) in said_in_one_line(done)
    assert left == ""
    assert traces_of(place) == []
    run = open_run(folder.path)
    assert run.manifest["status"] == RunStatus.DISK_FULL
    check_caveat(run)
    assert (run.trials["outcome"] == "ok").sum() > 3
    failed = run.trials[run.trials["outcome"] != "ok"]
    assert len(failed) <= 8, failed[["outcome", "bug_class", "mechanism", "error"]]
    assert set(failed["mechanism"].dropna()) <= {"disk_full"}, failed["error"].tolist()


def children(pid: int) -> list[int]:
    return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
