"""Logs that wrap another program's lines: Docker's, the CRI's, journald's JSON, syslog."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from iluvatar_bench.worker_logs import LogReport, scan
from iluvatar_bench.worker_logs.lines import Block
from iluvatar_bench.worker_logs.unwrap import unwrapped

ID = "60ddf1ee" * 8
TRACEBACK = (
    "Traceback (most recent call last):",
    '  File "/usr/local/lib/python3.11/site-packages/flask/app.py", line 16, in <module>',
    "    import click",
    "ModuleNotFoundError: No module named 'click'",
)
CALM = 'time="2025-03-03T10:00:11Z" level=info msg="shim disconnected" error="ttrpc: closed"'
LOST = 'time="2025-03-03T10:00:12Z" level=error msg="failed" error="ttrpc: closed"'


def docker(line: str) -> str:
    return json.dumps({"log": line + "\n", "stream": "stderr", "time": "2025-03-03T10:00:12.5Z"})


def cri(line: str) -> str:
    return f"2025-03-03T10:00:12.500000000Z stderr F {line}"


def journald(line: str) -> str:
    return json.dumps(
        {
            "__REALTIME_TIMESTAMP": "1740996012500000",
            "PRIORITY": "6",
            "SYSLOG_IDENTIFIER": "containerd",
            "_PID": "711",
            "MESSAGE": line,
        }
    )


def rfc3164(line: str) -> str:
    return f"<30>Mar  3 10:00:12 node-4 containerd[711]: {line}"


def rfc5424(line: str) -> str:
    return f"<30>1 2025-03-03T10:00:12.5Z node-4 containerd 711 - - {line}"


def scan_lines(tmp_path: Path, name: str, *lines: str) -> LogReport:
    path = tmp_path / name
    path.write_text("".join(f"{line}\n" for line in lines))
    return scan([path])


@pytest.mark.parametrize("wrap", [docker, cri], ids=["docker", "cri"])
def test_a_traceback_in_a_container_log_is_one_failure(
    tmp_path: Path, wrap: Callable[[str], str]
) -> None:
    lines = [wrap(line) for line in ("started", *TRACEBACK, "stopped")]
    failures = scan_lines(tmp_path, f"{ID}-json.log", *lines).failures
    assert failures["bug_class"].tolist() == ["missing_packages"]
    assert failures["certainty"].tolist() == ["likely"]
    assert failures["container_id"].tolist() == [ID]
    assert failures["time"].tolist() == [pd.Timestamp("2025-03-03T10:00:12.5Z")]
    assert failures["line"].tolist() == [2]


@pytest.mark.parametrize("wrap", [docker, cri, journald, rfc3164, rfc5424])
def test_a_level_inside_the_wrapping_counts(tmp_path: Path, wrap: Callable[[str], str]) -> None:
    report = scan_lines(tmp_path, "a.log", *(wrap(line) for line in (CALM, LOST, CALM)))
    assert report.failures["bug_class"].tolist() == ["shim_lost"]
    assert report.failures["line"].tolist() == [2]
    assert report.failures["time"].notna().all()


def test_the_parts_of_a_cri_line_are_joined(tmp_path: Path) -> None:
    stamp = "2025-03-03T10:00:12Z stderr"
    lines = (
        f"{stamp} P ModuleNotFoundError: No mod",
        "2025-03-03T10:00:12Z stdout F between",
        f"{stamp} F ule named 'csv'",
    )
    failures = scan_lines(tmp_path, f"web_ns_c-{ID}.log", *lines).failures
    assert failures["bug_class"].tolist() == ["missing_packages"]
    assert failures["matched"].tolist() == ["ModuleNotFoundError: No module named 'csv'"]


def test_a_priority_of_journald_is_a_level(tmp_path: Path) -> None:
    line = json.dumps({"PRIORITY": "3", "MESSAGE": "the frob is odd", "SYSLOG_IDENTIFIER": "frobd"})
    report = scan_lines(tmp_path, "a.json", line)
    assert report.unclassified["entries"].tolist() == [1]
    assert report.failures.empty


def test_lines_keep_their_number() -> None:
    data = b"\n".join(cri(f"line {n}").encode() for n in range(5)) + b"\nnot wrapped\n"
    inner = unwrapped(Block(data, 7, 6))
    assert inner.line == 7
    assert inner.data.split(b"\n") == [*(b"line %d" % n for n in range(5)), b"not wrapped", b""]
    assert len(inner.stamps) == 7


@pytest.mark.parametrize(
    "line",
    [
        '{"log":"ttrpc: closed\\n","stream":"stderr","time":"x"',
        '{"log":5,"time":"2025-03-03T10:00:12Z","x":"ttrpc: closed"}',
        '{"__REALTIME_TIMESTAMP":"99999999999999999999","MESSAGE":"ttrpc: closed"}',
        '{"MESSAGE":[116,116,114,112,99,58,32,99,108,111,115,101,100,999,"x"]}',
        "2025-03-03T10:00:12Z stderr F ttrpc: closed",
    ],
)
def test_damaged_wrapping_hides_nothing(tmp_path: Path, line: str) -> None:
    assert scan_lines(tmp_path, "a.log", line).failures["bug_class"].tolist() == ["shim_lost"]


def test_events_are_failures_of_their_pods(tmp_path: Path) -> None:
    report = scan_lines(
        tmp_path,
        "events.txt",
        "LAST SEEN   TYPE      REASON      OBJECT          MESSAGE",
        "2m          Normal    Started     pod/encode-6c   Started container encode",
        "1m          Warning   Evicted     pod/encode-6c   The node was low on resource: memory.",
        "1m          Warning   Failed      pod/thumbs-7d   Error: ErrImagePull",
    )
    assert report.failures[["bug_class", "container_id"]].to_numpy().tolist() == [
        ["evicted", "encode-6c"],
        ["image", "thumbs-7d"],
    ]


def test_the_container_of_an_inspection_is_found(tmp_path: Path) -> None:
    document = json.dumps(
        [{"Id": ID, "State": {"Status": "exited", "OOMKilled": False, "ExitCode": 137}}], indent=4
    )
    report = scan_lines(tmp_path, "inspect.json", *document.split("\n"))
    assert report.failures[["bug_class", "container_id"]].to_numpy().tolist() == [
        ["process_died", ID]
    ]


def test_a_healthy_container_with_a_restart_policy_is_no_failure(tmp_path: Path) -> None:
    document = json.dumps(
        [
            {
                "Id": ID,
                "State": {"Status": "running", "OOMKilled": False, "ExitCode": 0, "Error": ""},
                "HostConfig": {"RestartPolicy": {"Name": "on-failure"}},
            }
        ],
        indent=4,
    )
    report = scan_lines(tmp_path, "inspect.json", *document.split("\n"))
    assert report.failures.empty
    assert report.unclassified.empty


def test_columns_of_states_are_read(tmp_path: Path) -> None:
    pods = [
        "NAME   READY   STATUS      RESTARTS   AGE",
        "web-1  0/1     Evicted     0          3m",
        "web-2  1/1     Running     0          3m",
        "3f51aa  img  2 days ago  Up 2 days (unhealthy)       web-3",
        "3f51ab  img  2 days ago  Restarting (1) 5 seconds ago  web-4",
        "3f51ac  img  2 days ago  Up 2 days (healthy)         web-5",
    ]
    failures = scan_lines(tmp_path, "ps.txt", *pods).failures
    assert failures["bug_class"].tolist() == ["evicted", "silent_startup", "startup_error"]


TRACES = {
    "java": (
        'Exception in thread "main" java.lang.NoClassDefFoundError: org/slf4j/LoggerFactory',
        "\tat com.example.Main.<clinit>(Main.java:9)",
        "Caused by: java.lang.ClassNotFoundException: org.slf4j.LoggerFactory",
        "\tat java.base/jdk.internal.loader.BuiltinClassLoader.loadClass(x.java:641)",
        "\t... 1 more",
    ),
    "go": (
        "panic: no port",
        "",
        "goroutine 1 [running]:",
        "main.main()",
        "\t/src/main.go:11 +0x1d",
        "exit status 2",
    ),
    "net": (
        "Unhandled exception. System.IO.FileNotFoundException: Could not load file or assembly",
        "   at Fn.Program.Main(String[] args) in /src/Program.cs:line 14",
        " ---> System.NullReferenceException: x",
        "   --- End of inner exception stack trace ---",
    ),
    "python": TRACEBACK,
}


def plain(line: str) -> str:
    return line


def short_iso(line: str) -> str:
    return f"2025-03-03T10:00:12+0000 node-4 web[711]: {line}"


def kubectl(line: str) -> str:
    return f"[pod/web-1/app] {line}"


def compose(line: str) -> str:
    return f"web_1  | {line}"


@pytest.mark.parametrize("trace", TRACES.values(), ids=TRACES)
@pytest.mark.parametrize(
    "wrap", [plain, docker, cri, journald, rfc3164, rfc5424, short_iso, kubectl, compose]
)
def test_a_trace_is_one_failure(
    tmp_path: Path, trace: tuple[str, ...], wrap: Callable[[str], str]
) -> None:
    """Also where each of its lines carries a head of its own."""
    report = scan_lines(tmp_path, "a.log", *map(wrap, ("started", *trace, "stopped")))
    assert len(report.failures) == 1
    assert report.failures["line"].tolist() == [2]
    assert report.unclassified.empty


def test_the_traces_of_two_programs_are_two_failures(tmp_path: Path) -> None:
    other = [rfc3164(line).replace("containerd[711]", "other[9]") for line in TRACES["java"]]
    lines = [rfc3164(line) for line in TRACES["python"]]
    assert len(scan_lines(tmp_path, "a.log", *lines, *other).failures) == 2
