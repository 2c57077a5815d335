"""``check`` and ``proxy`` as a user calls them; what cannot be tested is told in one line."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from iluvatar_bench.clients.known.recorded_checks import record_check
from iluvatar_bench.containerd.proxy.call_log import TABLE, read_calls
from iluvatar_bench.errors import UsageError
from tests.support.command import PROGRAM, command
from tests.support.waiting import wait_for

RAW = (sys.executable, "-m", "tests.support.raw_client")


def told(*arguments: str, status: int) -> str:
    """The one line that a command ends with."""
    done = command(*arguments)
    assert done.returncode == status, done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("error: ")
    return done.stderr


def test_a_command_that_is_not_there(tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert "no-such-client" in told("check", "--out", str(out), "--", "no-such-client", status=2)
    assert "no fault flood" in told("check", "--faults", "flood", "--", "true", status=2)
    assert "is no file" in told("check", "--image", str(tmp_path), "--", "true", status=2)
    assert not out.exists()


@pytest.mark.slow
@pytest.mark.daemon
def test_clients_that_cannot_be_tested(tmp_path: Path) -> None:
    def fails(*client: str, options: tuple[str, ...] = ()) -> str:
        out = tmp_path / str(len([*tmp_path.iterdir()]))
        return told("check", "--out", str(out), *options, "--", *client, status=4)

    assert "asked nothing of containerd" in fails("true")
    binary = fails("sh", "-c", r"printf '\001\377\200\033[31mx'; exit 3")
    assert "failed with status 3, without any fault" in binary
    assert binary.strip().isprintable()
    assert "did not end within 1 s" in fails("sleep", "30", options=("--timeout", "1"))
    assert "--setup ended with status 1: no" in fails("true", options=("--setup", "echo no; false"))
    living = fails(*RAW, "leaves_it_running", "{id}", "{image}")
    assert "ended before its container (check-" in living
    swallowing = (*RAW, "swallows_errors", "{id}", "{image}")
    assert "--assert does not hold" in fails(*swallowing, options=("--assert", "false"))


@pytest.mark.slow
@pytest.mark.daemon
def test_a_check_leaves_a_folder_and_says_by_its_status_what_it_found(tmp_path: Path) -> None:
    client = (*RAW, "swallows_errors", "{id}", "{image}")
    options = ("--faults", "collection,delay", "--out", str(tmp_path / "a"), "--json")
    done = command("check", *options, "--", *client)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["safe"] is True
    assert document["faults"] == {
        "collection": {"safe": document["calls"] + 1},
        "delay": {"safe": document["calls"]},
    }
    calls = pd.read_parquet(tmp_path / "a" / TABLE)
    positions = pd.read_parquet(tmp_path / "a" / "positions.parquet")
    assert set(positions["label"]) | {"undisturbed-1", "undisturbed-2"} == set(calls["run"])
    assert len(calls) == (2 + len(positions)) * document["calls"]
    manifest = json.loads((tmp_path / "a" / "manifest.json").read_text())
    assert manifest["kind"] == "check"
    assert "not empty" in told("check", "--out", str(tmp_path / "a"), "--", "true", status=1)

    done = command(
        "check",
        *("--faults", "refused", "--assert", "grep -q done {stdout}", "--out", str(tmp_path / "b")),
        *("--", *client),
    )
    assert done.returncode == 3
    assert "refused at 4: wrong" in done.stdout
    assert "refused at 5: wrong" in done.stdout
    assert "can become: silent_startup" in done.stdout


@pytest.mark.slow
@pytest.mark.daemon
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_check_that_is_stopped_keeps_what_it_had_done(
    tmp_path: Path, number: signal.Signals, status: int
) -> None:
    out = tmp_path / "out"
    options = ("--known", "ctr-run", "--faults", "collection,delay", "--out", str(out))
    with subprocess.Popen(
        [*PROGRAM, "check", *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as check:
        assert check.stderr is not None
        for line in check.stderr:
            if re.match(r"collection: [1-9]", line):
                break
        check.send_signal(number)
        printed, errors = check.communicate(timeout=120)
    assert check.returncode == status, errors
    assert "stopped: the positions that were tried are kept" in errors
    positions = pd.read_parquet(out / "positions.parquet")
    calls = pd.read_parquet(out / TABLE)
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["status"] == "stopped"
    tried = len(positions)
    assert 1 <= tried < manifest["calls"] + 1
    assert set(positions["outcome"]) == {"safe"}
    assert manifest["not_tried"] == {
        "collection": manifest["calls"] + 1 - tried,
        "delay": manifest["calls"],
    }
    assert set(positions["label"]) | {"undisturbed-1", "undisturbed-2"} == set(calls["run"])
    assert f"collection: {tried} safe, {manifest['not_tried']['collection']} not tried" in printed
    with pytest.raises(UsageError, match="was stopped: it is not recorded"):
        record_check(out, "stopped", home=tmp_path)


@pytest.mark.daemon
@pytest.mark.slow
def test_a_check_that_is_stopped_at_its_beginning_says_so(tmp_path: Path) -> None:
    asked = tmp_path / "asked"
    script = f"touch {asked}; sleep 60"
    with subprocess.Popen(
        [*PROGRAM, "check", "--out", str(tmp_path / "out"), "--", "sh", "-c", script],
        stderr=subprocess.PIPE,
        text=True,
    ) as check:
        wait_for(asked.exists)
        check.send_signal(signal.SIGINT)
        _, errors = check.communicate(timeout=120)
    assert check.returncode == 130, errors
    assert "Traceback" not in errors
    assert errors.endswith("stopped: there is nothing to keep\n")
    assert not (tmp_path / "out" / "manifest.json").exists()


def test_a_proxy_that_cannot_be(short_folder: Path) -> None:
    nowhere = str(short_folder / "nothing")
    long = str(short_folder / ("x" * 120))
    out = ("--out", str(short_folder / "o"))
    assert "at most 107 bytes" in told(
        "proxy", "--listen", long, "--address", nowhere, *out, status=1
    )
    assert "is not there" in told(
        "proxy", "--listen", str(short_folder / "p"), "--address", nowhere, *out, status=1
    )
    assert [*short_folder.iterdir()] == []


FAKE = """
import asyncio, sys
from pathlib import Path
from tests.support.fake_containerd import fake_containerd
async def main():
    async with fake_containerd(Path(sys.argv[1])):
        await asyncio.Event().wait()
