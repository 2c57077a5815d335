"""The command line as a user meets it: bad input gives one clear line and the right exit code."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
from ipaddress import IPv4Interface
from pathlib import Path

import pytest

from iluvatar_bench.host.kernel import cgroups
from iluvatar_bench.host.kernel.init_system import is_systemd
from iluvatar_bench.host.network import bridge
from tests.support.command import command, own_process

ROOT = Path(__file__).resolve().parents[2]


BRIDGED = ["run", "cold-start", "--set", "network=bridge"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "cold-start", "--profile", "guardd"], "did you mean guarded?"),
        (["run", "cold-start", "--set", "cgroup=mine"], "no level 'mine'"),
        (["run", "cold-start", "--set", "colour=red"], "no factor 'colour'"),
        (["run", "cold-start", "--trials", "0"], "trials must be between 1"),
        (["run", "cold-start", "--concurrency", "0"], "concurrency must be between 1"),
        (["run", "cold-start", "--function", "nope"], "no function 'nope'"),
        (["demo", "--trials", "0"], "trials must be between 1"),
        (["notebook", "nope"], "no notebook 'nope'"),
        (["notebook", "cold_start", "-p", "trials"], "not of the form key=value"),
        (["notebook", "cold_start", "-p", "trails=1"], "no parameter 'trails'"),
        (["notebook", "cold_start", "-p", "trials=x"], "must be a whole number, not 'x'"),
        (["notebook", "cold_start", "-p", "trials=4,x"], "must be a whole number, not 'x'"),
        (["notebook", "cold_start", "-p", "profile=guardd"], "did you mean guarded?"),
        (["notebook", "cold_start", "-p", "recorded=nope"], "no run 'nope'"),
        (["notebook", "cold_start", "-p", "recorded=guarded"], "add -p source=recorded"),
        (["notebook", "cold_start", "-p", "source=dead"], "source must be live or recorded"),
        (["notebook", "cold_start", "-p", "function=nope"], "no function 'nope'"),
        (["notebook", "compare", "--cell-timeout", "0"], "at least 1 second, not 0"),
        (["notebook", "compare", "--resume"], "a single point"),
        (["notebook", "compare", "-p", "alpha=1,2", "-p", "results=x"], "use --out"),
        (["image", "build", "nope"], "no function 'nope'"),
        ([*BRIDGED, "--network-subnet", "10.0.0.0/99"], "'99' is not a valid netmask; as in 10."),
        ([*BRIDGED, "--network-subnet", "8.8.0.0/16"], "8.8.0.0/16 is not a private range"),
        ([*BRIDGED, "--network-bridge", "docker0"], "must begin with 'ilb'"),
        (["run", "cold-start", "--network-bridge", "ilbx"], "choose network=bridge, or leave"),
    ],
)
def test_wrong_requests_exit_2_with_one_line(
    arguments: list[str], message: str, tmp_path: Path
) -> None:
    if arguments[0] not in ("image",):
        arguments = [*arguments, "--out", str(tmp_path)]
    done = command(*arguments)
    assert done.returncode == 2, done.stderr
    assert message in done.stderr
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_what_is_wrong_with_a_functions_folder_is_one_line(tmp_path: Path) -> None:
    folder = tmp_path / "greeter"
    folder.mkdir()
    run = ["run", "cold-start", "--function", str(folder), "--out", str(tmp_path / "r")]
    for arguments in (run, ["image", "build", str(folder)]):
        done = command(*arguments)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
        assert f"{folder} has no main.py with a function main(args: dict)" in done.stderr
    (folder / "main.py").write_text("def main(args):\n    return {}\n")
    (folder / "reqs.txt").write_text("flask ==no\n")
    cache = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")}
    for arguments in (run, ["image", "build", str(folder)]):
        done = command(*arguments, env=cache)
        assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
        assert "the requirements of function greeter do not install: ERROR: Inv" in done.stderr
    assert not (tmp_path / "r").exists() or not any((tmp_path / "r").iterdir())


@pytest.mark.daemon
def test_what_is_wrong_with_a_network_is_one_line(short_folder: Path, tmp_path: Path) -> None:
    """Another subnet of the project's test range is in use on a bridge of somebody else."""
    theirs = f"ilbu{secrets.token_hex(3)}"
    bridge.create_bridge(theirs, IPv4Interface("10.209.7.1/24"))
    cases = {
        f"subnet 10.209.7.0/28 is in use on this host (address 10.209.7.1/24 of {theirs}); choose "
        "another subnet": ["--network-subnet", "10.209.7.0/28", "--network-bridge", "ilbtmine"],
        f"an interface {theirs} exists and is not ours; choose another bridge name": [
            *("--network-subnet", "10.209.8.0/28", "--network-bridge", theirs)
        ],
        f"CNI plugin bridge is not installed (looked in {short_folder}); on Debian": [
            *("--cni-path", str(short_folder))
        ],
    }
    try:
        for message, options in cases.items():
            done = command(*BRIDGED, "--trials", "1", *options, "--out", str(tmp_path / "r"))
            assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
            assert message in done.stderr
        assert list((tmp_path / "r").iterdir()) == []
    finally:
        bridge.remove_bridge(theirs)


