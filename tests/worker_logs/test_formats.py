"""One entry of each format, read as it should be."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from iluvatar_bench.worker_logs.entry import LogEntry
from iluvatar_bench.worker_logs.formats import parse_entry
from iluvatar_bench.worker_logs.names import container_in, function_of, is_transaction
from iluvatar_bench.worker_logs.times import Clock

HELLO = "hello-0.0.5-19293B05-F0B7-8235-B4FC-C24D53331CC6"
HEX = "0c88" * 16
CLOCK = Clock(zone="America/New_York", written_at=datetime(2024, 1, 6, tzinfo=UTC))


def test_the_worker_of_2022() -> None:
    entry = parse_entry(
        "[2022-07-08 15:59:21.128956 -04:00] [WARN] [iluvatar_lib::structs] [No such file or "
        f"directory (os error 2)] Error trying to read container '{HELLO}' /proc/<pid>/statm: "
        "CtrMrgWorker",
        CLOCK,
    )
    assert entry.format == "worker-2022"
    assert entry.time == datetime(2022, 7, 8, 19, 59, 21, 128956, tzinfo=UTC)
    assert (entry.zone, entry.level) == ("-04:00", "WARN")
    assert (entry.transaction_id, entry.container_id) == ("CtrMrgWorker", HELLO)
    assert entry.text.startswith("[No such file or directory (os error 2)] Error trying")


def test_the_worker_of_today_inside_a_span() -> None:
    entry = parse_entry(
        '{"timestamp":"2025-03-05 10:11:12.123456789","level":"ERROR","fields":{"message":'
        '"Create task failed","error":"a\\\\nb"},"target":"w","span":{"tid":"abc1","name":'
        f'"run"}},"spans":[{{"containerid":"{HELLO}"}},{{"fqdn":"big-model-1.2.0"}}]}}',
        CLOCK,
    )
    assert entry.format == "tracing-json"
    assert entry.time == datetime(2025, 3, 5, 15, 11, 12, 123456, tzinfo=UTC)
    assert entry.zone == "America/New_York"
    assert (entry.transaction_id, entry.container_id) == ("abc1", HELLO)
    assert (entry.function, entry.version) == ("big-model", "1.2.0")
    assert entry.text == "Create task failed\nerror: a\nb"


@pytest.mark.parametrize("digits", range(1, 10))
def test_subseconds_of_any_length(digits: int) -> None:
    when, zone = Clock().read(f"2025-03-05 10:11:12.{'1' * digits}")
    assert when is not None
    assert when.microsecond == int(("1" * digits)[:6].ljust(6, "0"))
    assert zone == "UTC"


def test_the_error_document_of_the_client() -> None:
    entry = parse_entry(f'{{ "Error": "Unknown "x"\n in {HELLO}" }}', CLOCK)
    assert (entry.format, entry.container_id) == ("error-document", HELLO)
    assert entry.text == f'Unknown "x"\n in {HELLO}'
    assert entry.reports_failure and not entry.damage
    assert parse_entry('{ "Error": "cut o', CLOCK).damage


@pytest.mark.parametrize(
    ("text", "format", "container", "level"),
    [
        (f'time="2024-01-05T10:11:12.5Z" level=error msg="x" id={HEX}', "containerd-logfmt", HEX,
         "ERROR"),
        (f'{{"error":"e","id":"{HEX}","level":"error","msg":"x","time":"2024-01-05T10:11:12.5Z"}}',
         "containerd-json", HEX, "ERROR"),
        (f'Jan  5 10:11:12 node-1 containerd[25]: time="2024-01-05T10:11:12.5Z" level=warning '
         f'msg="x" container={HEX}', "containerd-logfmt", HEX, "WARNING"),
        ("2024-01-05T10:11:12.5Z stderr F OSError: [Errno 2] x", "plain", None, ""),
        (f'E0105 05:11:12.500000 2098 pod.go:1] failed containerID "{HEX}"', "plain", HEX, "ERROR"),
    ],
)  # fmt: skip
def test_containerd_and_what_is_around_it(
    text: str, format: str, container: str | None, level: str
) -> None:
    entry = parse_entry(text, CLOCK)
    assert (entry.format, entry.container_id, entry.level) == (format, container, level)
    assert entry.time == datetime(2024, 1, 5, 10, 11, 12, 500000, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    ['{"timestamp":"2025-03-05 10:11:12","level":"ERROR","fields":{"message":"cut',
     '{"timestamp":"2025","fields":' + '{"a":' * 5000,
     '{"level":"error","msg":"x","id":"web","time":"2024-01-05T10:1'],
)  # fmt: skip
def test_a_damaged_object_is_still_an_entry(text: str) -> None:
    entry = parse_entry(text, CLOCK)
    assert entry.damage
    assert entry.text == text


def test_what_is_left_of_a_damaged_object_is_used() -> None:
    text = '{"timestamp":"2025-03-05 10:11:12","level":"ERROR","fields":{"tid":"abc1","container_i'
    assert (parse_entry(text, CLOCK).level, parse_entry(text, CLOCK).transaction_id) == (
        "ERROR",
        "abc1",
    )


@pytest.mark.parametrize(
    ("container", "function", "version"),
    [
        (HELLO, "hello", "0.0.5"),
        ("my-func-2-1.0-beta-19293B05-F0B7-8235-B4FC-C24D53331CC6", "my-func-2", "1.0-beta"),
        ("image-v3-19293b05-f0b7-8235-b4fc-c24d53331cc6", "image", "v3"),
        (HEX, None, None),
        ("web", None, None),
    ],
)
def test_function_and_version(container: str, function: str | None, version: str | None) -> None:
    assert function_of(container) == (function, version)


@pytest.mark.parametrize(
    ("text", "container"),
    [
        (f"Removing container '{HELLO}'", HELLO),
        (f'Container: \\"{HELLO}\\" deleted', HELLO),
        (f"sha256:{HEX} then container {HEX}", HEX),
        (f"layer sha256:{HEX}", None),
        ("request 19293B05-F0B7-8235-B4FC-C24D53331CC6", None),
        ('container "web-1": already exists', "web-1"),
    ],
)
def test_the_container_a_text_names(text: str, container: str | None) -> None:
    assert container_in(text) == container


def test_only_a_request_is_a_transaction() -> None:
    assert is_transaction("19293b05tof0b7to8235tob4fctoc24d53331cc6")
    assert not any(
        map(is_transaction, ("CtrMrgWorker", "NetNsPool", "Startup", "", "a 1", "\0001"))
    )


@pytest.mark.parametrize("stamp", ["2022-13-41 99:99:99", "9999-01-01 00:00:00", "Foo 12 10:00:00"])
def test_an_impossible_time_is_no_time(stamp: str) -> None:
    assert CLOCK.read(stamp) == (None, "")


def test_a_stamp_without_a_year_is_not_younger_than_its_file() -> None:
    assert CLOCK.read("Dec 31 23:00:00 node")[0] == datetime(2024, 1, 1, 4, tzinfo=UTC)
    assert Clock().read("Dec 31 23:00:00 node") == (None, "")


@pytest.mark.parametrize(
    ("line", "hour"),
    [
        (b"[2022-07-08 15:59:16.127772 -04:00] x", "2022-07-08 19:00"),
        (b'{"timestamp":"2025-03-05 10:41:12.1"', "2025-03-05 05:00"),
        (b"2025-03-05T10:11:12+05:30", "2025-03-05 04:00"),
        (b"no time", ""),
    ],
)
def test_the_hour_of_a_line(line: bytes, hour: str) -> None:
    assert Clock(zone="Asia/Kolkata").hour(line) == hour


def test_an_entry_is_a_plain_value() -> None:
    assert parse_entry("", CLOCK) == LogEntry(format="plain", text="")


@pytest.mark.parametrize("stamp", ["1740996012.5", "1740996012500", "1740996012500000"])
def test_seconds_since_1970_are_a_time(stamp: str) -> None:
    """zap, pino and journald."""
    assert Clock().read(stamp) == (datetime(2025, 3, 3, 10, 0, 12, 500_000, UTC), "Z")


def test_conmon_names_its_container() -> None:
    line = "Mar 01 10:00:00 n1 conmon[77]: conmon 3f513f513f51 <error>: Failed to create container"
    assert container_in(line) == "3f513f513f51"
