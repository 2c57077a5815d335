"""What people are told: plain words, with the value, the file and the line; and before the work."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from iluvatar_bench.batch.parameters import check_parameters
from iluvatar_bench.functions.images import find_image
from iluvatar_bench.host.socket_address import socket_path
from tests.support.archives import docker_files, write
from tests.support.command import command, own_process
from tests.support.limits_here import needs_memory

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    "address", ["/run/c.sock", "unix:///run/c.sock", "unix:/run/c.sock", "containerd:///run/c.sock"]
)
def test_an_address_is_taken_as_people_write_it(address: str) -> None:
    assert socket_path(address) == Path("/run/c.sock")
    assert check_parameters("cold_start", {"address": address})["address"] == "/run/c.sock"
    assert check_parameters("cold_start", {"address": ""})["address"] == ""


@pytest.mark.parametrize("address", ["unix://", "tcp://127.0.0.1:10000", "http:///run/c.sock", ""])
def test_an_address_of_something_else_is_told(address: str) -> None:
    done = command("run", "cold-start", "--address", address)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert address in done.stderr
    assert "socket" in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["audit"],
        ["observe", "--for", "1s"],
        ["explain", "--live", "x"],
        ["image", "list"],
        ["run", "cold-start"],
    ],
    ids=" ".join,
)
def test_every_command_takes_a_prefix(words: list[str], tmp_path: Path) -> None:
    done = command(*words, "--address", f"unix://{tmp_path}/none.sock", cwd=tmp_path)
    assert done.returncode == 1
    assert f"error: {tmp_path}/none.sock is not there" in done.stderr


@pytest.mark.parametrize(
    "words",
    [["--profile", "guarded"], ["--trials=4"], ["--json", "--seed", "7"]],
    ids=" ".join,
)
def test_an_option_in_place_of_the_workload_is_told_with_the_workloads(words: list[str]) -> None:
    done = command("run", *words)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    option = next(word for word in words if word != "--json").partition("=")[0]
    assert f"{option} is an option of a workload" in done.stderr
    assert "the workloads are cold-start, churn, trace" in done.stderr


CALLED_AS = {**os.environ, "ILUVATAR_BENCH_PROGRAM": "./bench"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["classes", "nope"], "./bench classes lists them"),
        (["classes", "shim_lost"], "./bench audit"),
        (["trials-needed", "--rate", "0.1", "--difference", "0.3"], "./bench ab A B"),
        (["compare"], "Usage: ./bench compare"),
        (["notebook", "compare", "--help"], "Usage: ./bench notebook compare"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_messages_name_commands_as_the_user_called_the_program(words: list[str], said: str) -> None:
    done = command(*words, env=CALLED_AS)
    assert said in done.stdout + done.stderr
    assert "iluvatar-bench " not in done.stdout + done.stderr


def test_help_and_documents_for_scripts_name_it_each_in_its_way() -> None:
    assert "  ./bench doctor\n" in own_process("--help", env=CALLED_AS).stdout
    said = command("classes", "shim_lost", "--json", env=CALLED_AS).stdout
    assert '"next": "iluvatar-bench audit"' in said
    spaced = {**CALLED_AS, "ILUVATAR_BENCH_PROGRAM": "/my tools/bench"}
    assert "'/my tools/bench' audit" in command("classes", "shim_lost", env=spaced).stdout


def test_the_checkout_says_how_it_was_called(tmp_path: Path) -> None:
    """Beside a set-up that is finished, whose program says what it was told."""
    programs = tmp_path / ".venv" / "bin"
    programs.mkdir(parents=True)
    told = programs / "iluvatar-bench"
    told.write_text('#!/bin/sh\necho "$ILUVATAR_BENCH_PROGRAM $*"\n')
    script = tmp_path / "bench"
    script.write_text((ROOT / "bench").read_text())
    for path in (told, script):
        path.chmod(0o755)
    for name in ("requirements.lock", "pyproject.toml"):
        (tmp_path / name).touch()
    stamp = f"{subprocess.check_output(['cksum'], input='', text=True).strip()} {tmp_path}\n"
    (tmp_path / ".venv" / ".bench-stamp").write_text(stamp)
    for called in ("./bench", str(script)):
        done = subprocess.run(
            [called, "doctor"], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert (done.stdout, done.stderr) == (f"{called} doctor\n", "")


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("mine.yaml", "a profile's file ends in .toml or .json"),
        ("none/mine.toml", "there is no folder"),
    ],
)
def test_a_profile_that_cannot_be_written_is_told_before_the_audit(
    file: str, said: str, tmp_path: Path
) -> None:
    """There is no containerd there, and nobody has asked."""
    words = ("audit", "--address", f"{tmp_path}/none.sock", "--save-profile", str(tmp_path / file))
    done = command(*words)
    assert (done.stdout, done.stderr.count("\n")) == ("", 1)
    assert said in done.stderr


def test_the_tests_of_the_checkout_have_a_help_that_sets_nothing_up(tmp_path: Path) -> None:
    """With a home of its own: a set-up would begin there."""
    script = tmp_path / "bench"
    script.write_text((ROOT / "bench").read_text())
    script.chmod(0o755)
    for word in ("--help", "-h"):
        done = subprocess.run(
            [str(script), "test", word], capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("Usage: ./bench test [--all]")
    assert [path.name for path in tmp_path.iterdir()] == ["bench"]


@pytest.mark.parametrize(
    "words",
    [
        ["classify", "nofile"],
        ["classify", "--follow", "nofile"],
        ["classify", "--signatures", "nofile", "log"],
        ["run", "trace", "nofile", "--function", "hello"],
        ["image", "import", "nofile"],
        ["run", "cold-start", "--profile", "nofile.toml"],
        ["profile", "check", "nofile.toml"],
    ],
    ids=" ".join,
)
def test_a_file_that_is_not_there_has_one_exit_status(words: list[str], tmp_path: Path) -> None:
    (tmp_path / "log").touch()
    done = command(*words, cwd=tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert "nofile" in done.stderr
    assert "No such file or directory" in done.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run", "cold-start", "--trials", "x"], "'--trials': 'x' is no whole number"),
        (["run", "cold-start", "--trials", "1.5"], "'--trials': '1.5' is no whole number"),
        (["run", "churn", "--rate", "fast"], "'--rate': 'fast' is no number"),
        (["run", "cold-start", "--pool-size", "2000"], "must be at most 1000, not 2000"),
        (["observe", "--sample-seconds", "-1"], "must be at least 0, not -1"),
    ],
)
def test_a_value_that_is_none_is_told_with_the_value(words: list[str], message: str) -> None:
    done = command(*words)
    assert done.returncode == 2
    assert message in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["run", "cold-start"],
        ["run", "churn"],
        ["demo"],
        ["root-cause"],
        ["blame", "iluvatar-2022-07", "guarded"],
        ["dose", "start_delay_ms", "0", "1"],
    ],
    ids=" ".join,
)
def test_a_seed_is_not_negative(words: list[str], tmp_path: Path) -> None:
    done = command(*words, "--seed", "-1", "--out", str(tmp_path / "r"))
    assert (done.returncode, done.stderr) == (2, "error: seed must be 0 or more, not -1\n")
    assert not (tmp_path / "r").exists()


@needs_memory
@pytest.mark.parametrize("workload", ["cold-start", "churn"])
def test_a_memory_limit_that_nothing_starts_in_is_refused(workload: str, tmp_path: Path) -> None:
    out = tmp_path / "r"
    done = command("run", workload, "--set", "memory_limit_mib=8", "--out", str(out))
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert "memory_limit_mib=8: function hello cannot start in it" in done.stderr
    assert not out.exists()


def test_a_header_that_is_cut_short_names_the_line_and_where_it_ends(tmp_path: Path) -> None:
    (tmp_path / "azure.csv").write_text("HashOwner,HashApp,HashFunction,Trigger,1,2,3\n")
    done = command("run", "trace", str(tmp_path / "azure.csv"))
    assert done.returncode == 2
    assert "azure.csv, line 1: no column '4'; the header has 7 columns and ends with '3'" in (
        done.stderr
    )


@pytest.mark.parametrize("what", ["text", "folder"])
def test_what_is_no_archive_is_told_what_one_is(what: str, tmp_path: Path) -> None:
    given = tmp_path / what
    if what == "text":
        given.write_text("no archive\n" * 100)
    else:
        given.mkdir()
    done = command("image", "import", str(given))
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
    assert f"{given} is no image archive" in done.stderr
    assert ("docker save" if what == "text" else "it is a folder") in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["report", "guarded", "--out"],
        ["explain", "guarded", "1", "--html"],
        ["dose", "start_delay_ms", "0", "--csv"],
        ["ground-truth", "--out"],
        ["image", "export", "hello"],
    ],
    ids=" ".join,
)
def test_a_file_that_cannot_be_written_is_told_before_the_work(
    words: list[str], tmp_path: Path
) -> None:
    done = command(*words, str(tmp_path / "none" / "file"), cwd=tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
    assert f"cannot write {tmp_path}/none/file: there is no folder {tmp_path}/none" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_exported_image_is_the_same_image_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = write(tmp_path / "tiny.tar", docker_files(tags=("team/tiny:1",)))
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "here")}
    command("image", "import", str(archive), env=environment)
    first, second = tmp_path / "first.tar", tmp_path / "second.tar"
    for target in (first, second):
        done = command("image", "export", "team/tiny:1", str(target), env=environment)
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith("team/tiny:1  sha256:")
    assert first.read_bytes() == second.read_bytes()
    elsewhere = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "there")}
    assert command("image", "import", str(first), env=elsewhere).returncode == 0
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "here"))
    here = find_image("team/tiny:1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "there"))
    there = find_image("team/tiny:1")
    assert here is not None
    assert there is not None
    assert (here.digest, here.layer_count) == (there.digest, there.layer_count)


def test_an_image_that_there_is_not_is_one_line(tmp_path: Path) -> None:
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    for words in (["export", "nope", "x.tar"], ["import", "nope", "--address", "/nowhere"]):
        done = command("image", *words, env=environment, cwd=tmp_path)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
        assert "no image 'nope' on disk, nor a function of that name" in done.stderr


@pytest.mark.parametrize(
    ("doses", "told"),
    [
        (["50", "0", "50"], "a dose has one run: 50 stands there more than once"),
        (["0", "-5"], "start_delay_ms must be at least 0, not -5"),
        (["--trials", "-3", "0"], "-3"),
        (["0", "--trails", "3"], "--trails"),
    ],
)
def test_doses_are_numbers_each_once(doses: list[str], told: str, tmp_path: Path) -> None:
    done = command("dose", "start_delay_ms", *doses, cwd=tmp_path)
    assert done.returncode == 2
    assert told in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_table_that_cannot_be_written_is_told_before_the_runs_are_read(tmp_path: Path) -> None:
    done = command("compare", "no-such-run", "guarded", "--csv", str(tmp_path / "no" / "a.csv"))
    assert done.returncode != 0
    assert f"there is no folder {tmp_path / 'no'}" in done.stderr
