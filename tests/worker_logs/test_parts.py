"""Several containers in one entry: JSON on one line, and ``kubectl describe``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from iluvatar_bench.worker_logs.parts import parts_of
from iluvatar_bench.worker_logs.scan import MOST_JUDGED_BYTES, scan
from tests.worker_logs.test_json_documents import event, inspected

DESCRIBED = """\
Name:             shop-7d9
Namespace:        default
Status:           Running
Init Containers:
  migrate:
    Container ID:  containerd://{}
    State:          Terminated
      Reason:       Completed
      Exit Code:    0
Containers:
  web:
    Container ID:  containerd://{}
    Image:         shop/web:1
    State:          Running
      Started:      Thu, 05 Mar 2026 10:06:00 +0100
    Last State:     Terminated
      Reason:       OOMKilled
      Exit Code:    137
      Finished:     Thu, 05 Mar 2026 10:05:00 +0100
    Ready:          True
  proxy:
    Container ID:  containerd://{}
    State:          Running
      Started:      Thu, 05 Mar 2026 10:00:00 +0100
    Ready:          True
  cache:
    Container ID:  containerd://{}
    Last State:     Terminated
      Reason:       Error
      Exit Code:    1
      Finished:     Thu, 05 Mar 2026 11:05:00 +0100
Conditions:
  Type              Status
  Ready             True
""".format(*(f"{n:064x}" for n in range(1, 5)))


@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
@pytest.mark.parametrize("listed", [False, True], ids=["a list", "items"])
def test_each_object_of_a_list_on_one_line_is_an_entry(
    tmp_path: Path, separators: tuple[str, str], listed: bool
) -> None:
    objects: list[object] = [inspected(1), inspected(2, oom=True), inspected(3)]
    path = tmp_path / "inspect.json"
    whole = {"apiVersion": "v1", "items": objects, "kind": "List"} if listed else objects
    path.write_text("up since today\n" + json.dumps(whole, separators=separators) + "\n")
    failures = scan([path]).failures
    assert failures["bug_class"].tolist() == ["process_died", "oom_killed", "process_died"]
    assert failures["container_id"].tolist() == [f"{day:064x}" for day in (1, 2, 3)]
    assert failures["line"].tolist() == [2, 2, 2]
    assert failures["time"].dt.day.tolist() == [1, 2, 3]


def test_events_on_one_line_are_of_their_pods(tmp_path: Path) -> None:
    path = tmp_path / "events.json"
    path.write_text(json.dumps({"items": [event(1), event(2)]}))
    assert scan([path]).failures["container_id"].tolist() == ["web-1", "web-2"]


def test_a_list_longer_than_what_is_judged_of_an_entry_loses_no_container(tmp_path: Path) -> None:
    objects = [inspected(1 + n % 9) | {"Id": f"{n:064x}"} for n in range(600)]
    path = tmp_path / "inspect.json"
    path.write_text(json.dumps(objects))
    assert path.stat().st_size > 2 * MOST_JUDGED_BYTES
    assert scan([path]).failures["container_id"].nunique() == 600


def test_each_container_of_a_described_pod_is_an_entry(tmp_path: Path) -> None:
    path = tmp_path / "described.txt"
    path.write_text(DESCRIBED)
    failures = scan([path]).failures
    assert failures["container_id"].tolist() == [f"{n:064x}" for n in (2, 4)]
    assert failures["bug_class"].tolist() == ["oom_killed", "startup_error"]
    assert failures["line"].tolist() == [11, 26]
    assert failures["time"].dt.hour.tolist() == [9, 10]


@pytest.mark.parametrize(
    ("entry", "parts"),
    [
        (b'[{"a":1},{"b":"},{"}]\n', [(1, b'{"a":1}'), (9, b'{"b":"},{"}')]),
        (b'{"items":[{"a":1},{"b":2}]}', [(10, b'{"a":1}'), (18, b'{"b":2}')]),
        (b'[{"a":1},{"b":2}] end', [(1, b'{"a":1}'), (9, b'{"b":2}'), (16, b"] end")]),
        # cut off, of something else, or a list within an object
        (b'[{"a":1},{"b', [(1, b'{"a":1}'), (9, b'{"b')]),
        (b'[{"a":1}, {"b"}, {"c":1}]', [(1, b'{"a":1}'), (10, b'{"b"}, {"c":1}]')]),
        (b'{"env":[{"a":1},{"b":2}]}', [(0, b'{"env":[{"a":1},{"b":2}]}')]),
        (b'{"x":{"items":[{"a":1},{"b":2}]}}', [(0, b'{"x":{"items":[{"a":1},{"b":2}]}}')]),
        (b"[" * 5000 + b'{"a":1},{"b":1}', [(0, b"[" * 5000 + b'{"a":1},{"b":1}')]),
        (b"Containers: two, {a},{b}\n", [(0, b"Containers: two, {a},{b}\n")]),
    ],
)
def test_what_the_parts_of_an_entry_are(entry: bytes, parts: list[tuple[int, bytes]]) -> None:
    assert parts_of(entry) == parts
