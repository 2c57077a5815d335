"""What a log says becomes failures: the right class, the right container, each once."""

from __future__ import annotations

import gzip
import io
import os
import threading
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from iluvatar_bench.benchmarks.generated_logs import FORMATS, write_log
from iluvatar_bench.bugs.taxonomy import BugClass, Certainty
from iluvatar_bench.errors import NoSuchFile, UsageError
from iluvatar_bench.worker_logs import LogReport, read, scan
from iluvatar_bench.worker_logs.failures import Failures

SEED = Path(__file__).parents[2] / "data" / "seed"
HELLO = "hello-0.0.5-19293B05-F0B7-8235-B4FC-C24D53331CC6"
OTHER = "video-2-1.2.0-A92EFBC1-A433-4E8D-AC6E-2EB510EE47DC"
TID = "c24d5333to1cc6to4e8dto9c11to19293b05f0b7"
OVERLAY = "failed to mount rootfs component &{overlay overlay []}: no such file or directory"


def worker(message: str, *, level: str = "ERROR", tid: str = "CtrMrgWorker", at: str = "21") -> str:
    return f"[2022-07-08 15:59:{at}.128956 -04:00] [{level}] [iluvatar_lib] [{tid}] {message}\n"


def scan_text(tmp_path: Path, *texts: str | bytes) -> LogReport:
    paths = []
    for number, text in enumerate(texts):
        path = tmp_path / f"{number}.log"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        paths.append(path)
    return scan(paths)


def test_the_notes_of_2022_give_exactly_four_failures() -> None:
    failures = read([SEED])
    assert Counter(failures["bug_class"]) == {
        "snapshot_overlay": 1,
        "missing_packages": 2,
        "process_died": 1,
    }
    died = failures[failures["bug_class"] == "process_died"].iloc[0]
    assert died["container_id"] == "chameleon-0.0.2-550AA71B-E197-774A-362C-4D6ED52C01E9"
    assert (died["function"], died["version"]) == ("chameleon", "0.0.2")
    assert died["time"] == pd.Timestamp("2022-07-08 19:59:21.128956Z")
    assert died["zone"] == "-04:00"
    assert (Path(died["file"]).name, died["line"], died["entries"]) == ("process_died.log", 2, 2)


def test_the_notes_as_one_file_of_prose_and_samples_give_the_same(tmp_path: Path) -> None:
    prose = "\n\n## Missing packages?\n\nStandard library packages just are missing.\n\n```\n"
    samples = (path.read_text(encoding="utf-8") for path in sorted(SEED.iterdir()))
    report = scan_text(tmp_path, "# Bugs\n\n```\n" + f"```{prose}".join(samples) + "```\n")
    assert Counter(report.failures["bug_class"]) == {
        "snapshot_overlay": 1,
        "missing_packages": 2,
        "process_died": 1,
    }


def test_a_memory_jump_is_a_sample() -> None:
    samples = scan([SEED / "process_died.log"]).samples
    assert samples[["old_mb", "new_mb", "change_mb", "line"]].to_numpy().tolist() == [
        [31, 128, 97, 3]
    ]
    assert samples["function"].tolist() == ["chameleon"]


@pytest.mark.parametrize("format", FORMATS)
def test_generated_failures_are_counted_exactly(tmp_path: Path, format: str) -> None:
    path = tmp_path / "generated.log"
    written = write_log(path, format=format, size_bytes=1_500_000, failures=250)
    report = scan([path])
    assert Counter(report.failures["bug_class"]) == {str(c): n for c, n in written.items()}
    assert report.files["bytes"].tolist() == [path.stat().st_size]
    assert report.files["lines"].tolist() == [path.read_bytes().count(b"\n")]
    assert report.files["unreadable"].tolist() == [0]


def test_several_lines_about_one_container_are_one_failure(tmp_path: Path) -> None:
    report = scan_text(
        tmp_path,
        worker(f"Error trying to read container '{HELLO}' /proc/<pid>/statm", level="WARN")
        + worker("something else", level="INFO")
        + worker(f"Removing an unhealthy container {HELLO} stdout: ''", level="WARN", at="26"),
        f'{{ "Error": "Timeout while reading inotify events for container {HELLO};" }}\n',
    )
    assert report.failures["bug_class"].tolist() == ["process_died"]
    row = report.failures.iloc[0]
    assert row["entries"] == 3
    assert row["last_seen"] - row["time"] == pd.Timedelta(seconds=5)


def test_the_earlier_cause_of_several_lines_decides(tmp_path: Path) -> None:
    report = scan_text(
        tmp_path,
        worker(f"Removing an unhealthy container {HELLO} stdout: ''", level="WARN", at="20")
        + worker(f"{HELLO}: {OVERLAY}", at="21"),
    )
    assert report.failures["bug_class"].tolist() == ["snapshot_overlay"]
    assert report.failures["line"].tolist() == [1]


