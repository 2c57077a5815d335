"""What `classify` prints: classes, next steps, unknown errors, and no comfort without cause."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from iluvatar_bench.bugs.class_guide import CLASS_GUIDES
from iluvatar_bench.bugs.taxonomy import BugClass
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
    assert said[0].startswith("read: ")
    assert said[-1] == "no failure found in the lines that could be read"


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
    assert f"with 1 signatures of {own}: network 1" in said
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
