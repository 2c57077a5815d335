"""Documents of inspect and of kubectl: each object is an entry, and has the time it tells of."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from iluvatar_bench.worker_logs import scan
from iluvatar_bench.worker_logs.json_documents import on_one_line, time_in_document
from iluvatar_bench.worker_logs.split import last_boundary

NEVER = "0001-01-01T00:00:00Z"


def inspected(day: int, *, oom: bool = False) -> dict[str, object]:
    return {
        "Id": f"{day:064x}",
        "Created": f"2026-03-0{day}T10:00:00.5Z",
        "State": {
            "Status": "exited",
            "OOMKilled": oom,
            "ExitCode": 137,
            "StartedAt": f"2026-03-0{day}T10:00:01Z",
            "FinishedAt": f"2026-03-0{day}T12:00:00.123456789Z",
        },
        "Mounts": [{"Type": "bind"}, {"Type": "bind"}],
    }


def event(day: int) -> dict[str, object]:
    return {
        "apiVersion": "v1",
        "firstTimestamp": f"2026-03-0{day}T09:00:00Z",
        "involvedObject": {"kind": "Pod", "name": f"web-{day}"},
        "lastTimestamp": f"2026-03-0{day}T11:00:00Z",
        "message": "Back-off restarting failed container",
        "metadata": {"creationTimestamp": f"2026-03-0{day}T09:00:00Z"},
        "reason": "BackOff",
        "type": "Warning",
    }


@pytest.mark.parametrize("indent", [2, 4])
def test_each_container_of_an_inspection_counts_at_its_end(tmp_path: Path, indent: int) -> None:
    path = tmp_path / "inspect.json"
    path.write_text(json.dumps([inspected(1), inspected(2, oom=True), inspected(3)], indent=indent))
    failures = scan([path]).failures
    assert failures["bug_class"].tolist() == ["process_died", "oom_killed", "process_died"]
    assert failures["container_id"].tolist() == [f"{day:064x}" for day in (1, 2, 3)]
    assert failures["line"].tolist() == [2, 21, 40]
    assert failures["time"].dt.hour.tolist() == [12, 12, 12]


def test_a_span_leaves_out_the_events_of_other_days(tmp_path: Path) -> None:
    path = tmp_path / "events.json"
    events = {"apiVersion": "v1", "items": [event(day) for day in (1, 2, 3)], "kind": "List"}
    path.write_text(json.dumps(events, indent=4))
    report = scan(
        [path],
        since=datetime(2026, 3, 2, tzinfo=UTC),
        until=datetime(2026, 3, 3, 11, tzinfo=UTC),
    )
    assert report.failures[["container_id", "time"]].to_numpy().tolist() == [
        ["web-2", datetime(2026, 3, 2, 11, tzinfo=UTC)]
    ]
    assert report.unreadable.empty


@pytest.mark.parametrize(
    ("text", "stamp"),
    [
        (f'{{"FinishedAt":"{NEVER}","StartedAt":"2026-03-01T10:00:00Z"}}', "2026-03-01T10:00:00Z"),
        (
            '{"finishedAt":"2026-03-01T10:00:00Z","x":{"finishedAt":"2026-03-02T10:00:00Z"}}',
            "2026-03-02T10:00:00Z",
        ),
        ("- state:\n    finishedAt: '2026-03-01T10:00:00Z'\n", "2026-03-01T10:00:00Z"),
        ("the field FinishedAt: 2026-03-01T10:00:00Z of a sentence", ""),
        (f'{{"FinishedAt":"{NEVER}"}}', ""),
        (
            "  Last State: Terminated\n    Finished:     Thu, 05 Mar 2026 10:05:00 +0100\n"
            "    Finished:     Thu, 99 Mar 2026 10:05:00 +9999\n"
            "    Finished:     Wed, 04 Mar 2026 10:05:00 -0000\n",
            "2026-03-05T10:05:00+01:00",
        ),
    ],
)
def test_the_time_of_an_object_is_its_end_where_it_has_one(text: str, stamp: str) -> None:
    assert time_in_document(text) == stamp


def test_lines_keep_their_numbers() -> None:
    data = b'before\n[\n  {\n    "a": [\n      {\n        "b": 1\n      }\n    ]\n  },\n  {\n    "c'
    assert on_one_line(data) == (b'before\n[\n{ "a": [ { "b": 1 } ] }\n\n\n\n\n\n\n  {\n    "c')


def test_a_long_document_is_parted_between_two_objects() -> None:
    data = json.dumps([inspected(1)] * 40, indent=2).encode() + b"\n"
    cut = last_boundary(data)
    assert data[cut:].startswith(b'  {\n    "Id": "')
    assert data[:cut].endswith(b"  },\n")
