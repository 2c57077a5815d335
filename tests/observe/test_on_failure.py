"""The user's command for a failure, and the unit that keeps an observation running."""

from __future__ import annotations

import asyncio
import json
import shlex
from pathlib import Path

import pytest

from iluvatar_bench.observe import on_failure
from iluvatar_bench.observe.on_failure import failure_command
from iluvatar_bench.observe.unit import systemd_unit
from tests.support.command import command
from tests.support.waiting import wait_for


async def test_each_failure_has_its_command_once_in_their_order(tmp_path: Path) -> None:
    log = tmp_path / "log"
    async with failure_command(["tee", "-a", str(log)]) as run:
        for number in range(5):
            run.call({"trial": number, "error": "$(touch no-shell); 'quoted'\n"})
    assert [json.loads(line)["trial"] for line in log.read_text().splitlines()] == list(range(5))
    assert run.dropped == 0


async def test_a_command_that_hangs_is_ended_and_the_next_one_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    log = tmp_path / "log"
    hang_first = f"read line; case $line in *0*) exec sleep 600;; esac; echo $line >> {log}"
    async with failure_command(["sh", "-c", hang_first]) as run:
        with monkeypatch.context() as short:
            short.setattr(on_failure, "COMMAND_SECONDS", 0.5)
            run.call({"trial": 0})
            await asyncio.to_thread(wait_for, lambda: "took more than 0.5 s" in caplog.text)
        # This one has as long as any: a start may take half a second.
        run.call({"trial": 1})
    assert log.read_text().split() == ['{"trial":', "1}"]


async def test_more_failures_than_can_wait_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_failure, "MOST_WAITING", 2)
    async with failure_command(["true"]) as run:
        for number in range(5):
            run.call({"trial": number})
        assert run.dropped == 3


def test_the_unit_calls_the_command_with_the_options_that_were_given() -> None:
    done = command(
        "observe",
        "--unit",
        *("--client", "owner=a b", "--out", "/var/lib/seen", "--on-failure", "logger 100%"),
    )
    assert done.returncode == 0, done.stderr
    (line,) = [x for x in done.stdout.splitlines() if x.startswith("ExecStart=")]
    words = shlex.split(line.removeprefix("ExecStart="))
    assert words[1] == "observe"
    assert words[words.index("--client") + 1] == "owner=a b"
    assert words[words.index("--out") + 1] == "/var/lib/seen"
    assert words[words.index("--on-failure") + 1] == "logger 100%%"
    assert "--unit" not in words


def test_the_unit_may_write_to_its_folder_only() -> None:
    text = systemd_unit("/usr/bin/iluvatar-bench", folder=Path("/var/lib/seen"), arguments=[])
    assert "ProtectSystem=strict" in text
    assert "\nReadWritePaths=/var/lib/seen " in text


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--for", "3x"), "--for 3x: a number with s, m, h or d"),
        (("--for", "0s"), "--for 0s"),
        (("--client", "owner"), "--client owner: as in"),
    ],
)
def test_a_wrong_request_is_said_before_anything_is_begun(
    options: tuple[str, str], said: str, tmp_path: Path
) -> None:
    out = tmp_path / "observed"
    done = command("observe", *options, "--out", str(out))
    assert (done.returncode, said in done.stderr) == (2, True)
    assert not out.exists()


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    done = command("observe", "--out", str(tmp_path), "--address", str(tmp_path / "none.sock"))
    assert done.returncode == 2
    assert "holds something else" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_without_a_daemon_no_folder_is_left(tmp_path: Path) -> None:
    out = tmp_path / "observed"
    done = command("observe", "--out", str(out), "--address", str(tmp_path / "none.sock"))
    assert done.returncode == 1
    assert "none.sock is not there" in done.stderr
    assert not out.exists()