asyncio.run(main())
"""


def test_a_daemon_that_goes_is_told_once_and_what_was_recorded_is_kept(short_folder: Path) -> None:
    upstream, listen, out = (short_folder / name for name in ("s", "p", "out"))
    daemon = subprocess.Popen([sys.executable, "-c", FAKE, str(upstream)])
    proxy = None
    try:
        wait_for(upstream.is_socket)
        proxy = subprocess.Popen(
            [*PROGRAM, "proxy", "--listen", listen, "--address", upstream, "--out", out],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        wait_for(listen.is_socket)
        assert command("audit", "--address", str(listen)).returncode == 0
        daemon.kill()
        daemon.wait()
        assert command("audit", "--address", str(listen)).returncode == 1
        proxy.send_signal(signal.SIGINT)
        printed, errors = proxy.communicate(timeout=60)
    finally:
        for process in (daemon, proxy):
            if process is not None and process.poll() is None:
                process.kill()
                process.communicate()
    lines = errors.splitlines()
    assert lines[0].startswith(f"recording at {listen}")
    assert lines[1:] == [
        f"containerd at {upstream} is gone: clients get UNAVAILABLE until it is back"
    ]
    calls = read_calls(out / TABLE)
    assert printed == f"{len(calls)} calls in {out}/{TABLE}\n"
    assert {call.status for call in calls} == {"OK", "UNAVAILABLE"}