def test_a_line_with_only_a_transaction_finds_its_container(tmp_path: Path) -> None:
    """Of several containers of a transaction, the one named last before the error counts."""
    report = scan_text(
        tmp_path,
        worker(f"Removing container '{OTHER}'", level="INFO", tid=TID)
        + worker(f"Removing container '{HELLO}'", level="INFO", tid=TID)
        + worker(f"Create task failed with: {OVERLAY}", tid=TID)
        + worker(f"Invoke failed: {OVERLAY}", tid=TID, at="22"),
    )
    assert report.failures[["container_id", "transaction_id", "entries"]].to_numpy().tolist() == [
        [HELLO, TID, 2]
    ]


def test_a_container_named_after_the_error_or_in_another_file_is_found(tmp_path: Path) -> None:
    report = scan_text(
        tmp_path,
        worker(f"Create task failed with: {OVERLAY}", tid="t1")
        + worker(f"Create task failed with: {OVERLAY}", tid="t10"),
        worker(f"Container {HELLO} deleted", level="INFO", tid="t10", at="30"),
    )
    found = report.failures.set_index("transaction_id")["container_id"]
    assert found["t10"] == HELLO
    assert pd.isna(found["t1"])


def test_a_background_task_joins_nothing(tmp_path: Path) -> None:
    report = scan_text(
        tmp_path,
        worker(f"container '{HELLO}' new: 1; old: 1; diff:0", level="DEBUG")
        + worker(f"Create task failed with: {OVERLAY}")
        + worker(f"Create task failed with: {OVERLAY}"),
    )
    assert report.failures["container_id"].tolist() == [None, None]


def test_two_failures_of_one_transaction_without_a_container_are_one(tmp_path: Path) -> None:
    text = worker(f"Create task failed with: {OVERLAY}", tid=TID)
    assert scan_text(tmp_path, text + text).failures["entries"].tolist() == [2]


def test_a_name_used_again_later_is_another_container(tmp_path: Path) -> None:
    def line(minute: int) -> str:
        return (
            f'time="2024-01-05T10:{minute:02}:12Z" level=error msg="failed" id=web '
            'error="ttrpc: closed"\n'
        )

    report = scan_text(tmp_path, line(1) + line(1) + line(2) + line(30))
    assert report.failures["entries"].tolist() == [3, 1]


def test_an_error_that_no_signature_knows_is_unclassified(tmp_path: Path) -> None:
    report = scan_text(
        tmp_path,
        worker(f"strange trouble with {HELLO}")
        + worker("trouble of a transaction", tid=TID)
        + worker("trouble of nobody")
        + 'time="2024-01-05T10:11:12Z" level=error msg="a daemon may complain" id=web\n'
        + '{ "Error": "nobody knows" }\n',
    )
    assert report.failures["bug_class"].tolist() == ["unclassified"] * 4
    assert report.other_errors == 1
    assert report.unclassified["entries"].sum() == 4
    assert report.unclassified["failures"].sum() == 3


def test_unknown_errors_are_grouped_by_shape_and_are_failures_of_whom_they_name(
    tmp_path: Path,
) -> None:
    errors = "".join(
        f'time="2024-01-05T10:11:1{n}Z" level=error msg="odd frob {n} of \\"x{n}\\" at /a/b{n}"\n'
        for n in range(5)
    )
    kept = 'time="2024-01-05T10:12:00Z" level=error msg="cannot reach the container: frob"\n'
    report = scan_text(tmp_path, errors + kept)
    assert report.unclassified[["shape", "entries", "failures"]].to_numpy().tolist() == [
        ['odd frob <n> of "<word>" at <path>', 5, 0],
        ["cannot reach the container: frob", 1, 1],
    ]
    assert report.failures["bug_class"].tolist() == ["unclassified"]


def test_of_a_silent_start_and_a_death_the_first_gives_the_class(tmp_path: Path) -> None:
    silent = "Timeout while waiting container startup"
    gone = "Task for container was missing when it was attempted to be deleted"
    for first, second, expected in (
        (silent, gone, "silent_startup"),
        (gone, silent, "process_died"),
    ):
        report = scan_text(
            tmp_path,
            worker(f"{first} {HELLO}", at="20") + worker(f"{second} {HELLO}", at="25"),
        )
        assert report.failures["bug_class"].tolist() == [expected]
        assert report.failures["entries"].tolist() == [2]