@pytest.mark.skipif(is_systemd(), reason="systemd is the init here")
def test_cgroups_by_systemd_without_systemd_are_one_line(tmp_path: Path) -> None:
    done = command(*BRIDGED[:3], "cgroup_driver=systemd", "--out", str(tmp_path / "r"))
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
    assert "needs systemd as this host's init" in done.stderr
    assert not (tmp_path / "r").exists()


def test_what_click_itself_refuses_exits_2_without_a_traceback() -> None:
    for arguments in (["nonsense"], ["run", "cold-start", "--trials", "x"]):
        done = own_process(*arguments)
        assert done.returncode == 2
        assert "Traceback" not in done.stderr


@pytest.mark.daemon
def test_an_environment_that_cannot_work_exits_1_with_one_line(
    short_folder: Path, tmp_path: Path
) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(short_folder / "stale"))
    (tmp_path / "file").touch()
    run = ["run", "cold-start", "--trials", "1"]
    cases = {
        "no containerd answers": [*run, "--address", str(short_folder / "stale"), "--out", "r"],
        "is not there": [*run, "--address", str(short_folder / "none"), "--out", "r"],
        "cannot write results": [*run, "--out", str(tmp_path / "file")],
    }
    for message, arguments in cases.items():
        done = command(*arguments, cwd=tmp_path)
        assert done.returncode == 1, (message, done.stderr)
        assert message in done.stderr
        assert done.stderr.startswith("error: ")
        assert done.stderr.count("\n") == 1


@pytest.mark.daemon
@pytest.mark.parametrize("arguments", [["run", "cold-start"], ["demo"]])
def test_without_containerd_the_message_says_what_to_install(
    arguments: list[str], tmp_path: Path
) -> None:
    environment = {**os.environ, "PATH": str(tmp_path)}
    done = command(*arguments, "--out", str(tmp_path / "r"), env=environment)
    assert done.returncode == 1
    assert "apt-get install containerd" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.daemon
@pytest.mark.parametrize("arguments", [["run", "cold-start"], ["demo"]])
def test_without_root_the_message_says_so(arguments: list[str], tmp_path: Path) -> None:
    """The process only believes that it is not root: the interpreter may not be everybody's."""
    lie = "import os; os.geteuid = lambda: 65534; "
    code = f"{lie}from iluvatar_bench.commands.app import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments, "--out", str(tmp_path / "r")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert "root" in done.stderr
    assert "Traceback" not in done.stderr


def test_doctor_speaks_to_people_and_to_scripts() -> None:
    done = command("doctor", "--json")
    checks = {check["name"]: check for check in json.loads(done.stdout)}
    assert checks["linux"]["ok"]
    required_ok = all(check["ok"] for check in checks.values() if check["required"])
    assert (done.returncode == 0) == required_ok
    for check in checks.values():
        assert check["ok"] or check["remedy"]
    assert "cgroups" in command("doctor").stdout
    lacking = command("doctor", env={**os.environ, "PATH": "/nowhere"})
    assert lacking.returncode == 1
    assert "apt-get install" in lacking.stdout


def test_doctor_tells_the_known_bugs_of_what_is_installed(tmp_path: Path) -> None:
    for name, said in (("runc", "runc version 1.1.5+ds1"), ("crun", "crun version 1.21")):
        (tmp_path / name).write_text(f"#!/bin/sh\necho {said}\n")
        (tmp_path / name).chmod(0o755)
    told = command("doctor", "--json", env={**os.environ, "PATH": str(tmp_path)}).stdout
    bugs = {check["name"]: check["found"] for check in json.loads(told) if ": " in check["name"]}
    here = {"crun: hybrid cgroups"} if cgroups.mode() == "hybrid" else set()
    shared = {"runc: shared cgroup", "crun: shared cgroup"}
    assert set(bugs) == {"runc: unit that exists"} | shared | here
    assert "Kill(all) and Delete" in bugs["crun: shared cgroup"]
    assert "Delete" not in bugs["runc: shared cgroup"]


def test_help_is_there_for_every_command() -> None:
    for words in ([], ["run"], ["run", "cold-start"], ["demo"], ["notebook"], ["clean"]):
        done = command(*words, "--help")
        assert done.returncode == 0
        assert "Usage:" in done.stdout


def test_functions_are_listed() -> None:
    assert "hello" in command("function", "list").stdout.splitlines()


@pytest.mark.daemon
def test_a_run_prints_its_table_and_where_it_is_kept(tmp_path: Path) -> None:
    done = command(
        *("run", "cold-start", "--profile", "guarded", "--trials", "3", "--out", str(tmp_path)),
        *("--set", "server=http_server", "--set", "byte_code=shipped"),
    )
    assert done.returncode == 0, done.stderr
    assert "snapshot_overlay" in done.stdout
    assert "3 trials: 3 ok, 0 failed, 0 unknown; kept in " in done.stdout
    assert done.stderr == ""
    (run,) = tmp_path.iterdir()
    drawn = sorted(path.name for path in run.glob("*.png"))
    assert drawn == [f"{kind}.png" for kind in ("failure_rates", "lifecycles", "steps", "survival")]


def test_the_set_up_script_is_plain_posix_shell() -> None:
    done = subprocess.run(["sh", "-n", str(ROOT / "bench")], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
