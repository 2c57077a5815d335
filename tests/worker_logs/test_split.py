"""Where entries begin and end when one failure takes several lines."""

from __future__ import annotations

import io

import pytest

from iluvatar_bench.worker_logs import scan

CHAIN = """\
Traceback (most recent call last):
  File "/app/a.py", line 1, in <module>
    import csv
ModuleNotFoundError: No module named 'csv'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/app/b.py", line 2, in <module>
    raise RuntimeError("x") from None
RuntimeError: No module named 'csv'
"""
NODE = """\
node:internal/modules/cjs/loader:1080
  throw err;
  ^

Error: Cannot find module 'express'
Require stack:
- /app/server.js
    at Module._load (node:internal/modules/cjs/loader:922:27) {
  code: 'MODULE_NOT_FOUND',
  requireStack: [ '/app/server.js' ]
}
"""
FATAL = """\
Fatal Python error: init_fs_encoding: failed to get the Python codec of the filesystem encoding
Python runtime state: core initialized
ModuleNotFoundError: No module named 'encodings'

Current thread 0x00007f (most recent call first):
  <no Python frame>
"""
GUNICORN = """\
[2022-07-08 19:58:54 +0000] [1] [INFO] Starting gunicorn 20.1.0
[2022-07-08 19:58:55 +0000] [7] [ERROR] Exception in worker process
Traceback (most recent call last):
  File "/app/server.py", line 2, in <module>
    from flask import Flask
ModuleNotFoundError: No module named 'json'
[2022-07-08 19:58:55 +0000] [7] [INFO] Worker exiting (pid: 7)
[2022-07-08 19:58:55 +0000] [1] [INFO] Reason: Worker failed to boot.
"""
HELLO = "hello-0.0.5-19293B05-F0B7-8235-B4FC-C24D53331CC6"
IN_DOCUMENT = f'{{ "Error": "timeout of container {HELLO}; stderr \'{GUNICORN}\'" }}\n'
IN_WORKER = (
    f"[2022-07-08 15:59:16.127772 -04:00] [ERROR] [m] [t1] container {HELLO} stderr '{GUNICORN}'\n"
)


def classes(text: str) -> list[tuple[str, int]]:
    failures = scan(["-"], stdin=io.BytesIO(text.encode())).failures
    return list(zip(failures["bug_class"], failures["line"], strict=True))


@pytest.mark.parametrize("text", [CHAIN, NODE, FATAL, GUNICORN, IN_DOCUMENT, IN_WORKER])
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_one_failure_over_several_lines_is_one(text: str, ends: str) -> None:
    text = text.replace("\n", ends)
    assert [c for c, _ in classes(text)] == ["missing_packages"]
    assert [c for c, _ in classes(f"fine{ends}" * 3 + text + f"fine{ends}")] == ["missing_packages"]


@pytest.mark.parametrize("text", [CHAIN, NODE, FATAL, GUNICORN])
def test_the_same_failure_twice_is_two(text: str) -> None:
    assert [c for c, _ in classes(text + "and on\n" + text)] == ["missing_packages"] * 2


def test_each_plain_line_is_a_failure_of_its_own() -> None:
    text = "a: ttrpc: closed\nb: OOMKilled\nfine\nc: exec format error\n"
    assert classes(text) == [("shim_lost", 1), ("oom_killed", 2), ("image", 4)]


def test_formats_may_alternate_in_one_file() -> None:
    text = (
        f"{IN_WORKER}"
        '{"timestamp":"2025-03-05 10:11:12.5","level":"ERROR",'
        '"fields":{"message":"ttrpc: closed"}}\n'
        '{ "Error": "first\nttrpc: closed\n" }\n{ "Error": "second" }\n'
        'time="2024-01-05T10:11:12Z" level=error msg="exchange full" id=a\n'
        "OOMKilled\n"
    )
    assert [c for c, _ in classes(text)] == [
        "missing_packages",
        "network",
        "shim_lost",
        "shim_lost",
        "unclassified",
        "oom_killed",
    ]


def test_a_document_that_was_cut_off_takes_nothing_else_with_it() -> None:
    text = '{ "Error": "ttrpc: closed\nand then it\n{ "Error": "OOMKilled" }\nexchange full\n'
    assert [c for c, _ in classes(text)] == ["shim_lost", "oom_killed", "network"]


def test_json_inside_a_document_does_not_end_it() -> None:
    text = f'{{ "Error": "{HELLO} stderr \'{{"a": "b"}}\nModuleNotFoundError: x\n\'" }}\n'
    assert classes(text) == [("missing_packages", 1)]


@pytest.mark.parametrize("moved", range(-3, 4))
def test_a_document_does_not_end_where_the_search_for_its_end_does(moved: int) -> None:
    """Most end within 4 KiB, so that far is looked first: a quote and brace there may go on."""
    head = '{ "Error": "cannot start a stopped process '
    inner = head.ljust(4096 - len('" }') + moved, "x") + '" } y'
    report = scan(["-"], stdin=io.BytesIO(f'{inner}\ncode = OOMKilled" }}\n'.encode()))
    assert len(report.failures) == 1


@pytest.mark.parametrize(
    "calm",
    [
        "[2022-07-08 10:00:00.5 +00:00] [INFO] [m] [t1] ",
        'time="2026-03-01T10:00:00Z" level=info msg=x failed=',
    ],
)
def test_what_stands_below_a_calm_line_is_judged_and_the_line_is_not(calm: str) -> None:
    text = f"{calm}cannot start\nModuleNotFoundError: No module named 'yaml'\n{calm}ttrpc: closed\n"
    assert classes(text)[0][0] == "missing_packages"
    assert classes(f"{calm}ttrpc: closed\n{calm}fine\n") == []