def test_calm_lines_are_no_failure(tmp_path: Path) -> None:
    calm = (
        worker(f"got mounts {OVERLAY}", level="DEBUG")
        + '{"timestamp":"2025-01-05 10:11:12.5","level":"DEBUG","fields":{"message":"Kill","r":'
        '"ttrpc: closed, no such file or directory"},"target":"x"}\n'
        + 'time="2024-01-05T10:11:12Z" level=info msg="shim disconnected" error="ttrpc: closed"\n'
    )
    assert scan_text(tmp_path, calm * 50).failures.empty


def test_files_are_taken_together_by_time(tmp_path: Path) -> None:
    """Rotated files, one of them compressed, in the order of their lines, not of their names."""
    (tmp_path / "worker.log").write_text(worker(f"{OTHER}: {OVERLAY}", at="50"))
    first = worker(f"Removing container '{HELLO}'", level="INFO", tid=TID, at="01")
    (tmp_path / "worker.log.2.gz").write_bytes(gzip.compress(first.encode()))
    (tmp_path / "worker.log.1").write_text(worker(f"Create task failed: {OVERLAY}", tid=TID))
    report = scan([tmp_path, tmp_path / "worker.log"])
    assert report.failures["container_id"].tolist() == [HELLO, OTHER]
    assert [Path(f).name for f in report.files["file"]] == [
        "worker.log.2.gz",
        "worker.log.1",
        "worker.log",
    ]


@pytest.mark.parametrize("compressed", [False, True])
def test_standard_input_is_read_as_often_as_needed(compressed: bool) -> None:
    text = worker(f"Create task failed with: {OVERLAY}", tid=TID) + worker(
        f"Removing container '{HELLO}'", level="INFO", tid=TID, at="22"
    )
    data = gzip.compress(text.encode()) if compressed else text.encode()
    report = scan(["-"], stdin=io.BytesIO(data))
    assert report.failures[["container_id", "file", "line"]].to_numpy().tolist() == [
        [HELLO, "-", 1]
    ]


def test_a_pipe_is_read_as_standard_input_is(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    text = worker(f"Create task failed with: {OVERLAY}", tid=TID) + worker(
        f"Removing container '{HELLO}'", level="INFO", tid=TID, at="22"
    )
    writer = threading.Thread(target=fifo.write_text, args=(text,))
    writer.start()
    report = scan([fifo])
    writer.join()
    assert report.failures["container_id"].tolist() == [HELLO]


def test_the_same_file_by_two_names_is_read_once(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text("OOMKilled\n")
    (tmp_path / "b.log").symlink_to("a.log")
    assert len(scan([tmp_path, tmp_path / "a.log"]).failures) == 1


def test_the_output_of_one_container_is_one_failure(tmp_path: Path) -> None:
    """The CRI stamps every line of a traceback; the file's name says whose it is."""
    container = "0c88" * 16
    path = tmp_path / f"web-0_default_web-{container}.log"
    lines = ["Traceback (most recent call last):", '  File "a.py"', "ModuleNotFoundError: x"]
    path.write_text("".join(f"2024-01-05T10:11:12.5Z stderr F {line}\n" for line in lines))
    failures = scan([path]).failures
    assert failures[["bug_class", "container_id", "entries"]].to_numpy().tolist() == [
        ["missing_packages", container, 2]
    ]


def test_what_the_caller_did_wrong_is_said(tmp_path: Path) -> None:
    with pytest.raises(NoSuchFile, match="absent"):
        scan([tmp_path / "absent"])
    with pytest.raises(UsageError, match="Atlantis"):
        scan([SEED], zone="Europe/Atlantis")


def test_an_empty_input_gives_empty_frames(tmp_path: Path) -> None:
    report = scan_text(tmp_path, "")
    assert report.failures.empty and report.samples.empty and report.activity.empty
    assert str(report.failures["time"].dtype) == "datetime64[ns, UTC]"
    assert report.files[["bytes", "lines"]].to_numpy().tolist() == [[0, 0]]


def test_failures_beyond_the_limit_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "many.log"
    write_log(path, format="containerd-json", size_bytes=1, failures=30)
    kept, all_of_them = Failures(most=10), scan([path]).failures
    from iluvatar_bench.worker_logs.failure import LogFailure

    for row in all_of_them.itertuples():
        for _ in range(2):
            kept.add(
                LogFailure(
                    certainty=Certainty.CERTAIN,
                    alternatives="",
                    bug_class=BugClass(row.bug_class),
                    rank=0,
                    container_id=row.container_id,
                    function=None,
                    version=None,
                    time=row.time,
                    last_seen=row.time,
                    zone="Z",
                    transaction_id=None,
                    file="f",
                    line=1,
                    format="x",
                    matched="",
                    text="",
                )
            )
    assert len(kept.finished({})) == 10
    assert kept.overflow.total() == 20
