"""What `classify` prints: classes, next steps, unknown errors, and no comfort without cause."""

from __future__ import annotations

import json
import re
import socket
from pathlib import Path

import pytest

from iluvatar_bench.bugs.class_guide import CLASS_GUIDES
from iluvatar_bench.bugs.taxonomy import BugClass
from iluvatar_bench.errors import UsageError
from iluvatar_bench.worker_logs import scan
from iluvatar_bench.worker_logs.no_text import require_text
from tests.support.command import command
from tests.support.command_lines import mistakes

LOST = 'time="2025-01-08T10:10:10Z" level=error msg="x" error="ttrpc: closed" id=web\n'
ODD = 'time="2025-01-08T10:10:10Z" level=error msg="odd frob 7"\n'
CALM = 'time="2025-01-08T10:10:10Z" level=info msg="fine"\n'


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "a.log"
    path.write_text(CALM + LOST + ODD + ODD)
    return path


def test_every_class_has_a_next_step_that_exists() -> None:
    assert set(CLASS_GUIDES) == set(BugClass)
    for step in CLASS_GUIDES.values():
        assert mistakes(step.command) == []
        assert step.meaning
        assert step.causes


def test_below_the_table_stands_what_to_do_and_what_nobody_knows(log: Path) -> None:
    said = command("classify", str(log)).stdout
    assert "shim_lost" in said.splitlines()[1]
    assert "    next: iluvatar-bench audit" in said
    assert "errors that no signature knows: 2, by shape" in said
    assert "odd frob <n>" in said
    assert "no failure found" not in said


def test_no_failure_is_said_only_without_any_error(tmp_path: Path) -> None:
    calm, odd, damaged = (tmp_path / name for name in ("calm", "odd", "damaged"))
    calm.write_text(CALM)
    odd.write_text(CALM + ODD)
    damaged.write_bytes(CALM.encode() + b"\xff\xfe\n")
    assert command("classify", str(calm)).stdout.startswith("no failure found\n")
    assert "no failure found" not in command("classify", str(odd)).stdout
    said = command("classify", str(damaged)).stdout.splitlines()
    assert said[0].startswith("read: 1 file, 0.0 MB, 2 lines, 0 containers, ")
    assert said[-1] == "no failure found in the lines that could be read"


NO_TEXTS = {
    b"%PDF-1.4\n<< /Type /Catalog >>\nstream\n\xff\x9c\nendstream\n": "a PDF document",
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\xff\n": "a picture",
    b"PK\x03\x04\x14\x00\x00\n": "a zip archive: unpack it first",
    CALM.encode("utf-16"): "no text (NUL bytes)",
    b"\x1f\x8b\x08\x00": "no text (damaged gzip data: ",
}


def test_what_is_no_text_is_no_log_without_failures(tmp_path: Path) -> None:
    files = []
    for number, (content, kind) in enumerate(NO_TEXTS.items()):
        files.append(tmp_path / f"other-{number}")
        files[-1].write_bytes(content)
        with pytest.raises(UsageError, match=re.escape(f"is a log: {files[-1]} is {kind}")):
            require_text(scan(files[-1:]))
    done = command("classify", *map(str, files), "--json")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert f"{files[0]} is a PDF document; " in done.stderr
    assert done.stderr.endswith("; and 2 more\n")
    # Beside a log, or in the middle of one, it is what could not be read.
    log = tmp_path / "log"
    log.write_bytes(CALM.encode() * 40 + b"".join(NO_TEXTS))
    require_text(scan([log]))
    done = command("classify", str(log), *map(str, files))
    assert done.returncode == 0
    assert "no failure found in the lines that could be read" in done.stdout


def test_a_socket_is_for_audit(tmp_path: Path) -> None:
    path = tmp_path / "c.sock"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        done = command("classify", str(path))
    assert done.returncode == 2
    assert f"{path} is a socket, no log; " in done.stderr
    assert f"iluvatar-bench audit --address {path}" in done.stderr


def test_a_script_gets_everything_as_json(log: Path) -> None:
    document = json.loads(command("classify", str(log), "--json").stdout)
    (row,) = document["classes"]
    assert (row["bug_class"], row["failures"], row["certain"]) == ("shim_lost", 1, 1)
    assert row["next"] == "iluvatar-bench audit"
    assert [group["entries"] for group in document["unclassified"]] == [2]
    assert [failure["container_id"] for failure in document["failures"]] == ["web"]


def test_a_taught_rule_is_used_and_named(log: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    draft = command("classify", "--teach", str(log)).stdout
    own.write_text(draft.replace('class = ""', 'class = "network"'))
    said = command("classify", str(log), "--signatures", str(own)).stdout
    assert f"with 1 signature of {own}: network 1" in said
    assert "no signature knows" not in said


def test_a_path_that_cannot_be_written_is_an_error_before_the_work(log: Path) -> None:
    done = command("classify", "/absent/never-read.log", "--csv", "/absent/x.csv")
    assert done.returncode == 1
    assert "cannot write /absent/x.csv" in done.stderr


def test_a_span_leaves_out_the_rest(log: Path) -> None:
    said = command("classify", str(log), "--since", "2025-01-09").stdout
    assert said.startswith("no failure found")


def test_what_needs_the_end_does_not_go_with_following(log: Path) -> None:
    done = command("classify", "--follow", "--teach", str(log))
    assert done.returncode == 2
    assert "--follow prints failures as they come" in done.stderr
